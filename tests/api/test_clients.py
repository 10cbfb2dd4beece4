"""Machine clients: who makes them, what their secrets are worth, and how a secret becomes a token (RFC 6749)."""

import base64
import hashlib
import json
from datetime import timedelta

import pytest
from support.client import Client
from support.service import Service
from support.world import Clock, Street

TOKEN = "/v1/oauth/token"
GRANT = {"grant_type": "client_credentials"}


def made(street, *scopes, **more):
    reply = street.admin.post("/v1/clients", {"name": "App", "scopes": list(scopes or ("cases:create", "cases:read"))} | more)
    assert reply.status == 201, reply
    return reply


def basic(client: str, secret: str) -> dict:
    return {"Authorization": "Basic " + base64.b64encode(f"{client}:{secret}".encode()).decode()}


def granted(anonymous, reply, **more):
    return anonymous.form(TOKEN, GRANT | {"client_id": reply["client_id"], "client_secret": reply["client_secret"]} | more)


def machine(street, anonymous, reply, **more) -> Client:
    answer = granted(anonymous, reply, **more)
    assert answer.status == 200, answer
    return Client(street.service.base, street.contract, answer["access_token"], reply["client_id"], street.clock)


def claims_of(token: str) -> dict:
    body = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))


# Administration


def test_life_of_a_client(street, db):
    admin = street.admin
    client = made(street, "cases:create", "open311", name="随手拍")
    path = f"/v1/clients/{client['client_id']}"
    assert client.headers["Location"] == path
    assert client["client_id"].startswith("street.") and client["organisation"] is None and client["active"]
    assert sorted(s["credential"] for s in client["secrets"]) == ["api_key", "client_secret"]
    assert client["api_key"].startswith(client["client_id"] + ".")
    assert len(client["client_secret"]) == 43 and len(client["api_key"].rsplit(".", 1)[1]) == 43
    # Shown once, and kept by nobody.
    again = admin.get(path)
    assert "client_secret" not in again.json and "api_key" not in again.json
    text = str(db.execute("SELECT * FROM client_secrets").fetchall()) + str(db.execute("SELECT * FROM admin_events").fetchall())
    assert client["client_secret"] not in text and client["api_key"].rsplit(".", 1)[1] not in text
    hashes = {bytes(row[0]) for row in db.execute("SELECT hash FROM client_secrets").fetchall()}
    assert hashlib.sha256(client["client_secret"].encode()).digest() in hashes

    edited = admin.patch(path, {"name": "茂山随手拍", "scopes": ["cases:read"]}, again.etag)
    assert edited.status == 200 and edited["name"] == "茂山随手拍" and edited["scopes"] == ["cases:read"] and edited["version"] == 2
    assert admin.patch(path, {"name": "x"}, again.etag).status == 412
    assert admin.patch(path, {"name": "x"}).status == 428
    retired = admin.act("clients", client["client_id"], "retire", note="over")
    assert retired["active"] is False
    assert admin.post(f"{path}/retire", {}, retired.etag).code == "already_done"
    assert admin.post(f"{path}/rotate-secret", {"credential": "client_secret", "grace_seconds": 0}, retired.etag).code == "client_retired"
    events = admin.get("/v1/admin-events", kind="client", key=client["client_id"])["items"]
    assert [e["action"] for e in events] == ["retire", "edit", "create"] and events[0]["note"] == "over"


def test_list_of_clients(street):
    one = made(street, "open311")
    active = [c["client_id"] for c in all_pages(street.admin, active="true", limit=2)]
    assert one["client_id"] in active and active == sorted(active)
    assert one["client_id"] in [c["client_id"] for c in street.auditor.get("/v1/clients", scope="open311", limit=100)["items"]]
    assert one["client_id"] not in [c["client_id"] for c in street.admin.get("/v1/clients", scope="tickets:work", limit=100)["items"]]
    assert street.admin.get("/v1/clients", count="exact", limit=1)["total"] >= 1
    for somebody in (street.dispatcher, street.leader, street.citizen, street.city):
        assert somebody.get("/v1/clients").code == "insufficient_role"
        assert somebody.get(f"/v1/clients/{one['client_id']}").code == "insufficient_role"
    assert street.auditor.post("/v1/clients", {"name": "x", "scopes": ["open311"]}).code == "insufficient_role"


def all_pages(client, **filters):
    cursor = None
    while True:
        page = client.get("/v1/clients", cursor=cursor, **filters)
        assert page.status == 200, page
        yield from page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return


def test_what_the_body_says_wrong(street):
    post = lambda **body: street.admin.post("/v1/clients", {"name": "x", "scopes": ["open311"]} | body)  # noqa: E731
    assert post(scopes=[]).pointers == ["/scopes"]
    assert post(scopes=["cases:create", "root"]).pointers == ["/scopes/1"]
    assert post(scopes=["open311", "open311"]).pointers == ["/scopes"]
    assert post(organisation="nowhere").code == "unknown_reference"
    assert post(scopes=["tickets:work"]).pointers == ["/organisation"]
    assert post(client_id="street.mine").pointers == ["/client_id"]
    assert street.admin.get("/v1/clients/street.0123456789abcdef0123456789abcdef").status == 404
    # Another street's is not there.
    other = made(street)["client_id"]
    assert Client(street.service.base, street.contract, None).get(f"/v1/clients/{other}").status == 401


def test_another_street_sees_nothing(street, elsewhere):
    client = made(street)
    assert elsewhere.admin.get(f"/v1/clients/{client['client_id']}").status == 404
    assert client["client_id"] not in [c["client_id"] for c in elsewhere.admin.get("/v1/clients", limit=100)["items"]]
    rotate = elsewhere.admin.post(f"/v1/clients/{client['client_id']}/rotate-secret",
                                  {"credential": "client_secret", "grace_seconds": 0}, '"1"')
    assert rotate.status == 404


def test_a_client_is_no_person_of_the_staff(street, db):
    client = made(street, "tickets:work", organisation="city")
    person = db.execute("SELECT id FROM people WHERE subject = %s", (client["client_id"],)).fetchone()[0]
    assert street.admin.get(f"/v1/people/{person}").status == 404
    assert street.admin.patch(f"/v1/people/{person}", {"roles": ["leader"]}, "*").status == 404
    assert str(person) not in [p["id"] for p in street.admin.get("/v1/people", limit=100)["items"]]
    assert street.admin.post("/v1/people", {"subject": "robot", "name": "x", "roles": ["client"]}).status == 422


def test_a_repeat_shows_no_secret_again(street, unique):
    body = {"name": "Once", "scopes": ["open311"]}
    first = street.admin.post("/v1/clients", body, key=unique)
    again = street.admin.post("/v1/clients", body, key=unique)
    assert again.status == 201 and again.headers["Idempotent-Replayed"] == "true"
    assert again["client_id"] == first["client_id"] and "client_secret" in first.json
    assert "client_secret" not in again.json and "api_key" not in again.json
    path = f"/v1/clients/{first['client_id']}/rotate-secret"
    body = {"credential": "api_key", "grace_seconds": 60}
    rotated = street.admin.post(path, body, first.etag, key=unique + "r")
    replay = street.admin.post(path, body, first.etag, key=unique + "r")
    assert "api_key" in rotated.json and replay.headers["Idempotent-Replayed"] == "true" and "api_key" not in replay.json
    assert street.admin.post(path, body | {"grace_seconds": 61}, first.etag, key=unique + "r").code == "idempotency_key_reused"


# Tokens


def test_a_secret_becomes_a_token(street, anonymous):
    client = made(street, "cases:create", "cases:read")
    answer = granted(anonymous, client)
    assert answer.status == 200
    assert answer.json == {"access_token": answer["access_token"], "token_type": "Bearer", "expires_in": 600,
                           "scope": "cases:create cases:read"}
    assert answer.headers["Cache-Control"] == "no-store" and answer.headers["Pragma"] == "no-cache"
    assert answer.headers["Content-Type"] == "application/json"
    claims = claims_of(answer["access_token"])
    assert claims["sub"] == client["client_id"] and claims["tenant"] == "street" and claims["exp"] - claims["iat"] == 600
    assert claims["roles"] == ["client", "cases:create", "cases:read"] and "org" not in claims and claims["jti"]

    app = machine(street, anonymous, client)
    assert app.get("/v1/me")["roles"] == ["client"]
    case = app.post("/v1/cases", street.body("XF-01"))
    assert case.status == 201 and case["reporter"] is None and case["source"] == "other"
    assert app.get(f"/v1/cases/{case['id']}")["id"] == case["id"]
    # What others report is not its own.
    assert app.get(f"/v1/cases/{street.report(at='XF-01')['id']}").status == 404
    assert [c["id"] for c in app.get("/v1/cases")["items"]] == [case["id"]]
    street.dispatcher.case(case["id"], "accept")
    assert [e["action"] for e in app.get(f"/v1/cases/{case['id']}/events")["items"]] == ["create", "accept"]


def test_basic_is_as_good_as_the_body(street, anonymous):
    client = made(street)
    ident, secret = client["client_id"], client["client_secret"]
    assert anonymous.form(TOKEN, GRANT, **basic(ident, secret)).status == 200
    # Each half is form-encoded before (RFC 6749, 2.3.1); the id may stand in the body too.
    assert anonymous.form(TOKEN, GRANT, **basic(ident.replace(".", "%2E"), secret)).status == 200
    assert anonymous.form(TOKEN, GRANT | {"client_id": ident}, **basic(ident, secret)).status == 200
    both = anonymous.form(TOKEN, GRANT | {"client_id": ident, "client_secret": secret}, **basic(ident, secret))
    assert both.status == 400 and both["error"] == "invalid_request"
    assert anonymous.form(TOKEN, GRANT | {"client_id": "other"}, **basic(ident, secret))["error"] == "invalid_request"


def test_what_is_passed_over_and_what_is_not(street, anonymous):
    client = made(street)
    assert granted(anonymous, client, resource="x", scope="").status == 200
    ident, secret = client["client_id"], client["client_secret"]
    pairs = [("grant_type", "client_credentials"), ("client_id", ident), ("client_secret", secret)]
    for twice in pairs:
        reply = anonymous.form(TOKEN, [*pairs, twice])
        assert reply.status == 400 and reply["error"] == "invalid_request", reply
    for data in (b"grant_type=client_credentials&scope=%ff", b"grant_type=%zz", b"grant_type=a%00b", b"a=1&" * 300):
        reply = anonymous.request("POST", TOKEN, headers={"Content-Type": "application/x-www-form-urlencoded"}, data=data)
        assert reply.status == 400 and reply["error"] == "invalid_request", reply
    reply = anonymous.request("POST", TOKEN, body=GRANT)
    assert reply.status == 415 and reply["error"] == "invalid_request"
    # Neither in the address.
    reply = anonymous.form(f"{TOKEN}?client_id={ident}&client_secret={secret}", GRANT)
    assert reply.status == 400 and reply["error"] == "invalid_request"
    big = anonymous.form(TOKEN, GRANT | {"client_id": "a" * 70000})
    assert big.status == 413 and big["error"] == "invalid_request"


@pytest.mark.parametrize("fields,status,error", [
    ({}, 400, "invalid_request"),
    ({"grant_type": ""}, 400, "invalid_request"),
    ({"grant_type": "password"}, 400, "unsupported_grant_type"),
    ({"grant_type": "authorization_code"}, 400, "unsupported_grant_type"),
    (GRANT, 401, "invalid_client"),
    (GRANT | {"client_id": "street.0123456789abcdef0123456789abcdef", "client_secret": "x"}, 401, "invalid_client"),
    (GRANT | {"client_id": "nonsense", "client_secret": "x"}, 401, "invalid_client"),
    (GRANT | {"client_id": "a' OR '1'='1", "client_secret": "' OR 1=1 --"}, 401, "invalid_client"),
    (GRANT | {"client_id": "x" * 201, "client_secret": "x"}, 400, "invalid_request"),
    (GRANT | {"scope": 'a"b'}, 400, "invalid_request"),
])  # fmt: skip
def test_errors_are_those_of_the_rfc(anonymous, fields, status, error):
    reply = anonymous.form(TOKEN, fields)
    assert reply.status == status and reply["error"] == error and set(reply.json) == {"error", "error_description"}
    assert reply.headers["Content-Type"] == "application/json" and reply.headers["Cache-Control"] == "no-store"
    assert all(0x20 <= ord(c) < 0x7F and c not in '"\\' for c in reply["error_description"])
    assert ("WWW-Authenticate" in reply.headers) == (status == 401)
    if status == 401:
        assert reply.headers["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.parametrize("header", ["Basic", "Basic ", "Basic !!!", "Basic YQ==", "Basic Og==", "Basic " + "A" * 5000, "Bearer x",
                                    "Basic " + base64.b64encode(b"a:\xff").decode()])  # fmt: skip
def test_headers_that_say_nothing(anonymous, header):
    reply = anonymous.form(TOKEN, GRANT, Authorization=header)
    assert reply.status == 401 and reply["error"] == "invalid_client"


def test_scope_narrows(street, anonymous):
    client = made(street, "cases:create", "cases:read")
    narrow = granted(anonymous, client, scope="cases:create")
    assert narrow["scope"] == "cases:create" and claims_of(narrow["access_token"])["roles"] == ["client", "cases:create"]
    app = machine(street, anonymous, client, scope="cases:create")
    case = app.post("/v1/cases", street.body("XF-01"))
    assert case.status == 201
    refused = app.get(f"/v1/cases/{case['id']}")
    assert refused.code == "insufficient_role" and 'error="insufficient_scope"' in refused.headers["WWW-Authenticate"]
    for scope in ("tickets:work", "cases:create admin", "cases:create  open311", "department", "cases", " "):
        reply = granted(anonymous, client, scope=scope)
        assert reply.status == 400 and reply["error"] == "invalid_scope", (scope, reply)


def test_what_the_row_may_no_longer_a_token_may_neither(street, anonymous):
    client = made(street, "cases:create", "cases:read")
    app = machine(street, anonymous, client)
    street.admin.patch(f"/v1/clients/{client['client_id']}", {"scopes": ["cases:read"]}, client.etag)
    assert app.post("/v1/cases", street.body("XF-01")).code == "insufficient_role"
    assert app.get("/v1/cases").status == 200
    street.admin.act("clients", client["client_id"], "retire")
    assert app.get("/v1/cases").code == "subject_inactive"
    assert granted(anonymous, client)["error"] == "invalid_client"
    back = street.admin.get(f"/v1/clients/{client['client_id']}")
    street.admin.patch(f"/v1/clients/{client['client_id']}", {"active": True}, back.etag)
    assert app.get("/v1/cases").status == 200


def test_scopes_of_a_token_do_not_make_a_machine(street, anonymous):
    """Whatever a token claims, the database knows who is a client and what it may."""
    for roles in (["citizen", "cases:create"], ["cases:create"], ["client", "cases:create", "tickets:work"]):
        somebody = street.client("stranger-with-scopes", roles)
        assert somebody.get("/v1/tickets").code in ("insufficient_role", "unknown_subject")
    client = made(street, "cases:create")
    # Its name on a person's token opens nothing, nor do roles that it never had.
    for roles in (["department"], ["dispatcher"], ["client"], ["client", "department"], ["client", "tickets:work", "department"],
                  ["client", "open311"], ["admin", "client", "cases:create"]):
        forged = street.client(client["client_id"], roles)
        for path in ("/v1/tickets", "/v1/cases", "/v1/people", "/v1/clients", "/v1/early-warnings"):
            assert forged.get(path).code == "insufficient_role", (roles, path)


def test_a_department_pulls_its_tickets(street, anonymous):
    client = made(street, "tickets:work", organisation="city")
    app = machine(street, anonymous, client)
    assert claims_of(app.token)["roles"] == ["client", "department", "tickets:work"] and claims_of(app.token)["org"] == "city"
    assert app.get("/v1/me")["roles"] == ["client", "department"]
    case = street.report(at="XF-01")
    street.dispatcher.case(case["id"], "accept")
    street.dispatcher.case(case["id"], "register", level="complex")
    street.dispatcher.case(case["id"], "whistle", kind="everyday", tickets=[
        {"organisation": "city", "role": "lead", "task": "Fix it"}, {"organisation": "water", "role": "assist", "task": "Help"}])
    ticket = next(t for t in app.get("/v1/tickets", case=case["id"])["items"])
    assert app.ticket(ticket["id"], "sign")["state"] == "signed"
    assert app.ticket(ticket["id"], "report-in", point={"lon": 125.705, "lat": 41.605, "accuracy": 5})["state"] == "reported_in"
    assert app.ticket(ticket["id"], "start")["state"] == "in_progress"
    assert app.get(f"/v1/cases/{case['id']}")["id"] == case["id"]
    # A machine is no colleague: what else departments may do is not open to it.
    assert app.get("/v1/early-warnings").code == "insufficient_role"
    assert app.post(f"/v1/cases/{case['id']}/comment", {"text": "x", "visibility": "internal"}).code == "insufficient_role"
    assert app.post("/v1/cases", street.body("XF-01")).code == "insufficient_role"
    water = next(t for t in street.water.get("/v1/tickets", case=case["id"])["items"])
    assert app.get(f"/v1/tickets/{water['id']}").status == 404
    # With the scope goes the role.
    row = street.admin.get(f"/v1/clients/{client['client_id']}")
    street.admin.patch(f"/v1/clients/{client['client_id']}", {"scopes": ["cases:read"]}, row.etag)
    assert app.get("/v1/tickets").code == "insufficient_role"


def test_a_client_adds_to_its_own_report(street, anonymous):
    app = machine(street, anonymous, made(street))
    other = machine(street, anonymous, made(street))
    case = app.post("/v1/cases", street.body("XF-01"))
    path = f"/v1/cases/{case['id']}/comment"
    assert app.post(path, {"text": "It got worse", "visibility": "internal"}).status == 200
    assert other.post(path, {"text": "x", "visibility": "internal"}).status == 404
    note = next(e for e in street.dispatcher.get(f"/v1/cases/{case['id']}/events")["items"] if e["action"] == "comment")
    assert note["note"] == "It got worse" and note["role"] == "client" and note["visibility"] == "staff"
    assert app.post("/v1/cases", street.body("XF-01", register=True)).status == 403


# Secrets that are replaced


def test_two_secrets_are_good_for_a_while(street, anonymous):
    clock = street.clock
    anonymous.clock = clock
    client = made(street)
    path = f"/v1/clients/{client['client_id']}/rotate-secret"
    second = street.admin.post(path, {"credential": "client_secret", "grace_seconds": 3600}, client.etag)
    assert second.status == 200 and second["version"] == 2 and len(second["secrets"]) == 2
    assert granted(anonymous, client).status == 200 and granted(anonymous, second).status == 200
    clock.forward(minutes=59)
    assert granted(anonymous, client).status == 200
    clock.forward(minutes=2)
    assert granted(anonymous, client)["error"] == "invalid_client" and granted(anonymous, second).status == 200
    # A third ends the one that was on its way out.
    third = street.admin.post(path, {"credential": "client_secret", "grace_seconds": 86400}, second.etag)
    fourth = street.admin.post(path, {"credential": "client_secret", "grace_seconds": 86400}, third.etag)
    assert len(fourth["secrets"]) == 2
    assert [granted(anonymous, c).status for c in (second, third, fourth)] == [401, 200, 200]
    last = street.admin.post(path, {"credential": "client_secret", "grace_seconds": 0}, fourth.etag)
    assert [granted(anonymous, c).status for c in (third, fourth, last)] == [401, 401, 200]
    assert street.admin.post(path, {"credential": "client_secret", "grace_seconds": 604801}, last.etag).pointers == ["/grace_seconds"]
    assert street.admin.post(path, {"credential": "api_key", "grace_seconds": 0}, last.etag).code == "invalid_value"
    assert street.admin.post(path, {"credential": "client_secret", "grace_seconds": 0}).status == 428
    assert street.admin.post(path, {"credential": "client_secret", "grace_seconds": 0}, client.etag).status == 412


def test_use_is_noted_once_a_minute(street, anonymous):
    anonymous.clock = street.clock
    client = made(street)
    used = lambda: street.admin.get(f"/v1/clients/{client['client_id']}")["last_used_at"]  # noqa: E731
    assert used() is None
    granted(anonymous, client, client_secret="wrong")
    assert used() is None
    granted(anonymous, client)
    first = used()
    assert first == street.clock.now.isoformat(timespec="milliseconds")
    street.clock.forward(seconds=59)
    granted(anonymous, client)
    assert used() == first
    street.clock.forward(seconds=1)
    granted(anonymous, client)
    assert used() == street.clock.now.isoformat(timespec="milliseconds")


# Limits


@pytest.fixture
def narrow(postgres, service, contract):
    """A second instance on the same database, with small limits and one worker: its buckets are its own."""
    second = Service(postgres, "main", workers=1, failure_burst=3, client_rate=4)
    second.start()
    yield Street(second, contract, Clock(), "street")
    assert second.stop() == 0


def test_wrong_secrets_are_counted(narrow, contract):
    anonymous = Client(narrow.service.base, contract, None)
    client, other = made(narrow), made(narrow)
    wrong = [granted(anonymous, client, client_secret="guess").status for _ in range(5)]
    assert wrong[:3] == [401] * 3 and wrong[3:] == [429] * 2
    refused = granted(anonymous, client, client_secret="guess")
    assert refused["error"] == "temporarily_unavailable" and int(refused.headers["Retry-After"]) >= 1
    # Guessing shuts nobody out: neither the client itself nor another.
    assert granted(anonymous, client).status == 200
    assert granted(anonymous, other, client_secret="guess").status == 401


def test_a_client_has_its_rate(narrow, contract):
    anonymous = Client(narrow.service.base, contract, None)
    client = made(narrow)
    app = machine(narrow, anonymous, client)
    statuses = [app.get("/v1/cases").status for _ in range(8)]
    assert statuses[0] == 200 and 429 in statuses
    assert narrow.dispatcher.get("/v1/cases").status == 200


def test_several_keys_want_a_choice(postgres, contract):
    """With two keys that can sign, the operator says which; until then there are no tokens, and nobody else is hurt."""
    second = Service(postgres, "main", workers=1)
    (second.folder / "keys" / "other.hs256").write_bytes(b"another secret of the tests, 32+ bytes long")
    (second.folder / "keys" / "other.hs256").chmod(0o600)
    second.start()
    street = Street(second, contract, Clock(), "street")
    anonymous = Client(second.base, contract, None)
    client = made(street)
    refused = granted(anonymous, client)
    assert refused.status == 503 and refused["error"] == "temporarily_unavailable"
    assert second.stop() == 0
    assert "several keys" in second.log_text()
    second.environment["WHISTLED_SIGNING_KID"] = "other"
    second.start()
    assert machine(street, anonymous, client).get("/v1/cases").status == 200
    assert second.stop() == 0


def test_clock_of_the_token(postgres, contract):
    second = Service(postgres, "main", workers=1, client_token_s=30, leeway_s=0)
    second.start()
    street = Street(second, contract, Clock(), "street")
    answer = granted(Client(second.base, contract, None), made(street))
    assert answer["expires_in"] == 30
    claims = claims_of(answer["access_token"])
    assert timedelta(seconds=claims["exp"] - claims["iat"]) == timedelta(seconds=30)
    assert second.stop() == 0
