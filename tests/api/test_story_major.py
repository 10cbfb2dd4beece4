"""A major case: within a day a plan, decided by a leader, and every step of it done before the loop closes."""

from datetime import timedelta

from support.world import iso
from test_story_complex import work


def test_plan_is_formed_approved_and_carried_out(street, clock):
    start = clock.now
    case = street.report(category="pothole", at="XF-01", level="major")
    assert case["level"] == "ordinary", "a proposal until it is registered"
    street.dispatcher.case(case["id"], "accept")
    case = street.dispatcher.case(case["id"], "register", level="major")
    assert case["resolve_due_at"] is None
    assert case["plan_due_at"] == iso(start + timedelta(hours=24))
    case = street.dispatcher.case(case["id"], "whistle", kind="everyday",
                                  tickets=[{"organisation": "city", "role": "lead", "task": "Rebuild"}])
    lead = case["tickets"][0]["id"]

    clock.forward(hours=2)
    dues = [clock.now + timedelta(days=2), clock.now + timedelta(days=5)]
    steps = [{"what": "Survey", "due_at": iso(dues[0]), "who": {"kind": "organisation", "id": "city"}},
             {"what": "Build", "due_at": iso(dues[1]), "who": {"kind": "organisation", "id": "city"}}]
    planned = street.city.post(f"/v1/cases/{case['id']}/plan", {"steps": steps})
    assert planned.status == 200, planned
    assert planned["planned_at"] == iso(clock.now)
    assert planned["resolve_due_at"] is None, "in force only by the leader's decision"
    again = street.city.post(f"/v1/cases/{case['id']}/plan", {"steps": steps})
    assert (again.status, again.code) == (409, "request_pending")

    pending = street.leader.get("/v1/requests", state="pending", kind="plan", limit=200)["items"]
    request_id = next(r["id"] for r in pending if r["case_id"] == case["id"])
    etag = street.leader.get(f"/v1/requests/{request_id}").etag
    # Nobody decides their own, and a dispatcher is not whom the table names.
    assert street.dispatcher.post(f"/v1/requests/{request_id}/approve", {}, etag).status == 403
    assert street.leader.post(f"/v1/requests/{request_id}/approve", {}, etag).status == 200
    case = street.dispatcher.get(f"/v1/cases/{case['id']}")
    assert case["resolve_due_at"] == iso(dues[1])
    assert [s["what"] for s in case["plan"]["steps"]] == ["Survey", "Build"]

    work(street.city, lead, street.point("XF-01"), reply="Rebuilt.")
    street.dispatcher.ticket(lead, "approve", rating=5)
    early = street.dispatcher.case(case["id"], "feedback", 409)
    assert early.code == "plan_missing"
    for step in case["plan"]["steps"]:
        street.city.case(case["id"], "step-done", step_id=step["step_id"])
    street.dispatcher.case(case["id"], "feedback", reply="Rebuilt as planned.")
    street.supervisor.case(case["id"], "check", point=street.point("XF-01"), **{"pass": True})
    assert street.citizen.case(case["id"], "rate", contacted=True, solved="yes", satisfied=5)["state"] == "closed"


def test_declined_plan_starts_a_new_run_of_the_plan_clock(street, clock):
    start = clock.now
    case = street.report(category="pothole", at="XF-01")
    street.dispatcher.case(case["id"], "accept")
    street.dispatcher.case(case["id"], "register", level="major")
    step = {"what": "Think", "due_at": iso(clock.now + timedelta(days=1)),
            "who": {"kind": "person", "id": street.person("dispatcher")}}
    clock.forward(hours=23)
    street.dispatcher.post(f"/v1/cases/{case['id']}/plan", {"steps": [step]})
    pending = street.leader.get("/v1/requests", state="pending", kind="plan", limit=200)["items"]
    request_id = next(r["id"] for r in pending if r["case_id"] == case["id"])
    declined = street.leader.post(f"/v1/requests/{request_id}/decline", {"reason": "Too thin"},
                                  street.leader.get(f"/v1/requests/{request_id}").etag)
    assert declined["state"] == "declined"
    case = street.dispatcher.get(f"/v1/cases/{case['id']}")
    # 4 hours later or at the first due, whichever is later.
    assert case["plan_due_at"] == iso(start + timedelta(hours=27))
    assert case["planned_at"] is None
