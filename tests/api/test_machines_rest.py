"""Beside the straight way: objection, withdrawal, merging, verification, level and handler, callbacks, supervision."""

from datetime import timedelta

import pytest
from support.asking import at_source, evaluating, ticked, whistled
from support.world import iso


def rejected(street):
    case = street.report(at="XF-01")
    return street.dispatcher.case(case["id"], "reject", code="not_ours", basis="Rule 1", reason="Not ours")


def test_objection_is_a_new_round_once(street, clock):
    case = rejected(street)
    assert street.citizen.get(f"/v1/cases/{case['id']}")["allowed_actions"] == ["object"]
    assert street.citizen2.get(f"/v1/cases/{case['id']}").status == 404
    clock.forward(days=14)
    after = street.citizen.case(case["id"], "object", reason="It is yours")
    assert (after["state"], after["round"], after["rejection"], after["registered"]) == ("received", 2, None, False)
    assert after["arrive_due_at"] is None and after["resolve_due_at"] == iso(clock.now + timedelta(minutes=30))
    street.dispatcher.case(case["id"], "reject", code="not_ours", basis="Rule 1", reason="Really not")
    assert street.citizen.case(case["id"], "object", 409, reason="But").code == "already_done"


def test_objection_within_15_days(street, clock):
    case = rejected(street)
    clock.forward(days=15, seconds=1)
    assert street.citizen.case(case["id"], "object", 409, reason="Late").code == "window_over"


def test_withdrawal(street):
    case = street.report(at="XF-01")
    assert street.citizen.case(case["id"], "withdraw")["state"] == "voided"
    case = at_source(street, "source_handling")
    assert street.citizen.case(case["id"], "withdraw", 409).code == "invalid_transition"


def test_merge_moves_reporters_references_and_arrivals(street, clock, db):
    first = street.report(street.citizen2, at="XF-01", external_ref={"system": "hotline", "number": f"m-{clock.now}"})
    street.grid1.post(f"/v1/cases/{first['id']}/arrive", {"point": street.point("XF-01")})
    arrived = clock.now
    clock.forward(minutes=10)
    target = street.report(at="XF-01")
    street.dispatcher.case(target["id"], "accept")
    target = street.dispatcher.case(target["id"], "register", level="ordinary")
    itself = street.dispatcher.case(first["id"], "merge", 409, into=first["id"], reason="Same")
    assert itself.code == "target_state"
    nowhere = street.dispatcher.case(first["id"], "merge", 422, into=street.person("grid1"), reason="Same")
    assert (nowhere.code, nowhere.pointers) == ("unknown_reference", ["/into"])
    merged = street.dispatcher.case(first["id"], "merge", into=target["id"], reason="Same")
    assert (merged["state"], merged["merged_into"], merged["allowed_actions"]) == ("merged", target["id"], [])
    after = street.dispatcher.get(f"/v1/cases/{target['id']}")
    assert after["received_at"] == first["received_at"] and after["arrived_at"] == iso(arrived)
    assert [r["system"] for r in after["external_refs"]] == ["hotline"]
    assert after["resolve_due_at"] == iso(arrived + timedelta(minutes=30)), "from the earlier intake"
    assert after["arrive_due_at"] == target["arrive_due_at"], "never changes"
    assert street.citizen2.get(f"/v1/cases/{target['id']}").status == 200, "reporters follow"
    # Of two reporters one only takes themselves off.
    left = street.citizen2.case(target["id"], "withdraw")
    assert left["state"] == "registered"
    assert street.citizen.case(target["id"], "withdraw")["state"] == "voided"


def test_who_withdrew_from_a_merged_case_keeps_what_they_reported_themselves(street):
    own, first, second = street.report(street.citizen2, at="XF-01"), street.report(at="XF-01"), street.report(street.citizen2, at="XF-01")
    street.dispatcher.case(second["id"], "merge", into=first["id"], reason="Same")
    street.citizen2.case(first["id"], "withdraw")
    street.dispatcher.case(first["id"], "merge", into=own["id"], reason="Same")
    assert [c.get(f"/v1/cases/{own['id']}").status for c in (street.citizen, street.citizen2)] == [200, 200]


def test_who_is_left_when_the_window_takes_a_visitor_off_stays_a_reporter(street):
    visitor = street.report(street.clerk, at="XF-01", reporter={"name": "韩梅", "phone": "13900000702", "contactable": True})
    own = street.report(at="XF-01")
    street.dispatcher.case(own["id"], "merge", into=visitor["id"], reason="Same")
    left = street.clerk.case(visitor["id"], "withdraw")
    assert left["state"] == "received"
    case = street.citizen.get(f"/v1/cases/{visitor['id']}")
    assert {"urge", "withdraw"} <= set(case["allowed_actions"]), "nobody withdrew for them"
    assert street.citizen.case(visitor["id"], "withdraw")["state"] == "voided"


def test_merged_cases_move_along_with_what_they_went_up_in(street):
    a, b, c = (street.report(at="XF-01")["id"] for _ in range(3))
    street.dispatcher.case(a, "merge", into=b, reason="Same")
    street.dispatcher.case(b, "merge", into=c, reason="Same")
    assert street.dispatcher.get(f"/v1/cases/{a}")["merged_into"] == c
    d = rejected(street)["id"]
    assert street.dispatcher.case(c, "merge", 409, into=d, reason="Same").code == "target_state"


def test_verification(street):
    case = street.report(at="XF-01")
    street.dispatcher.case(case["id"], "accept")
    wrong = street.dispatcher.case(case["id"], "ask-verification", 422, grid_worker=street.person("grid2"))
    assert (wrong.code, wrong.pointers) == ("unknown_reference", ["/grid_worker"])
    asked = street.dispatcher.case(case["id"], "ask-verification", grid_worker=street.person("grid1"), note="Look")
    assert asked["state"] == "verifying"
    work = street.grid1.get("/v1/me/work")["items"]
    assert "report_verification" in {w["action"] for w in work}
    street.dispatcher.case(case["id"], "report-verification", 403, found=True)
    back = street.grid1.case(case["id"], "report-verification", found=True, note="It is there")
    assert back["state"] == "accepted"
    events = street.dispatcher.get(f"/v1/cases/{case['id']}/events")["items"]
    assert events[-1]["data"]["found"] is True and events[-1]["note"] == "It is there"


def test_reclass_and_who_may_after_the_due(street, clock):
    start = clock.now
    case = at_source(street, "registered")
    after = street.dispatcher.case(case["id"], "reclass", level="major", reason="Big")
    assert after["resolve_due_at"] is None and after["plan_due_at"] == iso(start + timedelta(hours=24))
    after = street.dispatcher.case(case["id"], "reclass", level="ordinary", reason="Small")
    assert after["resolve_due_at"] == iso(start + timedelta(minutes=30)) and after["plan_due_at"] is None
    clock.forward(minutes=31)
    assert street.dispatcher.case(case["id"], "reclass", 403, level="complex", reason="Late").code == "level_not_allowed"
    street.grid1.case(case["id"], "reclass", 403, level="complex", reason="Mine")
    after = street.leader.case(case["id"], "reclass", level="complex", reason="So be it")
    assert after["resolve_due_at"] == iso(start + timedelta(hours=4))


def test_away_from_major_a_pending_plan_expires(street, clock):
    case = street.report(category="pothole", at="XF-01")
    street.dispatcher.case(case["id"], "accept")
    street.dispatcher.case(case["id"], "register", level="major")
    steps = [{"what": "W", "due_at": iso(clock.now + timedelta(days=1)), "who": {"kind": "person", "id": street.person("dispatcher")}}]
    street.dispatcher.post(f"/v1/cases/{case['id']}/plan", {"steps": steps})
    street.dispatcher.case(case["id"], "reclass", level="complex", reason="Smaller")
    plans = street.leader.get("/v1/requests", case=case["id"], kind="plan")["items"]
    assert [p["state"] for p in plans] == ["expired"]


def test_reassign(street):
    case = at_source(street, "source_handling")
    for handler in ("grid3", "grid1", "dispatcher"):
        refused = street.dispatcher.case(case["id"], "reassign", 422, handler=street.person(handler))
        assert (refused.code, refused.pointers) == ("unknown_reference", ["/handler"])
    after = street.community_xf.case(case["id"], "reassign", handler=street.person("community_xf"), reason="Ill")
    assert after["handler"]["name"] == "Community Xinfeng"
    assert street.grid1.case(case["id"], "source-done", 403, result="r", reply="r").code == "not_handler"


def test_step_waived_by_a_leader(street, clock):
    case = street.report(category="pothole", at="XF-01")
    street.dispatcher.case(case["id"], "accept")
    street.dispatcher.case(case["id"], "register", level="major")
    steps = [{"what": "W", "due_at": iso(clock.now + timedelta(days=1)), "who": {"kind": "person", "id": street.person("dispatcher")}}]
    street.dispatcher.post(f"/v1/cases/{case['id']}/plan", {"steps": steps})
    plan = street.leader.get("/v1/requests", case=case["id"], kind="plan")["items"][0]
    street.leader.act("requests", plan["id"], "approve")
    step = street.leader.get(f"/v1/cases/{case['id']}")["plan"]["steps"][0]
    street.dispatcher.case(case["id"], "step-waive", 403, step_id=step["step_id"], reason="No")
    after = street.leader.case(case["id"], "step-waive", step_id=step["step_id"], reason="Not needed")
    assert after["plan"]["steps"][0]["waived_at"] == iso(clock.now)
    assert street.leader.case(case["id"], "step-waive", 409, step_id=step["step_id"], reason="Again").code == "already_done"


def test_callback_list_tries_and_rating(street):
    case = evaluating(street)
    path = f"/v1/cases/{case['id']}"
    assert street.citizen.post(f"{path}/callback", {"reached": False}).status == 403
    tried = street.supervisor.post(f"{path}/callback", {"reached": False, "note": "Nobody answers"})
    assert (tried.status, tried["state"], tried["callback_tries"]) == (200, "evaluating", 1)
    listed = street.supervisor.get("/v1/cases", status="evaluating", number=case["number"])["items"]
    assert [(i["callback_tries"], "callback" in i["allowed_actions"]) for i in listed] == [(1, True)]
    assert "callback" in {w["action"] for w in street.supervisor.get("/v1/me/work")["items"]}
    lacking = street.supervisor.post(f"{path}/callback", {"reached": True, "contacted": True})
    assert (lacking.status, lacking.code, lacking.pointers) == (422, "invalid_body", ["/satisfied", "/solved"])
    done = street.supervisor.post(f"{path}/callback", {"reached": True, "contacted": True, "solved": "yes", "satisfied": 4})
    assert (done.status, done["state"]) == (200, "closed")
    assert [r["satisfied"] for r in done["ratings"]] == [4]


def test_callbacks_are_due_after_a_day(street, clock):
    def late():
        return sum(w["overdue"] for w in street.supervisor.get("/v1/me/work")["items"] if w["action"] == "callback")

    evaluating(street)
    clock.forward(hours=24)
    before = late()
    clock.forward(seconds=1)
    assert late() == before + 1


def test_the_handler_does_not_call(street, db):
    case = evaluating(street)
    db.execute("UPDATE people SET roles = '{grid_worker,supervisor}' WHERE tenant = 'street' AND subject = 'grid1'")
    path, caller = f"/v1/cases/{case['id']}/callback", street.client("grid1", ["supervisor"])
    try:
        refused = caller.post(path, {"reached": True, "contacted": True, "solved": "yes", "satisfied": 5})
        assert (refused.status, refused.code) == (403, "worked_on_it")
        db.execute("UPDATE people SET active = false WHERE tenant = 'street' AND subject <> 'grid1' AND 'supervisor' = ANY (roles)")
        try:
            assert caller.post(path, {"reached": False})["callback_tries"] == 1
        finally:
            db.execute("UPDATE people SET active = true WHERE tenant = 'street' AND 'supervisor' = ANY (roles)")
    finally:
        db.execute("UPDATE people SET roles = '{grid_worker}' WHERE tenant = 'street' AND subject = 'grid1'")
    (row,) = street.supervisor.get("/v1/accountability", case=case["id"], kind="sole_person")["items"]
    assert (row["against"]["id"], row["facts"]) == (street.person("grid1"), {"action": "callback"})
    assert street.supervisor.get(f"/v1/cases/{case['id']}/events", limit=200)["items"][-1]["data"]["sole_person"] is True


@pytest.mark.parametrize("tries", [2, 3])
def test_closed_by_itself_after_seven_days(street, clock, db, tries):
    case = evaluating(street)
    for _ in range(tries):
        street.supervisor.post(f"/v1/cases/{case['id']}/callback", {"reached": False})
    clock.forward(days=7, seconds=-1)
    ticked(db, street, case)
    assert street.supervisor.get(f"/v1/cases/{case['id']}")["state"] == "evaluating"
    clock.forward(seconds=1)
    ticked(db, street, case)
    assert street.supervisor.get(f"/v1/cases/{case['id']}")["state"] == "closed"
    event = street.supervisor.get(f"/v1/cases/{case['id']}/events", limit=200)["items"][-1]
    assert (event["action"], event["role"], event["at"]) == ("auto_close", "system", iso(clock.now))
    missed = db.execute("SELECT count(*) FROM accountability WHERE case_id = %s AND kind = 'missed_callback'",
                        (case["id"],)).fetchone()[0]
    assert missed == (tries < 3)


def test_urge_once_an_hour(street, clock):
    case = street.report(at="XF-01")
    path = f"/v1/cases/{case['id']}/urge"
    assert street.citizen.post(path, {"text": "Please"})["urge_count"] == 1
    clock.forward(minutes=59)
    assert street.citizen.post(path, {}).code == "already_done"
    clock.forward(minutes=1)
    assert street.citizen.post(path, {})["urge_count"] == 2
    assert street.leader.post(path, {}).code == "insufficient_role"


def test_an_emergency_ends_a_suspension(street, clock):
    case = whistled(street, "city")
    asked = street.dispatcher.post(f"/v1/cases/{case['id']}/requests", {
        "kind": "suspend", "reason": "Frost", "review_date": (clock.now.date() + timedelta(days=9)).isoformat()})
    street.leader.act("requests", asked["id"], "approve")
    clock.forward(days=1)
    tickets = [{"organisation": "water", "role": "assist", "task": "Shut it off"}]
    after = street.leader.case(case["id"], "whistle", kind="emergency", reason="It burst", tickets=tickets)
    assert after["state"] == "whistled" and after["review_date"] is None
    assert [t["state"] for t in after["tickets"]] == ["issued", "issued"]
