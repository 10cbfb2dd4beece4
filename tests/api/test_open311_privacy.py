"""What Open311 tells the world, and what never."""

import pytest
from support.open311 import PLACE

SPAN = {"page_size": 1000}


def shown(reader, number: str) -> bool:
    """By number, in the list and among the updates: the same answer everywhere."""
    one = reader.get(f"requests/{number}").status
    by_number = reader.get("requests", service_request_id=number).ids
    listed = number in reader.get("requests", **SPAN).ids
    assert (one == 200) == bool(by_number) == listed and one in (200, 404)
    return listed


def test_nothing_is_public_by_itself(reader, street, offered):
    """A category says so first; a new one does not."""
    for category in ("litter", "pothole", "gas_leak", "advice"):
        assert not shown(reader, street.report(category=category, at="XF-01")["number"])
    kind, code = f"o_{reader.form}", f"o-new-{reader.form}"
    entry = {"dictionary": "category_class", "code": kind, "zh": "新类", "en": "New class"}
    assert street.admin.post("/v1/dictionary-entries", entry).status == 201
    made = street.admin.post("/v1/categories", {
        "code": code, "class": kind, "zh": "新", "en": "New", "lead_organisation": "city", "on_scene": False})
    assert made.status == 201 and made["open311"] == "none" and made["open311_description"] is False
    number = street.report(category=code, at="XF-01")["number"]
    assert not shown(reader, number) and reader.get(f"services/{code}").status == 404
    path = f"/v1/categories/{code}"
    opened = street.admin.patch(path, {"open311": "realtime"}, made.etag)
    assert opened.status == 200 and shown(reader, number) and reader.get(f"services/{code}").status == 200
    assert [s["group"] for s in reader.get("services").value if s["service_code"] == code] == ["New class"]
    retired = street.admin.act("categories", code, "retire")
    assert retired["active"] is False and reader.get(f"services/{code}").status == 404
    assert street.admin.patch(path, {"open311": "none"}, retired.etag).status == 200
    assert not shown(reader, number)


@pytest.mark.parametrize("what", [
    {"kind": "dispute", "dispute": True}, {"tags": ["petition"]}, {"tags": ["accident"]}, {"tags": ["police_case"]},
    {"reporter": {"name": "吕秀英", "phone": "13912345678", "private": True}},
])  # fmt: skip
def test_kinds_that_concern_people(reader, street, offered, what):
    what = {name: value for name, value in what.items() if name != "dispute"}
    hidden = street.report(street.dispatcher, category="o-hole", at="XF-01", source="phone", **what)
    assert not shown(reader, hidden["number"])


def test_somebody_who_wants_to_be_private_joins(reader, street, offered, db):
    """One reporter who wants it hides what was shown."""
    public = street.report(category="o-hole", at="XF-01")
    assert shown(reader, public["number"])
    joined = street.report(street.citizen2, category="o-hole", at="XF-01", reporter={"private": True})
    assert not shown(reader, joined["number"])
    street.dispatcher.case(joined["id"], "merge", into=public["id"], reason="The same hole")
    assert not shown(reader, public["number"])


def test_without_a_place(reader, street, offered):
    assert not shown(reader, street.report(street.dispatcher, category="o-hole", source="phone", area="XF-01")["number"])


def test_what_residents_say_elsewhere(app, reader, street, offered):
    """Their words, names and phones were not meant for strangers: title, words and reporter stay inside."""
    case = street.report(street.dispatcher, category="o-hole", at="XF-01", source="phone", title="吕秀英家门口", address="新风路12号3单元502室",
                         description="吕秀英说门口有坑，电话13912345678", reporter={"name": "吕秀英", "phone": "13912345678"})
    street.dispatcher.case(case["id"], "accept")
    for one in (reader, app):
        seen = one.seen(case["number"])
        assert seen["description"] is None and seen["media_url"] is None and seen["address"] == "新风路12号"
        everything = str(seen) + str(one.get("servicerequestupdates", service_request_id=case["number"]).value)
        for secret in ("吕秀英", "13912345678", "502", "Dispatcher", "Grid", "phone", case["id"], "XF-01"):
            assert secret not in everything, secret


WORDS = [
    ("电话13912345678找我", "电话***找我"), ("call +86 139-1234-5678 now", "call *** now"), ("(0435) 123-4567", "(***"),
    ("０４３５１２３４５６７", "***"), ("id 22058119900307123X", "id ***"), ("mail a.b+c@mail.example.cn!", "mail ***!"),
    ("吕秀英在家", "吕**在家"), ("2027-03-03 那天塌的", "2027-03-03 那天塌的"), ("宽12米 深3米", "宽12米 深3米"),
    ("12号楼前", "12号楼前"), ("QQ 123456789", "QQ ***"),
]  # fmt: skip


@pytest.mark.parametrize("said,told", WORDS)
def test_masks(app, reader, said, told):
    """What a report that came by Open311 says is published where the category says so, without who said it."""
    number = app.report(description=said, first_name="秀英", last_name="吕", phone="0435-7654321", email="x@y.example")
    assert app.seen(number)["description"] == said
    public = reader.seen(number)["description"]
    assert public == told or (told == "(***" and "123" not in public)
    assert "0435-7654321" not in str(reader.seen(number)) and "y.example" not in str(reader.seen(number))


@pytest.mark.parametrize("address,told", [
    ("新风路12号3单元502室", "新风路12号"), ("新风路12号502", "新风路12号"), ("学府小区7号楼2-502", "学府小区7号楼"), ("学府小区7-2-502", "学府小区7"), ("新风路12-1号", "新风路12-1号"), ("学府小区7栋2单元", "学府小区7栋"), ("502室", None),
    ("12 Elm Street, Apt 5", "12 Elm Street"), ("12 Elm Street, flat 5b", "12 Elm Street"), ("新风路与学府路交叉口", "新风路与学府路交叉口"),
    ("学府小区7栋三层", "学府小区7栋"),
])  # fmt: skip
def test_addresses(app, reader, address, told):
    number = app.report(address_string=address)
    assert reader.seen(number)["address"] == told and app.seen(number)["address"] == address


def test_words_of_the_street_are_masked_too(app, reader, street, db):
    number = app.report(first_name="John", last_name="Smith")
    ((case,),) = db.execute("SELECT id FROM cases WHERE number = %s", (number,)).fetchall()
    street.dispatcher.case(str(case), "reject", code="not_ours", basis="The list", reason="John Smith may call 0435-1234567")
    notes = reader.seen(number)["status_notes"]
    assert "0435" not in notes and "John Smith" not in notes and "may call" in notes
    (update,) = reader.get("servicerequestupdates", service_request_id=number).value
    assert update["description"] == notes


def test_watched(reader, street, offered, db):
    """What an early warning is linked to is not shown while it is."""
    case = street.report(street.dispatcher, category="o-hole", at="XF-01", source="phone")
    assert shown(reader, case["number"])
    warning = street.supervisor.post("/v1/early-warnings", {"kind": "collective_petition", "description": "People gather"})
    assert warning.status == 201
    street.leader.act("early-warnings", warning["id"], "link", case_id=case["id"])
    assert not shown(reader, case["number"])
    street.leader.act("early-warnings", warning["id"], "unlink", case_id=case["id"])
    assert shown(reader, case["number"])
    # What goes up in another is there what it was.
    target, further = (street.report(street.dispatcher, category="o-hole", at="XF-01", source="phone") for _ in range(2))
    street.leader.act("early-warnings", warning["id"], "link", case_id=case["id"])
    assert shown(reader, target["number"])
    street.dispatcher.case(case["id"], "merge", into=target["id"], reason="The same hole")
    assert not shown(reader, target["number"])
    street.dispatcher.case(target["id"], "merge", into=further["id"], reason="The same hole")
    assert not shown(reader, further["number"]) and not shown(reader, case["number"])
    street.leader.act("early-warnings", warning["id"], "unlink", case_id=case["id"])
    assert shown(reader, further["number"])


def unseen(street, app, db) -> dict[str, str]:
    """Why nobody is to see it → its number. Each has gone some way, in public where the machine lets it."""
    def reported(**more) -> dict:
        return street.report(street.dispatcher, category="o-hole", at="XF-01", source="phone", **more)

    def looked(ended=None) -> dict:
        token = app.post("requests", PLACE | {"service_code": "o-looked", "description": "Unseen words"}).one["token"]
        ((case, number),) = db.execute("SELECT c.id::text, c.number FROM open311_requests o JOIN cases c ON c.tenant = o.tenant "
                                       "AND c.id = o.case_id WHERE o.token = %s", (token,)).fetchall()
        if ended:
            street.dispatcher.case(case, ended[0], **ended[1])
        return {"id": case, "number": number}

    found = {tag: reported(tags=[tag]) for tag in ("petition", "accident", "police_case")}
    found |= {"dispute": reported(kind="dispute"), "private": reported(reporter={"name": "吕秀英", "phone": "13912345678", "private": True}),
              "watched": reported(), "no category": street.report(street.dispatcher, category="litter", at="XF-01", source="phone"),
              "no place": street.report(street.dispatcher, category="o-hole", source="phone", area="XF-01")}
    warning = street.supervisor.post("/v1/early-warnings", {"kind": "collective_petition", "description": "People gather"})
    street.leader.act("early-warnings", warning["id"], "link", case_id=found["watched"]["id"])
    for one in found.values():
        street.dispatcher.case(one["id"], "accept")
        street.dispatcher.case(one["id"], "comment", text="Unseen words", visibility="public")
    rejection = {"code": "not_ours", "basis": "The list", "reason": "Unseen words"}
    found |= {"not looked at": looked(), "rejected": looked(("reject", rejection)),
              "never accepted": looked(("merge", {"into": reported()["id"], "reason": "The same hole"})),
              "voided": looked(("withdraw", {"reason": "Unseen words"}))}
    return {why: one["number"] for why, one in found.items()}


def test_no_way_leads_there(reader, new_app, street, offered, db, clock):
    """By number, in every list and page, by every filter, and among the updates; for strangers with a key as well."""
    clock.forward(days=100)
    hidden = unseen(street, new_app("json"), db)
    public = street.report(category="o-hole", at="XF-01")["number"]
    stranger = new_app(reader.form)
    for one in (reader, stranger):
        for why, number in hidden.items():
            assert one.get(f"requests/{number}").status == 404, why
            assert one.get("servicerequestupdates", service_request_id=number).value == [], why
        several = ",".join([*hidden.values(), public])
        assert one.get("requests", service_request_id=several).ids == [public]
        asked = [one.get("requests", extensions="true", **more) for more in (
            {}, {"service_code": "o-hole,o-looked,litter"}, {"status": "open"}, {"status": "closed"}, {"status": "open,closed", "page_size": 1000},
            {"updated_after": "2001-01-01T00:00:00Z"}, {"updated_before": "2099-01-01T00:00:00Z"})]
        asked += [one.get("servicerequestupdates"), one.get("servicerequestupdates", service_request_id=several)]
        for answer in asked:
            assert answer.status == 200 and not set(answer.ids) & set(hidden.values())
            assert "Unseen words" not in str(answer.value)
        # Nor does a page have a gap where one of them would be.
        whole, pages = one.get("requests").ids, []
        while len(page := one.get("requests", page=len(pages) + 1, page_size=1).ids) == 1:
            pages += page
        assert pages == whole and public in whole


def test_the_same_reply_whether_hidden_or_absent(reader, street, offered):
    hidden = street.report(category="litter", at="XF-01")["number"]
    absent = hidden[:-3] + "999"
    one, other = (reader.get(f"requests/{number}") for number in (hidden, absent))
    assert one.status == other.status == 404 and one.content == other.content


def test_another_street_sees_nothing(reader, street, elsewhere, app, db):
    number = app.report()
    db.execute("UPDATE categories SET open311 = 'realtime' WHERE tenant = 'elsewhere' AND code = 'litter'")
    try:
        assert reader.get(f"requests/{number}", jurisdiction_id="elsewhere").status == 404
        assert reader.get("requests", jurisdiction_id="elsewhere", service_request_id=number).ids == []
        theirs = elsewhere.report(category="litter", at="XF-01")["number"]
        assert reader.get("requests", jurisdiction_id="elsewhere", service_request_id=theirs).ids == [theirs]
        same = [one for one in reader.get("requests", service_request_id=theirs).value if one["service_code"] == "litter"]
        assert same == []
    finally:
        db.execute("UPDATE categories SET open311 = 'none' WHERE tenant = 'elsewhere'")


def test_a_client_with_a_token(app, new_app, street, anonymous, service, contract):
    """The scope open311 is for keys: as a token it opens none of the operations with tokens."""
    client = street.admin.post("/v1/clients", {"name": "App", "scopes": ["open311"]})
    answer = anonymous.form("/v1/oauth/token", {
        "grant_type": "client_credentials", "client_id": client["client_id"], "client_secret": client["client_secret"]})
    assert answer.status == 200 and answer["scope"] == "open311"
    with_token = type(anonymous)(service.base, contract, answer["access_token"], "app", street.clock)
    assert with_token.get("/v1/cases").code == "insufficient_role"
    assert with_token.get("/v1/me").code == "insufficient_role"
    assert with_token.post("/v1/cases", street.body(at="XF-01")).code == "insufficient_role"
