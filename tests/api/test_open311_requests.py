"""Open311 GeoReport v2: requests by every filter, page by page, and the states that they are told in."""

from datetime import timedelta, timezone

import pytest
from support.open311 import LAT, LON
from support.world import LOCAL, iso

EVERYTHING = {"service_request_id", "status", "status_notes", "service_name", "service_code", "description", "agency_responsible",
              "service_notice", "requested_datetime", "updated_datetime", "expected_datetime", "address", "address_id", "zipcode",
              "lat", "long", "media_url"}  # fmt: skip


def w3c(moment, zone=timezone.utc) -> str:
    return moment.astimezone(zone).isoformat(timespec="seconds").replace("+00:00", "Z")


def case_id(db, number: str) -> str:
    """The case behind a request."""
    ((found,),) = db.execute("SELECT id FROM cases WHERE number = %s", (number,)).fetchall()
    return str(found)


def test_one(app, reader, clock):
    number = app.report(description="Deep & <wide>\n“坑”", address_string="新风路12号")
    for seen in (app.seen(number), reader.seen(number)):
        assert set(seen) == EVERYTHING
        assert seen["service_request_id"] == number and seen["status"] == "open" and seen["status_notes"] is None
        assert seen["service_code"] == "o-hole" and seen["service_name"] == "Hole o-hole <&>"
        assert seen["description"] == "Deep & <wide>\n“坑”" and seen["address"] == "新风路12号"
        assert (seen["lat"], seen["long"]) == (LAT, LON)
        assert seen["requested_datetime"] == seen["updated_datetime"] == iso(clock.now)
        assert seen["agency_responsible"] and seen["expected_datetime"] > seen["requested_datetime"]
        assert seen["zipcode"] is seen["service_notice"] is seen["media_url"] is seen["address_id"] is None
    # As the same place in the list.
    assert reader.get("requests", service_request_id=number).one == reader.seen(number)
    extended = reader.seen(number, extensions="true")
    assert extended == reader.seen(number, extensions="True") == reader.seen(number, extensions="1")
    assert extended["extended_attributes"] == {"detailed_status": "RECEIVED"} and set(extended) == EVERYTHING | {"extended_attributes"}


@pytest.mark.parametrize("number", ["ST20270101-999999", "x", "坑", "1 OR 1=1", "'", "a" * 100])
def test_one_that_is_not_there(reader, number):
    assert reader.get(f"requests/{number}").status == 404
    assert reader.get("requests", service_request_id=number).value == []
    assert reader.get("requests/" + "x" * 101).status == 400


def test_by_numbers(app, reader, clock):
    """They override every other filter."""
    first = app.report()
    clock.forward(minutes=1)
    second, third = app.report("o-quiet"), app.report()
    assert set(reader.get("requests", service_request_id=f"{first},{second}").ids) == {first, second}
    assert set(reader.get("requests", service_request_id=[first, f" {third} ", f"{second},,"]).ids) == {first, second, third}
    assert reader.get("requests", service_request_id=first, service_code="o-quiet", status="closed", page="7",
                      start_date="2001-01-01T00:00:00Z", end_date="2009-01-01T00:00:00Z").ids == [first]
    assert reader.get("requests", service_request_id=f"{first},{first}").ids == [first]
    assert reader.get("requests", service_request_id="nothing,").ids == []
    for one in ("requests", "servicerequestupdates"):
        assert reader.get(one, service_request_id=",").value == reader.get(one).value, "as good as none"
    assert reader.get("requests", service_code=" , ").ids == reader.get("requests").ids


def test_by_service_and_status(app, reader, street, db, clock):
    holes = [app.report() for _ in range(2)]
    quiet = app.report("o-quiet")
    street.dispatcher.case(case_id(db, holes[0]), "reject", code="not_ours", basis="The list of duties", reason="Belongs to the next street")
    span = {"start_date": w3c(clock.now - timedelta(hours=1)), "end_date": w3c(clock.now + timedelta(hours=1))}
    assert set(reader.get("requests", **span).ids) == {*holes, quiet}
    assert set(reader.get("requests", **span, service_code="o-hole").ids) == set(holes)
    assert set(reader.get("requests", **span, service_code="o-hole,o-quiet").ids) == {*holes, quiet}
    assert set(reader.get("requests", **span, service_code=["o-hole", "o-quiet"]).ids) == {*holes, quiet}
    assert reader.get("requests", **span, service_code="litter").ids == []
    assert reader.get("requests", **span, service_code="no-such").ids == []
    assert reader.get("requests", **span, status="closed").ids == [holes[0]]
    assert set(reader.get("requests", **span, status="open").ids) == {holes[1], quiet}
    assert set(reader.get("requests", **span, status="open,closed").ids) == {*holes, quiet}
    assert set(reader.get("requests", **span, status=["open", "closed"]).ids) == {*holes, quiet}
    assert set(reader.get("requests", **span, status="").ids) == {*holes, quiet}
    for wrong in ("OPEN", "all", "open;closed", "open,", "'"):
        assert "status" in reader.get("requests", **span, status=wrong).said


def test_by_dates(app, reader, clock):
    start = clock.now
    numbers = []
    for _ in range(3):
        numbers.append(app.report())
        clock.forward(hours=1)
    last, middle, first = reversed(numbers), numbers[1], numbers[0]
    assert reader.get("requests", start_date=w3c(start), end_date=w3c(clock.now)).ids == list(last), "newest first"
    # Both ends belong to the span, in whatever offset they are written.
    for zone in (timezone.utc, LOCAL, timezone(timedelta(hours=-9, minutes=-30))):
        at = w3c(start + timedelta(hours=1), zone)
        assert reader.get("requests", start_date=at, end_date=at).ids == [middle]
    assert reader.get("requests", start_date=iso(start), end_date=iso(start)).ids == [first], "milliseconds"
    assert reader.get("requests", end_date=w3c(start + timedelta(minutes=1))).ids[0] == first, "only an end: the 90 days before it"
    assert reader.get("requests", start_date=w3c(start + timedelta(hours=2))).ids == [numbers[2]], "only a start: from there on"
    assert set(numbers) <= set(reader.get("requests").ids), "neither: the most recent 90 days"


def test_by_the_last_step(app, reader, street, db, clock):
    """updated_after and updated_before are about what updated_datetime says, and narrow what the other filters find."""
    first, second = app.report(), app.report()
    begun = clock.now
    clock.forward(minutes=10)
    street.dispatcher.case(case_id(db, first), "accept")
    clock.forward(minutes=10)
    street.dispatcher.case(case_id(db, second), "comment", text="Nobody outside hears of it", visibility="internal")
    clock.forward(minutes=10)
    street.dispatcher.case(case_id(db, first), "reject", code="not_ours", basis="The list of duties", reason="Elsewhere")
    ended = clock.now
    span = {"start_date": w3c(begun - timedelta(seconds=1)), "end_date": w3c(begun + timedelta(seconds=1))}

    def found(**more) -> set:
        return set(reader.get("requests", **span, **more).ids)

    assert found(updated_after=w3c(begun + timedelta(minutes=1))) == {first}, "an internal word is no step"
    assert found(updated_after=iso(ended)) == found(updated_after=iso(ended), updated_before=iso(ended)) == {first}, "its ends belong to it"
    assert found(updated_after=w3c(ended + timedelta(seconds=1))) == set()
    assert found(updated_before=w3c(ended - timedelta(seconds=1))) == found(updated_before=iso(begun)) == {second}
    assert found(updated_before=w3c(ended), updated_after=iso(begun)) == {first, second}
    assert found(updated_after=w3c(begun), status="open", service_code="o-hole") == {second}
    assert all(iso(begun) <= one["updated_datetime"] for one in reader.get("requests", **span, updated_after=iso(begun)).value)
    backwards = reader.get("requests", updated_after=w3c(ended), updated_before=w3c(begun))
    assert backwards.status == 400 and backwards.said.startswith("updated_before: ")
    for name in ("updated_after", "updated_before"):
        assert reader.get("requests", **{name: "2027-01-01"}).said.startswith(name + ": ")


def test_at_most_90_days(app, reader, clock):
    old = app.report()
    begun = clock.now
    clock.forward(days=91)
    new = app.report()
    try:
        assert new in reader.get("requests").ids and old not in reader.get("requests").ids
        assert old in reader.get("requests", start_date=w3c(begun)).ids
        assert new not in reader.get("requests", start_date=w3c(begun)).ids, "90 days from the start"
        assert old in reader.get("requests", start_date=w3c(begun), end_date=w3c(begun + timedelta(days=90))).ids
        too_long = reader.get("requests", start_date=w3c(begun), end_date=w3c(begun + timedelta(days=90, seconds=1)))
        assert too_long.status == 400 and "start_date" in too_long.said
        backwards = reader.get("requests", start_date=w3c(clock.now), end_date=w3c(begun))
        assert backwards.status == 400 and "end_date" in backwards.said
        assert reader.get("requests", service_request_id=f"{old},{new}").ids == [new, old], "by number there is no span"
    finally:
        clock.now = begun


@pytest.mark.parametrize("text", [
    "2027-01-01", "2027-01-01T00:00:00", "2027-13-01T00:00:00Z", "2027-02-29T00:00:00Z", "2027-01-01 00:00:00Z",
    "2027-01-01T25:00:00Z", "2027-01-01T00:00:00+25:00", "yesterday", "1", "0", "20270101T000000Z", "infinity", "now",
    "2027-01-01T00:00:00Z; DROP TABLE cases", "９999-01-01T00:00:00Z", "-2027-01-01T00:00:00Z",
])  # fmt: skip
def test_dates_that_are_none(reader, text):
    for name in ("start_date", "end_date"):
        answer = reader.get("requests", **{name: text})
        assert answer.status == 400 and name in answer.said
        assert reader.get("servicerequestupdates", **{name: text}).status == 400


@pytest.mark.parametrize("text", ["2027-01-01T00:00:00Z", "2027-01-01T00:00:00.5Z", "2027-01-01T08:00:00+08:00",
                                  "2027-01-01T00:00Z", "2028-02-29T23:59:59-11:00", "0001-01-02T00:00:00Z", "9999-12-30T23:59:59Z"])
def test_dates_as_the_w3c_writes_them(reader, text):
    for name in ("start_date", "end_date"):
        assert reader.get("requests", **{name: text}).status == 200


def test_pages(app, reader, clock):
    numbers = [app.report() for _ in range(5)]
    span = {"start_date": w3c(clock.now - timedelta(seconds=1)), "end_date": w3c(clock.now + timedelta(seconds=1))}
    pages = [reader.get("requests", **span, page=page, page_size=2).ids for page in (1, 2, 3, 4)]
    assert [len(page) for page in pages] == [2, 2, 1, 0]
    assert sorted(sum(pages, [])) == sorted(numbers) and sum(pages, []) == reader.get("requests", **span).ids
    assert reader.get("requests", **span, page_size=2).ids == pages[0]
    for wrong in ({"page": 0}, {"page": -1}, {"page": "x"}, {"page": "1.5"}, {"page_size": 0}, {"page_size": 1001}, {"page": "1e1"},
                  {"page": 10001}, {"page": 99999999999999999999}, {"page": 101, "page_size": 100}, {"page_size": "٣"}):
        answer = reader.get("requests", **span, **wrong)
        assert answer.status == 400 and list(wrong)[0] in answer.said, wrong
    assert reader.get("requests", **span, page=100, page_size=100).ids == []


def test_the_first_thousand(street, offered, db, clock):
    """“or 1000 requests, whichever is smaller”: of 1001 the newest thousand. Nobody but this transaction sees them."""
    clock.forward(days=2)
    made = street.report(street.dispatcher, at="XF-01", category="o-quiet")
    columns = [row[0] for row in db.execute("SELECT attname FROM pg_attribute WHERE attrelid = 'whistled.cases'::regclass "
                                            "AND attnum > 0 AND NOT attisdropped AND attgenerated = ''").fetchall()]
    copied = ", ".join({"id": "uuid7()", "number": "c.number || '-' || n", "serial": "c.serial + 1000000 + n",
                        "received_at": "c.received_at + n * interval '1 second'"}.get(name, f"c.{name}") for name in columns)
    listed = "SELECT service_request_id FROM open311_list('street', NULL, NULL, NULL, NULL, %s, NULL, NULL, NULL, %s, 1000, 'en', false, %s)"
    with db.transaction(force_rollback=True):
        db.execute(f"INSERT INTO cases ({', '.join(columns)}) SELECT {copied} FROM cases c, generate_series(1, 1000) AS n "
                   "WHERE c.id = %s", (made["id"],))
        pages = [[row[0] for row in db.execute(listed, (clock.now, page, clock.now + timedelta(hours=1))).fetchall()] for page in (1, 2)]
    assert pages[0] == [f"{made['number']}-{n}" for n in range(1000, 0, -1)] and pages[1] == [made["number"]]


def test_empty_and_unknown_parameters(app, reader):
    number = app.report()
    assert number in reader.get("requests", service_code="", status="", start_date="", end_date="", page="", page_size="",
                                service_request_id="", extensions="", api_key="").ids
    assert number in reader.get("requests", frobnicate="1", lat="41", q="x").ids, "what is unknown is passed over"
    twice = reader.get("requests", page=["1", "2"])
    assert twice.status == 400 and "page" in twice.said
    several = reader.get("requests", page="x", start_date="x", page_size="x")
    assert len(several.value) == 3 and {"page", "start_date", "page_size"} == {e["description"].split(":")[0] for e in several.value}
    assert "status" in reader.get("requests", headers={"Accept-Language": "zh"}, status="坑").said


def told(reader, number: str) -> tuple:
    seen = reader.seen(number, extensions="true")
    return seen["status"], seen["extended_attributes"]["detailed_status"]


def test_states_of_the_source(reader, street, offered, clock):
    """machines.md as third parties see it, of a case that residents reported elsewhere."""
    case = street.report(category="o-hole", at="XF-01")
    number, case_id = case["number"], case["id"]
    assert told(reader, number) == ("open", "RECEIVED")
    street.dispatcher.case(case_id, "accept")
    assert told(reader, number) == ("open", "IN_PROCESS")
    street.dispatcher.case(case_id, "ask-verification", grid_worker=street.person("grid1"))
    assert told(reader, number) == ("open", "IN_PROCESS")
    street.grid1.case(case_id, "report-verification", found=True)
    street.dispatcher.case(case_id, "register", level="ordinary")
    assert told(reader, number) == ("open", "IN_PROCESS")
    street.grid1.case(case_id, "start-source")
    assert told(reader, number) == ("open", "IN_PROCESS")
    clock.forward(minutes=5)
    street.grid1.case(case_id, "source-done", result="Filled: nobody else reads this", reply="The hole is filled.")
    assert told(reader, number) == ("open", "PROCESSED")
    seen = reader.seen(number)
    assert seen["status_notes"] == "The hole is filled." and seen["updated_datetime"] == iso(clock.now)
    street.grid2.case(case_id, "check", point=street.point("XF-01"), **{"pass": True})
    assert told(reader, number) == ("open", "PROCESSED")
    clock.forward(minutes=5)
    street.citizen.case(case_id, "rate", contacted=True, solved="yes", satisfied=5, comment="Ask for Mr Li")
    assert told(reader, number) == ("closed", "PROCESSED")
    seen = reader.seen(number)
    assert seen["updated_datetime"] == iso(clock.now) and seen["status_notes"] == "The hole is filled."
    assert "Li" not in str(seen) and "nobody else" not in str(seen) and "in the way" not in str(seen)


def test_states_of_a_whistle(reader, street, offered):
    case = street.report(category="o-hole", at="XF-01")
    street.dispatcher.case(case["id"], "accept")
    street.dispatcher.case(case["id"], "register", level="complex")
    whistled = street.dispatcher.case(case["id"], "whistle", kind="everyday",
                                      tickets=[{"organisation": "water", "role": "lead", "task": "A task that stays inside"}])
    assert told(reader, case["number"]) == ("open", "IN_PROCESS")
    assert reader.seen(case["number"])["agency_responsible"] == "Organisation water"
    street.water.ticket(whistled["tickets"][0]["id"], "sign")
    assert told(reader, case["number"]) == ("open", "IN_PROCESS") and "inside" not in str(reader.seen(case["number"]))


def test_states_at_an_end(reader, street, offered, clock):
    rejected = street.report(category="o-hole", at="XF-01")
    street.dispatcher.case(rejected["id"], "reject", code="not_ours", basis="The list of duties", reason="It is the next street's")
    assert told(reader, rejected["number"]) == ("closed", "REJECTED")
    assert reader.seen(rejected["number"])["status_notes"] == "It is the next street's"
    clock.forward(minutes=1)
    street.citizen.case(rejected["id"], "object", reason="It is not")
    assert told(reader, rejected["number"]) == ("open", "RECEIVED")
    withdrawn = street.report(category="o-hole", at="XF-01")
    street.citizen.case(withdrawn["id"], "withdraw", reason="Gone")
    assert told(reader, withdrawn["number"]) == ("closed", "ARCHIVED")
    target, merged = (street.report(category="o-hole", at="XF-01") for _ in range(2))
    street.dispatcher.case(merged["id"], "merge", into=target["id"], reason="The same hole")
    assert told(reader, merged["number"]) == ("closed", "ARCHIVED")
