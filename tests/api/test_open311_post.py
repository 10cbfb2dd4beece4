"""Open311 GeoReport v2: reporting, by every field of the specification, with every refusal; tokens; a hostile app."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from support.open311 import LAT, LON, PLACE

HOLE = {"service_code": "o-hole", "description": "There is a hole"} | PLACE


def case_of(street, db, number: str) -> dict:
    """The case as the office sees it."""
    ((found,),) = db.execute("SELECT id FROM cases WHERE number = %s", (number,)).fetchall()
    return street.dispatcher.get(f"/v1/cases/{found}")


def test_every_field(app, street, db, clock):
    answer = app.post("requests", {
        "service_code": "o-hole", "lat": str(LAT), "long": str(LON), "address_string": "新风路12号", "email": "a@b.example",
        "device_id": "device-771", "account_id": "account-771", "first_name": "秀英", "last_name": "吕", "phone": "(0435) 123-4567",
        "description": "坑 <b>&amp;</b>\r\n\"two\"", "media_url": "http://pictures.example/1.jpg?a=b&c=d"})  # fmt: skip
    assert answer.status == 200
    number = answer.one["service_request_id"]
    assert answer.one == {"service_request_id": number, "service_notice": None, "account_id": "account-771"}
    case = case_of(street, db, number)
    assert case["number"] == number and case["state"] == "received" and case["kind"] == "problem" and case["category"]["code"] == "o-hole"
    assert case["source"] == "resident_app" and case["address"] == "新风路12号" and case["area"]["code"] == "XF-01"
    assert case["location"]["lon"] == LON and case["location"]["lat"] == LAT
    assert case["description"] == "坑 <b>&amp;</b>\r\n\"two\"\n\nhttp://pictures.example/1.jpg?a=b&c=d"
    assert case["reporter"]["name"] == "吕秀英" and case["reporter"]["phone"] == "0435 123-4567"
    assert case["arrive_due_at"] is None and case["resolve_due_at"] > case["received_at"]
    seen = app.seen(number)
    assert seen["description"] == "坑 <b>&amp;</b>\r\n\"two\"" and seen["media_url"] == "http://pictures.example/1.jpg?a=b&c=d"
    stored = str(db.execute("SELECT * FROM cases WHERE number = %s", (number,)).fetchall()) + str(
        db.execute("SELECT * FROM open311_requests").fetchall())
    assert "a@b.example" not in stored and "device-771" not in stored and "account-771" not in stored


def test_only_where(app):
    """Any of the three says where; none says nothing."""
    for where in (PLACE, {"address_string": "新风路12号"}):
        assert app.post("requests", {"service_code": "o-hole"} | where).status == 200
    none = app.post("requests", service_code="o-hole", description="Somewhere")
    assert none.status == 400 and none.said
    assert app.post("requests", service_code="o-hole", lat=LAT).said.startswith("long: ")
    assert app.post("requests", service_code="o-hole", long=LON).said.startswith("lat: ")
    assert app.post("requests", service_code="o-hole", address_id="nowhere").said.startswith("address_id: ")


def test_address_id(app, street, db):
    place = "01930000-0000-7000-8000-00000000a001"
    db.execute("INSERT INTO places (tenant, id, grid_code, kind, name, address, location) VALUES ('street', %s, 'XF-01', 'institution', 'School', '学府路1号', "
               "ST_SetSRID(ST_MakePoint(%s, %s), 4326)) ON CONFLICT DO NOTHING", (place, LON, LAT))
    number = app.post("requests", service_code="o-hole", address_id=place.upper()).one["service_request_id"]
    seen = app.seen(number)
    assert (seen["lat"], seen["long"], seen["address"], seen["address_id"]) == (LAT, LON, "学府路1号", place)


def test_nothing_said(app, street, db):
    """A description is optional: the case has the category's name for one, and that is not what was said."""
    number = app.post("requests", {"service_code": "o-hole"} | PLACE).one["service_request_id"]
    assert app.seen(number)["description"] is None
    assert case_of(street, db, number)["description"] == "坑 o-hole <&>"


@pytest.mark.parametrize("text", ["吹哨报到 🕳️", "a'b\"c<d>&e;--", "tab\tnew\nline", "\u202edrow", "e\u0301", "x" * 4000, "坑" * 4000])
def test_text_comes_back(app, text):
    assert app.seen(app.report(description=text))["description"] == text


def test_control_characters(app):
    """What XML cannot hold comes back as what stands for a character that is none."""
    number = app.report(description="a\x01b\x1f\uffff\r\n")
    assert app.seen(number)["description"] == ("a\x01b\x1f\uffff\r\n" if app.form == "json" else "a\ufffdb\ufffd\ufffd\r\n")
    assert app.post("requests", HOLE | {"description": "a\0b"}).status == 400


@pytest.mark.parametrize("field,value", [
    ("service_code", None), ("service_code", ""), ("lat", "91"), ("lat", "north"), ("lat", "4e1x"), ("long", "181"), ("long", "NaN"),
    ("lat", "Infinity"), ("lat", "41,6"), ("description", "x" * 4001), ("address_string", "x" * 201), ("phone", "call me"),
    ("media_url", "javascript:alert(1)"), ("media_url", "file:///etc/passwd"), ("media_url", "http://a b"), ("first_name", "x" * 51),
    ("attribute[nothing]", "1"), ("service_code", "x" * 64),
])  # fmt: skip
def test_fields_that_are_wrong(app, field, value):
    answer = app.post("requests", {name: text for name, text in (HOLE | {field: value}).items() if text is not None})
    assert answer.status == 400 and answer.said.startswith(field + ": "), answer


def test_all_faults_at_once(app):
    answer = app.post("requests", service_code="o-hole", lat="x", long="y", media_url="z")
    assert sorted(e["description"].split(":")[0] for e in answer.value) == ["lat", "long", "media_url"]


@pytest.mark.parametrize("code", ["no-such", "litter", "坑", "O-HOLE"])
def test_unknown_service(app, code):
    answer = app.post("requests", HOLE | {"service_code": code})
    assert answer.status == 404 and answer.said.startswith("service_code: ")


def test_attributes(app, street, db):
    """Every type, in the letters of a form."""
    number = app.report("o-asked", **{
        "attribute[depth]": "0.5", "attribute[holes]": "3", "attribute[hurt]": "false", "attribute[since]": "2027-02-28",
        "attribute[near]": "学校 & <park>", "attribute[size]": "l"})  # fmt: skip
    assert case_of(street, db, number)["answers"] == {
        "depth": 0.5, "holes": 3, "hurt": False, "since": "2027-02-28", "near": "学校 & <park>", "size": "l"}  # fmt: skip
    base = list((HOLE | {"service_code": "o-asked"}).items()) + [("attribute[depth]", "1")]
    for several in ([("attribute[what][]", "a"), ("attribute[what][]", "c")], [("attribute[what][]", "b")], [("attribute[what]", "b")]):
        one = app.post("requests", base + several).one["service_request_id"]
        assert case_of(street, db, one)["answers"] == {"depth": 1, "what": [value for _, value in several]}
    date = app.report("o-asked", **{"attribute[depth]": "1", "attribute[since]": "2027-02-28T00:00:00Z"})
    assert case_of(street, db, date)["answers"]["since"] == "2027-02-28"
    # It is the street's day: there 2027-02-28 has begun.
    date = app.report("o-asked", **{"attribute[depth]": "1", "attribute[since]": "2027-02-27T16:00:00.000Z"})
    assert case_of(street, db, date)["answers"]["since"] == "2027-02-28"


@pytest.mark.parametrize("code,value", [
    ("depth", None), ("depth", "deep"), ("depth", ""), ("holes", "1.5"), ("hurt", "maybe"), ("since", "today"), ("since", "2027-02-30"), ("since", "2027-02-28T25:00:00Z"), ("since", "2027-02-28 at noon"),
    ("since", "2027-02-28T00:00:00+99:00"), ("since", "2027-02-28 00:00 Nowhere/City"),
    ("near", "x" * 1001), ("size", "m"), ("size", "Large"), ("nothing", "x"), ("what", "z"),
])  # fmt: skip
def test_attributes_that_are_wrong(app, code, value):
    fields = {"attribute[depth]": "1"} | {f"attribute[{code}]": value}
    answer = app.post("requests", HOLE | {"service_code": "o-asked"} | {n: v for n, v in fields.items() if v is not None})
    assert answer.status == 400 and answer.said.startswith(f"attribute[{code}]: "), answer


def test_key(app, reader, new_app):
    assert reader.post("requests", HOLE).status == 403, "none"
    client, secret = app.key.rsplit(".", 1)
    stranger = new_app(app.form)
    for key in ("x", "x.y", client, f"{client}.", f"{client}.{secret[:-1]}", f"{client}.{secret}x", f"{client}.{'A' * 43}", secret,
                f"elsewhere.{app.key}", f"{stranger.key.rsplit('.', 1)[0]}.{secret}", "." * 300, "坑." + secret, f" {app.key}"):
        answer = reader.post("requests", HOLE | {"api_key": key})
        assert answer.status == 403 and answer.said, key
        assert reader.get("requests", api_key=key).status == 403, "wrong is worse than none"
    # The address is as good a place for it; the form alone is asked when it is there.
    pair = f"jurisdiction_id=street&api_key={app.key}"
    sent = app.client.form(f"/open311/v2/requests.{app.form}?{pair}", HOLE)
    assert sent.status == 200
    # First the key, then the rest.
    assert reader.post("requests", service_code="no-such", lat="x").status == 403
    assert reader.post("servicerequestupdates", service_request_id="x").status == 403


def test_key_that_is_no_more(app, street):
    """Without its scope, changed, or retired: refused at once."""
    client = app.key.rsplit(".", 1)[0]
    path = f"/v1/clients/{client}"
    assert app.post("requests", HOLE).status == 200
    street.admin.patch(path, {"scopes": ["cases:read"]}, street.admin.get(path).etag)
    assert app.post("requests", HOLE).status == 403 and app.get("requests").status == 403
    street.admin.patch(path, {"scopes": ["open311"]}, street.admin.get(path).etag)
    assert app.post("requests", HOLE).status == 200
    turned = street.admin.act("clients", client, "rotate-secret", credential="api_key", grace_seconds=60)
    new = turned["api_key"]
    assert app.post("requests", HOLE).status == 200 and app.post("requests", HOLE | {"api_key": new}).status == 400, "two keys: twice"
    old, app.key = app.key, new
    assert app.post("requests", HOLE).status == 200
    street.clock.forward(seconds=61)
    app.key = old
    assert app.post("requests", HOLE).status == 403
    app.key = new
    street.admin.act("clients", client, "retire")
    assert app.post("requests", HOLE).status == 403 and app.get("services").status == 403


def test_own_words_and_others(app, new_app, reader):
    """The same key reads back what it sent, where others get less."""
    number = app.report("o-quiet", address_string="新风路12号3单元502室", media_url="https://p.example/1.png", description="Call 13912345678")
    own, other = app.seen(number), new_app(app.form).seen(number)
    assert own["description"] == "Call 13912345678" and own["address"] == "新风路12号3单元502室"
    assert own["media_url"] == "https://p.example/1.png"
    assert other["description"] is other["media_url"] is None and other["address"] == "新风路12号"
    assert reader.seen(number) == other
    assert number in app.get("requests", service_request_id=number).ids


def test_token(app, reader, new_app, street, db):
    """What is looked at first answers with a token, which becomes a number; until then it is its client's alone."""
    answer = app.post("requests", HOLE | {"service_code": "o-looked", "account_id": "7"})
    token = answer.one["token"]
    assert answer.one == {"token": token, "service_notice": None, "account_id": "7"} and len(token) == 32
    assert reader.get(f"tokens/{token}").one == {"token": token, "service_request_id": None}
    ((number, case),) = db.execute("SELECT c.number, c.id FROM open311_requests o JOIN cases c ON c.id = o.case_id AND "
                                   "c.tenant = o.tenant WHERE o.token = %s", (token,)).fetchall()
    assert reader.get(f"requests/{number}").status == 404 and reader.get("requests", service_request_id=number).ids == []
    assert new_app(app.form).get(f"requests/{number}").status == 404
    assert app.seen(number)["status"] == "open"
    street.dispatcher.case(str(case), "accept")
    assert reader.get(f"tokens/{token}").one == {"token": token, "service_request_id": number}
    assert reader.seen(number)["description"] == "There is a hole"
    for wrong in ("x", "0" * 32, token + "0", token[:-1], "'", "坑"):
        assert reader.get(f"tokens/{wrong}").status == 404
    assert reader.get("tokens/" + "x" * 101).status == 400


def test_token_of_what_was_rejected(app, reader, street, db):
    """The token tells its reporter; the world never hears of it."""
    token = app.post("requests", HOLE | {"service_code": "o-looked"}).one["token"]
    ((case,),) = db.execute("SELECT case_id FROM open311_requests WHERE token = %s", (token,)).fetchall()
    street.dispatcher.case(str(case), "reject", code="false_report", basis="Nobody saw it", reason="There is no hole")
    number = reader.get(f"tokens/{token}").one["service_request_id"]
    assert number and app.seen(number)["status"] == "closed" and app.seen(number)["status_notes"] == "There is no hole"
    assert reader.get(f"requests/{number}").status == 404


def test_token_of_realtime_resolves_too(app, db, reader):
    number = app.report()
    ((token,),) = db.execute("SELECT token FROM open311_requests o JOIN cases c ON c.id = o.case_id WHERE number = %s", (number,)).fetchall()
    assert reader.get(f"tokens/{token}").status == 200


def test_idempotency(app, db):
    """GeoReport v2 knows no such header; who sends it has one effect."""
    first = app.post("requests", HOLE, key="one")
    again = app.post("requests", HOLE, key="one")
    assert first.one == again.one and again.headers["Idempotent-Replayed"] == "true"
    other = app.post("requests", HOLE | {"description": "Another"}, key="one")
    assert other.status == 400
    assert app.post("requests", HOLE).one["service_request_id"] != app.post("requests", HOLE).one["service_request_id"]
    token = app.post("requests", HOLE | {"service_code": "o-looked"}, key="two").one
    assert app.post("requests", HOLE | {"service_code": "o-looked"}, key="two").one == token


@pytest.mark.parametrize("body,status", [
    (b"service_code=%zz", 400), (b"service_code=%ff", 400), (b"service_code=a%00b", 400), (b"\xff\xfe", 400), (b"&" * 1000, 403),
    (b"=&=&=", 403), (b"&".join(b"x%d=1" % n for n in range(300)), 400), (b"a" * 70000, 413), (b"", 403), (b"{}", 403),
    (b"service_code=a&service_code=b", 403),
])  # fmt: skip
def test_forms_that_are_none(reader, body, status):
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    reply = reader.client.request("POST", f"/open311/v2/requests.{reader.form}", headers=headers, data=body)
    assert reply.status == status, reply


@pytest.mark.parametrize("kind", ["application/json", "text/plain", None, "application/x-www-form-urlencoded-not", "text/xml"])
def test_other_types(app, kind):
    reply = app.client.request("POST", f"/open311/v2/requests.{app.form}", headers={"Content-Type": kind}, data=b"service_code=o-hole")
    assert reply.status == 400, reply
    charset = app.client.request("POST", f"/open311/v2/requests.{app.form}?api_key={app.key}", data=b"service_code=o-hole&lat=41.605&long=125.705",
                                 headers={"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"})
    assert charset.status == 200
    assert kind != "application/json" or b"application/x-www-form-urlencoded" in reply.content, "what to send instead"


def test_fields_twice(app):
    for field in ("service_code", "lat", "description", "account_id"):
        answer = app.post("requests", list(HOLE.items()) + [(field, "o-hole" if field == "service_code" else "41")])
        if field == "account_id":
            answer = app.post("requests", [*HOLE.items(), ("account_id", "1"), ("account_id", "2")])
        assert answer.status == 400 and field in answer.said
    assert app.post("requests", [*HOLE.items(), ("unknown", "1"), ("unknown", "2")]).status == 200
    assert app.post("requests", [*HOLE.items(), ("description", "")]).status == 200, "empty is absent"
    media = app.post("requests", [*HOLE.items()] + [("media_url", f"https://p.example/{n}") for n in range(5)])
    assert media.status == 200
    assert app.post("requests", [*HOLE.items()] + [("media_url", f"https://p.example/{n}") for n in range(6)]).status == 400


@pytest.mark.parametrize("name", ["attribute", "attribute[", "attribute[]", "attribute[depth", "attribute[depth]x", "attribute[a][b]",
                                  "attribute[[depth]]", "description[]", "description[x]", "x" * 500, "[", "]", "attribute[" + "x" * 300 + "]"])
def test_odd_names_are_passed_over(app, name):
    assert app.post("requests", [*HOLE.items(), (name, "1")]).status == 200
    assert app.post("requests", [*HOLE.items(), ("service_code[]", "litter")]).status == 200


def test_a_hostile_app(app, new_app, street, db, clock):
    """What it sends stays text, and what is another's stays another's."""
    victim = new_app(app.form)
    number = victim.report("o-quiet", description="Private words")
    for text in ("'); DROP TABLE cases; --", "${jndi:ldap://x}", "<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]>&b;", "]]>",
                 "{{7*7}}", "%s%n", "\\x00", "a" * 4000):
        assert app.seen(app.report(description=text))["description"] == text
    assert "Private words" not in str(app.seen(number)) and app.seen(number)["description"] is None
    assert app.post("servicerequestupdates", service_request_id=number, update_id="1", description="Mine now").status == 404
    # A key is nothing where a token is asked for, and the other way round.
    assert app.client.request("GET", f"/v1/cases?api_key={app.key}").status == 401
    assert app.client.request("GET", "/v1/cases", headers={"Authorization": f"Bearer {app.key}"}).status == 401
    token = street.client("dispatcher", ["dispatcher"]).token
    assert app.client.form(f"/open311/v2/requests.{app.form}", HOLE | {"jurisdiction_id": "street"},
                           Authorization=f"Bearer {token}").status == 403
    # The clock, the level, the state: none is its to set.
    sent = app.post("requests", HOLE | {"requested_datetime": "2001-01-01T00:00:00Z", "status": "closed", "level": "major", "state": "closed",
                                        "created_by": "x", "register": "true", "kind": "dispute", "source": "patrol"})
    case = case_of(street, db, sent.one["service_request_id"])
    assert case["state"] == "received" and case["kind"] == "problem" and case["source"] == "resident_app"


def test_at_the_same_time(new_app):
    app = new_app("json")
    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(lambda _: app.report(), range(24)))
        same = list(pool.map(lambda _: app.post("requests", HOLE, key="same"), range(8)))
    assert len(set(numbers)) == 24
    assert len({a.one["service_request_id"] for a in same if a.status == 200}) == 1
    assert all(a.status in (200, 400) for a in same)
