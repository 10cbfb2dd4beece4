"""Of hazards over HTTP: midnight, the capacity of a place, requests, and the case that one is referred as."""

from datetime import timedelta

from support.world import iso
from test_hazards import act, nodes, submitted


def tick(db, clock):
    while db.execute("SELECT clock_tick(%s)", (clock.now,)).fetchone()[0]:
        pass


def test_midnight_over_http(street, clock, db):
    """The service's own clock job runs on real time, which is years before this day."""
    hazard = street.hazard(place="unknown", same_day_fixable=True)
    path = f"/v1/hazards/{hazard['id']}"
    assert hazard["colour"] == "blue" and hazard["due_at"].endswith("T00:00:00.000+08:00")
    clock.forward(days=1)
    tick(db, clock)
    after = street.grid1.get(path)
    assert (after["colour"], after["capacity_unknown"], after["same_day_fixable"]) == ("red", True, False)
    assert [(c["colour"], c["cause"]) for c in after["colour_history"]] == [("blue", "create"), ("red", "midnight")]
    [node] = after["nodes"]
    assert node["due_at"] == after["due_at"]
    event = street.grid1.get(f"{path}/events")["items"][-1]
    assert (event["action"], event["role"], event["at"]) == ("recolour", "system", hazard["due_at"])
    assert event["actor"] == {"kind": "role", "id": "system", "name": "系统"}
    assert street.grid1.get(f"{path}/deadline-changes")["items"][0]["old_due_at"] == hazard["due_at"]


def test_capacity_of_a_place(street, clock):
    path = f"/v1/places/{street.place('annex')}"
    hazard = street.hazard(place="annex")
    place = street.grid1.get(path)
    assert (place["capacity"], place["hazard_colour"]) == (29, "orange")
    assert street.grid1.patch(path, {"capacity": 30}).status == 428
    assert street.grid1.patch(path, {}, place.etag).pointers == ["/capacity"]
    assert street.grid1.patch(path, {"capacity": -1}, place.etag).pointers == ["/capacity"]
    assert street.grid3.patch(path, {"capacity": 30}, place.etag).code == "not_in_area"
    for name in ("property", "city", "leader", "auditor", "citizen"):
        assert getattr(street, name).patch(path, {"capacity": 30}, place.etag).code == "insufficient_role", name
    after = street.grid1.patch(path, {"capacity": 30, "reason": "Counted again"}, place.etag)
    assert (after["capacity"], after["hazard_colour"]) == (30, "red")
    assert street.grid1.patch(path, {"capacity": 31}, place.etag).status == 412
    assert street.grid1.get(f"/v1/hazards/{hazard['id']}")["colour"] == "red"
    assert street.grid1.get(f"/v1/hazards/{hazard['id']}/events")["items"][-1]["data"] == {
        "cause": "capacity", "colour_from": "orange", "colour_to": "red", "capacity_from": 29, "capacity_to": 30}
    kept = street.admin.get("/v1/admin-events", kind="place", limit=1)["items"][0]
    assert (kept["before"], kept["after"], kept["note"]) == ({"capacity": 29}, {"capacity": 30}, "Counted again")
    assert street.leader.get("/v1/places/01930000-0000-7000-8002-0000000000ff").code == "not_found"


def test_requests_over_http(street, clock, unique):
    hazard = street.hazard(nodes=nodes(clock, 30))
    path = f"/v1/hazards/{hazard['id']}/requests"
    assert street.grid1.post(path, {"kind": "extend", "reason": "r"}).pointers == ["/until"]
    assert street.grid1.post(path, {"kind": "delay", "reason": "r"}).pointers == ["/kind"]
    assert street.property.post(path, {"kind": "void", "reason": "r"}).code == "insufficient_role"
    assert street.grid2.post(path, {"kind": "void", "reason": "r"}).status == 404
    until = iso(clock.now + timedelta(hours=60))
    first, again = (street.grid1.post(path, {"kind": "extend", "reason": "r", "until": until}, key=unique) for _ in range(2))
    assert first.status == again.status == 201 and first["id"] == again["id"] and again.headers["Idempotent-Replayed"] == "true"
    assert first.headers["Location"] == f"/v1/requests/{first['id']}"
    assert (first["hazard_id"], first["case_id"], first["case_number"], first["ticket_id"]) == (hazard["id"], None, None, None)
    pending = street.dispatcher.get("/v1/requests", hazard=hazard["id"], decidable="true")["items"]
    assert [r["id"] for r in pending] == [first["id"]] and pending[0]["allowed_actions"] == ["approve", "decline"]
    assert [r["id"] for r in street.grid1.get("/v1/requests", state="pending", limit=200)["items"] if r.get("hazard_id")] != []
    assert street.grid2.get(f"/v1/requests/{first['id']}").status == street.city.get(f"/v1/requests/{first['id']}").status == 404
    assert street.grid2.get("/v1/requests", hazard=hazard["id"])["items"] == []
    [brief] = street.dispatcher.get(f"/v1/hazards/{hazard['id']}")["requests"]
    assert (brief["id"], brief["decidable"]) == (first["id"], True)
    work = {(w["object"], w["action"]) for w in street.dispatcher.get("/v1/me/work")["items"]}
    assert ("request", "approve") in work
    assert street.dispatcher.post(f"/v1/requests/{first['id']}/approve", {}, '"99"').status == 412
    done = street.dispatcher.act("requests", first["id"], "approve", note="n")
    assert (done["state"], done["note"]) == ("approved", "n")
    assert street.grid1.get(f"/v1/hazards/{hazard['id']}")["due_at"] == until
    void = street.community_xf.post(path, {"kind": "void", "reason": "It was none"})
    assert street.property.get("/v1/requests", hazard=hazard["id"])["items"] == []
    street.leader.act("requests", void["id"], "approve")
    assert street.grid1.get(f"/v1/hazards/{hazard['id']}")["state"] == "voided"


def test_property_sees_the_requests_of_its_places(street):
    hazard = street.hazard(place="garage")
    asked = street.community_xf.post(f"/v1/hazards/{hazard['id']}/requests", {"kind": "void", "reason": "r"})
    assert [r["id"] for r in street.property.get("/v1/requests", hazard=hazard["id"])["items"]] == [asked["id"]]
    assert street.property.get(f"/v1/requests/{asked['id']}")["allowed_actions"] == []


def test_a_referred_hazard_is_a_case(street, clock, unique):
    hazard = street.hazard(place="garage")
    path = f"/v1/hazards/{hazard['id']}/refer"
    assert street.grid1.post(path, {}, hazard.etag).code == street.property.post(path, {}, hazard.etag).code == "insufficient_role"
    first, again = (street.community_xf.post(path, {"level": "complex"}, hazard.etag, unique) for _ in range(2))
    assert first.status == again.status == 200 and first["case_id"] == again["case_id"]
    case = street.dispatcher.get(f"/v1/cases/{first['case_id']}")
    assert (case["hazard_id"], case["kind"], case["title"], case["place_id"]) == (hazard["id"], "hazard", "garage", street.place("garage"))
    assert (case["state"], case["proposed_level"], case["area"]["code"]) == ("received", "complex", "XF-01")
    # A property company sees no case, nor which it is.
    shown = street.property.get(f"/v1/hazards/{hazard['id']}")
    assert shown["case_id"] is None and shown["state"] == "referred"
    assert all("case_id" not in e["data"] for e in street.property.get(f"/v1/hazards/{hazard['id']}/events")["items"])
    street.dispatcher.case(case["id"], "reject", code="unclear", basis="b", reason="r")
    told = [street.client(who, [who]).get(f"/v1/hazards/{hazard['id']}/events")["items"][-1] for who in ("leader", "property")]
    assert [(e["action"], e["data"].get("case_state")) for e in told] == [("case_dropped", "rejected"), ("case_dropped", None)]
    back = street.grid1.get(f"/v1/hazards/{hazard['id']}")
    assert back["state"] == "open" and "start" in back["allowed_actions"]
    plain = street.report(at="XF-01")
    assert "hazard_id" not in street.dispatcher.get(f"/v1/cases/{plain['id']}").json


def test_verified_by_one_who_did_not_work_on_it(street):
    hazard = street.hazard(place="garage", same_day_fixable=True)
    act(street.property, hazard["id"], "start")
    submitted(street, street.property, hazard["id"])
    assert street.property.post(f"/v1/hazards/{hazard['id']}/pass", {}, '"1"').code == "insufficient_role"
    assert "pass" in street.grid1.get(f"/v1/hazards/{hazard['id']}")["allowed_actions"]
    assert act(street.grid1, hazard["id"], "pass")["state"] == "verified"
