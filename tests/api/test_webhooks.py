"""Subscriptions: who may have one, what an address must look like, secrets that are told once, versions, the end of one."""

import pytest
from support.asking import whistled
from support.receiver import signature

URL = "https://hooks.example/street"


def body(url=URL, types=("ticket.issued",), **more) -> dict:
    return {"url": url, "event_types": list(types)} | more


@pytest.fixture
def made(hooks):
    """Posts, and sees to it that what came of it ends with the test."""

    def post(client, expect: int = 201, key=None, **more):
        reply = client.post("/v1/webhooks", body(**more), key=key)
        assert reply.status == expect, reply
        if expect == 201 and "Idempotent-Replayed" not in reply.headers:
            hooks.all.append(type("Made", (), {"id": reply["id"], "client": client, "path": f"/v1/webhooks/{reply['id']}",
                                               "read": lambda self: client.get(self.path),
                                               "act": lambda self, a: client.post(f"{self.path}/{a}", {}, self.read().etag)})())
        return reply

    return post


def test_whose_it_is(street, elsewhere, made):
    own = made(street.city)
    assert own["organisation"]["code"] == "city" and own["active"] and own["created_by"]["id"] == street.person("city")
    assert made(street.city, organisation="city")["organisation"]["code"] == "city"
    assert made(street.city, 422, organisation="water").pointers == ["/organisation"]
    assert made(street.city, 422, organisation=None).code == "invalid_value"
    whole = made(street.admin)
    assert whole["organisation"] is None
    assert made(street.admin, organisation="water")["organisation"]["code"] == "water"
    assert made(street.admin, 422, organisation="nobody").code == "unknown_reference"
    for name in ("citizen", "grid1", "community_xf", "clerk", "dispatcher", "leader", "supervisor", "auditor", "property"):
        assert made(getattr(street, name), 403).code == "insufficient_role"
    # Colleagues keep it together; others do not know of it.
    for client, status in ((street.city2, 200), (street.admin, 200), (street.water, 404), (elsewhere.admin, 404),
                           (elsewhere.city, 404), (street.dispatcher, 403)):
        assert client.get(f"/v1/webhooks/{own['id']}").status == status, client.name
        for tail in ("events", "deliveries"):
            assert client.get(f"/v1/webhooks/{own['id']}/{tail}").status == status
        for action, etag in (("ping", None), ("retire", own.etag), ("rotate-secret", own.etag)):
            if status != 200:
                assert client.post(f"/v1/webhooks/{own['id']}/{action}", {}, etag).status == status
    assert street.city.get(f"/v1/webhooks/{whole['id']}").status == 404
    ids = {w["id"] for w in street.city.get("/v1/webhooks", limit=200)["items"]}
    assert own["id"] in ids and whole["id"] not in ids
    assert {own["id"], whole["id"]} <= {w["id"] for w in street.admin.get("/v1/webhooks", limit=200)["items"]}
    only = street.admin.get("/v1/webhooks", organisation="water", count="exact")
    assert {w["organisation"]["code"] for w in only["items"]} == {"water"} and only["total"] == len(only["items"])


def test_a_token_that_is_narrowed_keeps_none(street, made):
    """It would hear of more than it may see."""
    made(street.client("city", ["department"], areas=["XF"]), 403)
    made(street.client("admin", ["admin"], areas=["XF-01"]), 403)
    made(street.client("city", ["department"], org="water"), 403)
    own = made(street.city)
    assert street.client("city", ["department"], areas=["XF"]).get(f"/v1/webhooks/{own['id']}").status == 403
    assert street.client("city", ["department"], areas=["XF"]).get("/v1/webhooks").status == 403


@pytest.mark.parametrize("url", [
    "http://hooks.example:0/", "https://user@hooks.example/", "https://user:password@hooks.example/", "https://hooks.example/#part",
    "https://127.0.0.1:22/", "https://hooks.example:25/", "https://hooks.example:99999/", "https://10.0.0.1/", "https://192.168.1.1:8443/",
    "https://169.254.169.254/latest/meta-data", "https://100.64.0.1:8443/", "https://172.16.0.1:8443/", "https://0.0.0.0:8443/",
    "https://0:8443/", "https://2852039166:8443/", "https://0xa9fea9fe:8443/", "https://0251.0376.0251.0376:8443/",
    "https://0x0a.1:8443/", "https://10.1:8443/", "https://[::1]:8443/", "https://[::]:8443/", "https://[fe80::1]:8443/",
    "https://[fe80::1%25eth0]:8443/", "https://[fc00::1]:8443/", "https://[fd12:3456::1]:8443/", "https://[ff02::1]:8443/",
    "https://[::ffff:10.0.0.1]:8443/", "https://[::ffff:a00:1]:8443/", "https://[64:ff9b::a00:1]:8443/", "https://[2002:a00:1::]:8443/",
    "https://[2001::1]:8443/", "https://[::10.0.0.1]:8443/", "https://[2001:db8::1]:8443/", "https://224.0.0.1:8443/",
    "https://255.255.255.255:8443/", "http://8.8.8.8:8080/", "http://[2606:4700::1111]:8080/", "https://ho st.example:8443/",
    "https://hooks.example:8443@10.0.0.1:8443/", "https:///x", "https://:8443/x", "https://h%6fok/", "https://a_b!c:8443/",
])  # fmt: skip
def test_addresses_that_nobody_may_subscribe(street, url):
    reply = street.city.post("/v1/webhooks", body(url))
    assert reply.status == 422 and reply.pointers == ["/url"], f"{url}: {reply}"


def test_addresses_that_one_may_subscribe(street, made):
    """The tests' service allows 127.0.0.0/8 and the ports above 1023."""
    for url in ("https://hooks.example:8443/a?b=c", "https://8.8.8.8:8443/", "https://[2606:4700::1111]:8443/",
                "http://127.0.0.1:8080/", "https://127.1.2.3:8080/", "http://2130706433:8080/", "http://names.example:8080/",
                "http://[::ffff:127.0.0.1]:8080/"):
        assert made(street.admin, url=url)["url"] == url
    for wrong in ("ftp://hooks.example:8443/", "hooks.example", "https://höok.example:8443/", "https://a b:8443/", "x" * 501, 7, None):
        assert made(street.admin, 422, url=wrong).pointers == ["/url"]
    assert made(street.dispatcher, 403, url="https://10.0.0.1/").code == "insufficient_role", "403 comes before what is wrong"
    hook = made(street.city)
    path = f"/v1/webhooks/{hook['id']}"
    assert street.city.patch(path, {"url": "https://10.0.0.1:8443/"}, hook.etag).pointers == ["/url"]
    assert street.city.get(path)["url"] == URL


def test_types_are_a_closed_list(street, made):
    for types in ([], ["ticket.nothing"], ["case"], ["ticket.issued", "ticket.issued"], ["webhook.ping"], [1]):
        assert made(street.city, 422, types=types).code == "invalid_body"
    assert made(street.city, types=["*"])["event_types"] == ["*"]
    assert street.city.post("/v1/webhooks", body(secret="whsec_mine")).pointers == ["/secret"]


def test_the_secret_is_told_once(street, made, unique, db):
    first = made(street.city, key=unique)
    assert first["secret"].startswith("whsec_") and len(first["secret"]) == 50
    again = made(street.city, key=unique)
    assert again["id"] == first["id"] and "secret" not in again.json and again.headers["Location"] == first.headers["Location"]
    assert made(street.city, 422, key=unique, types=["case.closed"]).code == "idempotency_key_reused"
    second = made(street.city)
    assert second["secret"] != first["secret"]
    path = f"/v1/webhooks/{first['id']}"
    told = [street.city.get(path), street.city.get("/v1/webhooks", limit=200), street.city.get(f"{path}/events"),
            street.city.patch(path, {"description": "x"}, first.etag), street.admin.get(path)]
    for reply in told:
        assert reply.status == 200 and b"whsec_" not in reply.content, reply
    rotated = street.city.post(f"{path}/rotate-secret", {"grace_s": 60}, told[3].etag)
    assert rotated["secret"] not in (first["secret"], second["secret"]) and rotated["old_secret_until"]
    assert b"whsec_" not in street.city.get(path).content and b"whsec_" not in street.city.get(f"{path}/events").content
    kept = {row[0] for row in db.execute("SELECT secret FROM webhook_secrets WHERE webhook_id = %s", (first["id"],))}
    assert kept == {first["secret"], rotated["secret"]}


def test_versions(street, made):
    hook = made(street.city, description="Ours")
    path = f"/v1/webhooks/{hook['id']}"
    assert hook.headers["Location"] == path and hook["version"] == 1
    assert street.city.patch(path, {"description": "y"}).status == 428
    changed = street.city.patch(path, {"description": None, "event_types": ["case.closed"]}, hook.etag)
    assert (changed["version"], changed["description"], changed["event_types"]) == (2, None, ["case.closed"])
    assert street.city2.patch(path, {"description": "z"}, hook.etag).status == 412
    assert street.city.patch(path, {"description": None}, changed.etag)["version"] == 2, "what changes nothing"
    assert street.city.patch(path, {}, changed.etag).status == 422
    assert street.city.patch(path, {"organisation": "water"}, changed.etag).status == 422
    assert street.city.post(f"{path}/retire", {}).status == 428
    off = street.city.patch(path, {"active": False}, changed.etag)
    assert (off["active"], off["disabled_reason"], off["version"]) == (False, None, 3)
    assert [w["id"] for w in street.city.get("/v1/webhooks", active="false")["items"]] == [hook["id"]]
    ended = street.city.post(f"{path}/retire", {"note": "Closed down"}, off.etag)
    assert ended["retired_at"] and not ended["active"] and ended["allowed_actions"] == []
    for action in ("retire", "rotate-secret"):
        assert street.city.post(f"{path}/{action}", {}, ended.etag).code == "invalid_transition"
    assert street.city.post(f"{path}/ping").code == "invalid_transition"
    assert street.city.patch(path, {"active": True}, ended.etag).code == "invalid_transition"
    assert hook["id"] not in {w["id"] for w in street.city.get("/v1/webhooks", limit=200)["items"]}
    assert hook["id"] in {w["id"] for w in street.city.get("/v1/webhooks", limit=200, retired="true")["items"]}
    history = street.city.get(f"{path}/events", count="exact")
    assert [e["action"] for e in history["items"]] == ["retire", "edit", "edit", "create"] and history["total"] == 4
    assert history["items"][0]["data"] == {"note": "Closed down"}
    assert history["items"][0]["actor"]["id"] == street.person("city")
    page = street.city.get(f"{path}/events", limit=3)
    assert [e["action"] for e in street.city.get(f"{path}/events", limit=3, cursor=page["next_cursor"])["items"]] == ["create"]


def test_there_are_not_endlessly_many(street, made, db):
    before = db.execute("SELECT count(*) FROM webhooks WHERE tenant = 'street' AND organisation_code = 'water' "
                        "AND retired_at IS NULL").fetchone()[0]
    for _ in range(10 - before):
        made(street.water)
    assert made(street.water, 409).code == "limit_reached"
    assert made(street.admin, 409, organisation="water").code == "limit_reached"
    assert made(street.city)["active"], "others have theirs"
    ids = [w["id"] for w in street.water.get("/v1/webhooks", limit=4)["items"]]
    cursor = street.water.get("/v1/webhooks", limit=4)["next_cursor"]
    ids += [w["id"] for w in street.water.get("/v1/webhooks", limit=200, cursor=cursor)["items"]]
    assert len(ids) == len(set(ids)) == 10 and ids == sorted(ids, reverse=True)


def test_both_secrets_sign_while_one_is_replaced(street, hooks):
    hook = hooks.subscribe(street.city, ["ticket.issued"])
    old = hook.secret
    hook.ping()
    (only,) = hook.receiver.wait_for(1)
    assert only.signature == signature(old, only.id, only.timestamp, only.body)
    new = hook.act("rotate-secret")["secret"]
    hook.ping()
    both = hook.receiver.wait_for(2)[1]
    assert both.signature.split(" ") == [signature(s, both.id, both.timestamp, both.body) for s in (new, old)]
    newest = hook.act("rotate-secret", grace_s=3600)["secret"]
    hook.ping()
    third = hook.receiver.wait_for(3)[2]
    assert third.signature.split(" ") == [signature(s, third.id, third.timestamp, third.body) for s in (newest, new)]
    last = hook.act("rotate-secret", grace_s=0)
    assert last["old_secret_until"] is None
    hook.ping()
    alone = hook.receiver.wait_for(4)[3]
    assert alone.signature == signature(last["secret"], alone.id, alone.timestamp, alone.body)


def test_the_time_of_grace_ends(street, hooks, db):
    hook = hooks.subscribe(street.city, ["ticket.issued"])
    new = hook.act("rotate-secret", grace_s=60)["secret"]
    db.execute("UPDATE webhook_secrets SET valid_until = clock_timestamp() - interval '1 ms' "
               "WHERE webhook_id = %s AND valid_until IS NOT NULL", (hook.id,))
    hook.ping()
    (received,) = hook.receiver.wait_for(1)
    assert received.signature == signature(new, received.id, received.timestamp, received.body)
    assert hook.read()["old_secret_until"] is None


def test_nobody_hears_after_the_end(street, hooks):
    """Switched off: what happens meanwhile is not told, and what happens from then on is."""
    hook = hooks.subscribe(street.city, ["ticket.issued"])
    other = hooks.subscribe(street.city, ["ticket.issued"])
    whistled(street)
    hook.receiver.wait_for(1)
    hook.edit(active=False)
    whistled(street)
    other.receiver.wait_for(2)
    assert len(hook.receiver.got) == 1 and len(hook.deliveries()) == 1
    hook.edit(active=True)
    whistled(street)
    other.receiver.wait_for(3)
    last = hook.receiver.wait_for(2)[1]
    assert last.json == other.receiver.got[2].json
    hook.act("retire")
    whistled(street)
    other.receiver.wait_for(4)
    assert len(hook.receiver.got) == 2 and len(hook.deliveries()) == 2
