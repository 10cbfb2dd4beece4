"""Correcting a case, and taking a request back: null clears, absent stays, the area follows the point, clocks stay."""

from datetime import timedelta

import pytest
from support.world import iso


@pytest.fixture
def case(street):
    return street.report(category="litter", at="XF-01", address="Gate 3",
                         reporter={"name": "王小明", "phone": "13812345678", "contactable": True})


def edit(client, case, etag=None, **body):
    path = f"/v1/cases/{case['id']}"
    return client.patch(path, {"reason": "Seen on the spot"} | body, etag or client.get(path).etag)


def test_absent_stays_and_null_clears(street, case):
    changed = edit(street.dispatcher, case, category="pothole")
    assert changed.status == 200 and changed["category"]["code"] == "pothole"
    assert changed["address"] == "Gate 3" and changed["reporter"]["name"] == "王小明"
    cleared = edit(street.dispatcher, case, address=None, reporter={"phone": None})
    assert cleared["address"] is None
    assert (cleared["reporter"]["name"], cleared["reporter"]["phone"]) == ("王小明", None)


def test_the_area_follows_the_point_and_the_clocks_stay(street, case, clock):
    clock.forward(minutes=1)
    moved = edit(street.dispatcher, case, location={k: street.point("CA-01")[k] for k in ("lon", "lat")})
    assert (moved["area"]["code"], moved["community"]["code"]) == ("CA-01", "CA")
    for due in ("arrive_due_at", "resolve_due_at"):
        assert moved[due] == case[due]


def test_a_grid_worker_keeps_it_inside_the_own_area(street, case):
    away = {k: street.point("CA-01")[k] for k in ("lon", "lat")}
    reply = edit(street.grid1, case, location=away)
    assert (reply.status, reply.code) == (403, "not_in_area")
    assert street.dispatcher.get(f"/v1/cases/{case['id']}")["area"]["code"] == "XF-01"


def test_refusals_in_their_order(street, case):
    path = f"/v1/cases/{case['id']}"
    assert street.dispatcher.patch(path, {"address": "x"}, '"1"').pointers == ["", "/reason"]
    assert street.dispatcher.patch(path, {"reason": "r", "address": "x"}).code == "precondition_required"
    assert edit(street.dispatcher, case, '"99"', address="x").code == "precondition_failed"
    reply = edit(street.dispatcher, case, category="nonsense")
    assert (reply.status, reply.code, reply.pointers) == (422, "unknown_reference", ["/category"])
    assert street.citizen.patch(path, {"reason": "r", "address": "x"}, '"1"').code == "insufficient_role"


def test_without_its_point_a_case_keeps_its_area_and_never_loses_its_last_place(street):
    case = street.report(category="litter", at="XF-01")
    kept = edit(street.dispatcher, case, location=None)
    assert kept["location"] is None and kept["area"]["code"] == "XF-01"
    assert edit(street.dispatcher, case, area="nowhere").pointers == ["/area"]
    reply = edit(street.dispatcher, case, area=None)
    assert (reply.status, reply.code) == (422, "place_missing")


def test_who_asked_takes_a_plan_back(street, case, clock):
    street.dispatcher.case(case["id"], "accept")
    street.dispatcher.case(case["id"], "register", level="major")
    step = {"what": "Think", "due_at": iso(clock.now + timedelta(days=1)),
            "who": {"kind": "person", "id": street.person("dispatcher")}}
    street.dispatcher.post(f"/v1/cases/{case['id']}/plan", {"steps": [step]})
    path = "/v1/requests/" + street.dispatcher.get(f"/v1/cases/{case['id']}")["requests"][0]["id"]
    etag = street.dispatcher.get(path).etag
    assert street.dispatcher2.post(f"{path}/withdraw", {}, etag).code == "not_handler"
    taken = street.dispatcher.post(f"{path}/withdraw", {"note": "Too early"}, etag)
    assert taken.status == 200 and taken["state"] == "withdrawn"
    after = street.dispatcher.get(f"/v1/cases/{case['id']}")
    assert after["planned_at"] is None and after["requests"] == []


def test_the_reporter_on_record_is_the_first_who_has_not_withdrawn(street, db):
    other = street.report(street.citizen2, at="XF-01", reporter={"name": "李大力", "phone": "13900000002"})
    case = street.report(at="XF-01", reporter={"name": "王小明", "phone": "13800000001"})
    street.dispatcher.case(other["id"], "merge", into=case["id"], reason="Same")
    street.citizen.case(case["id"], "withdraw")
    changed = edit(street.dispatcher, case, reporter={"phone": "13900000003", "contactable": False})
    assert (changed["reporter"]["name"], changed["reporter"]["phone"]) == ("李大力", "13900000003")
    own = street.citizen2.get(f"/v1/cases/{case['id']}")["reporter"]
    assert (own["name"], own["phone"], own["contactable"]) == ("李大力", "13900000003", False)
    kept = db.execute("SELECT name, phone FROM case_reporters WHERE case_id = %s AND n = 1", [case["id"]]).fetchone()
    assert kept == ("王小明", "13800000001"), "who withdrew stays as they were"
