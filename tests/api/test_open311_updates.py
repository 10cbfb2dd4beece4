"""servicerequestupdates, the extension that FixMyStreet uses: what became of requests, and what reporters add."""

from datetime import timedelta, timezone

import pytest
from support.asking import ask, decide
from support.open311 import PLACE
from support.world import iso

HOLE = {"service_code": "o-hole", "description": "There is a hole"} | PLACE


def span(begun, clock) -> dict:
    def text(moment):
        return moment.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    return {"start_date": text(begun), "end_date": text(clock.now + timedelta(seconds=1))}


def told(reader, number: str, **more) -> list[tuple[str, str]]:
    return [(u["status"], u["description"]) for u in reader.get("servicerequestupdates", service_request_id=number, **more).value]


def case_id(db, number: str) -> str:
    ((found,),) = db.execute("SELECT id FROM cases WHERE number = %s", (number,)).fetchall()
    return str(found)


def test_from_the_source_to_the_end(reader, street, offered, clock):
    begun = clock.now
    case = street.report(category="o-hole", at="XF-01")
    number, one = case["number"], case["id"]
    assert told(reader, number, **span(begun, clock)) == [], "its creation is no update"
    steps = [
        lambda: street.dispatcher.case(one, "accept"),
        lambda: street.dispatcher.case(one, "ask-verification", grid_worker=street.person("grid1")),
        lambda: street.grid1.case(one, "report-verification", found=True, note="For the office"),
        lambda: street.dispatcher.case(one, "comment", text="Internal words", visibility="internal"),
        lambda: street.dispatcher.case(one, "comment", text="We come today", visibility="public"),
        lambda: street.dispatcher.case(one, "register", level="ordinary"),
        lambda: street.grid1.case(one, "start-source"),
        lambda: street.grid1.case(one, "source-done", result="Secret result", reply="The hole is filled."),
        lambda: street.grid2.case(one, "check", point=street.point("XF-01"), **{"pass": True}),
        lambda: street.citizen.case(one, "rate", contacted=True, solved="yes", satisfied=5, comment="I am Li"),
    ]
    for step in steps:
        clock.forward(minutes=1)
        step()
    updates = reader.get("servicerequestupdates", service_request_id=number, **span(begun, clock)).value
    assert [(u["status"], u["description"]) for u in updates] == [
        ("OPEN", ""), ("INVESTIGATING", ""), ("OPEN", ""), ("OPEN", "We come today"), ("OPEN", ""), ("IN_PROGRESS", ""),
        ("IN_PROGRESS", "The hole is filled."), ("IN_PROGRESS", ""), ("FIXED", "")]  # fmt: skip
    assert {u["service_request_id"] for u in updates} == {number} and len({u["update_id"] for u in updates}) == len(updates)
    assert [u["updated_datetime"] for u in updates] == sorted(u["updated_datetime"] for u in updates)
    assert updates[0]["updated_datetime"] == iso(begun + timedelta(minutes=1)) and all(u["media_url"] is None for u in updates)
    # A part of the span has a part of them, and both of its ends belong to it.
    at = {"start_date": updates[3]["updated_datetime"], "end_date": updates[4]["updated_datetime"]}
    assert [u["update_id"] for u in reader.get("servicerequestupdates", service_request_id=number, **at).value] == [
        u["update_id"] for u in updates[3:5]]
    every = reader.get("servicerequestupdates", **span(begun, clock)).value
    assert [u for u in every if u["service_request_id"] == number] == updates


def test_other_ends(reader, street, offered, clock):
    begun = clock.now

    def ended(how) -> list[tuple[str, str]]:
        case = street.report(category="o-hole", at="XF-01")
        clock.forward(minutes=1)
        how(case["id"])
        return told(reader, case["number"], **span(begun, clock))

    assert ended(lambda one: street.dispatcher.case(one, "reject", code="not_ours", basis="The list", reason="The next street's")) == [
        ("NOT_COUNCILS_RESPONSIBILITY", "The next street's")]
    assert ended(lambda one: street.citizen.case(one, "withdraw", reason="I moved")) == [("NO_FURTHER_ACTION", "")]
    target = street.report(category="o-hole", at="XF-01")["id"]
    assert ended(lambda one: street.dispatcher.case(one, "merge", into=target, reason="Mr Li told it too")) == [("DUPLICATE", "")]

    def objected(one):
        street.dispatcher.case(one, "reject", code="not_ours", basis="The list", reason="No")
        clock.forward(minutes=1)
        street.citizen.case(one, "object", reason="I live at 5-502")

    assert ended(objected) == [("NOT_COUNCILS_RESPONSIBILITY", "No"), ("REOPEN", "")]

    def whistled(one):
        street.dispatcher.case(one, "accept")
        street.dispatcher.case(one, "register", level="complex")
        clock.forward(minutes=1)
        case = street.dispatcher.case(one, "whistle", kind="everyday", tickets=[{"organisation": "water", "role": "lead", "task": "Task"}])
        clock.forward(minutes=1)
        street.water.ticket(case["tickets"][0]["id"], "sign")

    assert ended(whistled) == [("OPEN", ""), ("OPEN", ""), ("ACTION_SCHEDULED", ""), ("IN_PROGRESS", "")]


def test_retaken_and_not_solved(reader, street, offered, clock):
    begun = clock.now
    case = street.report(category="o-hole", at="XF-01")
    street.dispatcher.case(case["id"], "accept")
    street.dispatcher.case(case["id"], "register", level="complex")
    clock.forward(minutes=1)
    whistled = street.dispatcher.case(case["id"], "whistle", kind="everyday",
                                      tickets=[{"organisation": "water", "role": "lead", "task": "Task"}])
    asked = ask(street.water, "tickets", whistled["tickets"][0]["id"], kind="return", basis="The map")
    clock.forward(minutes=1)
    decide(street.dispatcher, asked, "approve", retake=street.person("grid1"))
    assert told(reader, case["number"], **span(begun, clock))[-1] == ("INTERNAL_REFERRAL", "")
    clock.forward(minutes=1)
    street.grid1.case(case["id"], "source-done", result="x", reply="Done")
    street.grid2.case(case["id"], "check", point=street.point("XF-01"), **{"pass": True})
    clock.forward(minutes=1)
    street.citizen.case(case["id"], "rate", contacted=True, solved="no", satisfied=3)
    assert told(reader, case["number"], **span(begun, clock))[-1] == ("CLOSED", "")


def test_only_public_ones(app, new_app, reader, street, offered, clock):
    begun = clock.now
    hidden = street.report(category="litter", at="XF-01")
    looked = app.post("requests", HOLE | {"service_code": "o-looked"}).one["token"]
    assert looked
    street.dispatcher.case(hidden["id"], "accept")
    assert reader.get("servicerequestupdates", **span(begun, clock)).value == []
    assert told(reader, hidden["number"], **span(begun, clock)) == []


def test_own_ones_that_nobody_else_sees(app, new_app, reader, street, db, clock):
    begun = clock.now
    app.post("requests", HOLE | {"service_code": "o-looked"})
    number = app.get("requests").ids[0]
    clock.forward(minutes=1)
    street.dispatcher.case(case_id(db, number), "reject", code="false_report", basis="Seen", reason="There is nothing")
    assert told(app, number, **span(begun, clock)) == [("NOT_COUNCILS_RESPONSIBILITY", "There is nothing")]
    assert told(reader, number, **span(begun, clock)) == told(new_app(app.form), number, **span(begun, clock)) == []


def test_dates(reader, clock):
    now = clock.now
    assert reader.get("servicerequestupdates").status == 200
    assert reader.get("servicerequestupdates", start_date=iso(now - timedelta(days=91)), end_date=iso(now)).said.startswith("start_date: ")
    assert reader.get("servicerequestupdates", start_date=iso(now), end_date=iso(now - timedelta(days=1))).said.startswith("end_date: ")
    assert reader.get("servicerequestupdates", start_date="x", end_date="y").said.count("date: ") == 2


def test_adding(app, new_app, street, db, clock):
    """An internal comment for whoever handles it; sent twice it is one."""
    number = app.report()
    case = case_id(db, number)
    fields = {"service_request_id": number, "update_id": "77", "updated_datetime": iso(clock.now), "status": "OPEN",
              "description": "坑更大了 <b>", "account_id": "acc", "email": "a@b.example", "first_name": "秀英", "last_name": "吕"}
    first = app.post("servicerequestupdates", fields)
    assert first.one["account_id"] == "acc" and first.one["update_id"]
    assert app.post("servicerequestupdates", fields).one == first.one
    events = [e for e in street.dispatcher.get(f"/v1/cases/{case}/events", limit=100)["items"] if e["action"] == "comment"]
    assert [(e["note"], e["visibility"], e["id"]) for e in events] == [("坑更大了 <b>", "staff", first.one["update_id"])]
    assert app.get("servicerequestupdates", service_request_id=number).value == [], "it is no word of the street's"
    again = app.post("servicerequestupdates", fields | {"description": "Other words"})
    assert again.status == 400 and again.said.startswith("update_id: ")
    second = app.post("servicerequestupdates", fields | {"update_id": "78", "description": "坑更大了 <b>"})
    assert second.one["update_id"] != first.one["update_id"]
    assert app.post("servicerequestupdates", fields).one == first.one, "each stays what it became"
    clock.forward(days=8)
    assert app.post("servicerequestupdates", fields).one == first.one, "for good"
    # Without an id of its own, each is a new one.
    plain = {"service_request_id": number, "description": "And again"}
    assert app.post("servicerequestupdates", plain).one["update_id"] != app.post("servicerequestupdates", plain).one["update_id"]
    # A picture's address stands under what is said of it.
    seen = plain | {"update_id": "79", "media_url": "https://p.example/1.jpg"}
    shown = app.post("servicerequestupdates", seen)
    assert app.post("servicerequestupdates", seen).one == shown.one
    assert app.post("servicerequestupdates", seen | {"media_url": "https://p.example/2.jpg"}).status == 400
    assert [e["note"] for e in street.dispatcher.get(f"/v1/cases/{case}/events", limit=100)["items"] if e["id"] == shown.one["update_id"]] == [
        "And again\n\nhttps://p.example/1.jpg"]
    # Ids of two requests do not meet.
    other = app.report()
    assert app.post("servicerequestupdates", fields | {"service_request_id": other, "description": "There"}).status == 200


@pytest.mark.parametrize("field,value,status", [
    ("service_request_id", None, 400), ("service_request_id", "ST20270101-999999", 404), ("description", None, 400),
    ("description", " ", 400), ("description", "x" * 2001, 400), ("updated_datetime", "today", 400), ("update_id", "x" * 101, 400),
    ("media_url", "javascript:alert(1)", 400),
    ("api_key", None, 403), ("api_key", "x.y", 403),
])  # fmt: skip
def test_adding_what_is_wrong(app, field, value, status):
    fields = {"service_request_id": app.report(), "update_id": "1", "description": "More", "api_key": app.key} | {field: value}
    app.key = None
    answer = app.post("servicerequestupdates", fields)
    assert answer.status == status and answer.said
    assert status == 403 or answer.said.startswith(field + ": ")


def test_adding_to_what_is_over(app, new_app, street, db):
    number = app.report()
    street.dispatcher.case(case_id(db, number), "reject", code="not_ours", basis="The list", reason="No")
    assert app.post("servicerequestupdates", service_request_id=number, update_id="1", description="But").status == 400
    # Another's, whoever may read it, is not there.
    theirs = new_app(app.form).report()
    assert app.seen(theirs) and app.post("servicerequestupdates", service_request_id=theirs, description="x").status == 404
    # What residents reported is nobody's by Open311.
    resident = street.report(category="o-hole", at="XF-01")
    assert app.seen(resident["number"])
    assert app.post("servicerequestupdates", service_request_id=resident["number"], description="x").status == 404
