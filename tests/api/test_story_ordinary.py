"""An ordinary case: 5 minutes to arrive, 30 minutes to solve, and nobody had to whistle."""

from datetime import timedelta

from support.world import iso


def test_resident_reports_and_grid_worker_ends_it_at_the_source(street, clock):
    start = clock.now
    case = street.report(category="litter", at="XF-01")
    assert case["state"] == "received"
    assert case["step"] == "source"
    assert case["area"]["code"] == "XF-01"
    assert case["community"]["code"] == "XF"
    assert case["number"].startswith("ST")
    assert case["received_at"] == iso(start)
    assert case["arrive_due_at"] == iso(start + timedelta(minutes=5))
    assert case["resolve_due_at"] == iso(start + timedelta(minutes=30))
    assert case["level"] == "ordinary" and case["registered"] is False
    assert "tickets" not in case.json

    clock.forward(minutes=2)
    seen = street.grid1.get(f"/v1/cases/{case['id']}")
    assert {"accept", "arrive"} <= set(seen["allowed_actions"])
    accepted = street.grid1.case(case["id"], "accept")
    assert accepted["state"] == "accepted"
    assert accepted["first_contact"]["name"] == "Grid One"
    street.grid1.case(case["id"], "register", level="ordinary")
    street.grid1.case(case["id"], "start-source")
    clock.forward(minutes=1)
    arrived = street.grid1.post(f"/v1/cases/{case['id']}/arrive", {"point": street.point("XF-01")})
    assert arrived.status == 200
    assert arrived["arrived_at"] == iso(start + timedelta(minutes=3))
    assert arrived["overdue_clocks"] == []

    clock.forward(minutes=20)
    done = street.grid1.case(case["id"], "source-done", result="Swept", reply="The litter is gone.")
    assert (done["state"], done["step"]) == ("checking", "check")
    assert done["resolved_at"] == iso(start + timedelta(minutes=23))

    checked = street.grid2.case(case["id"], "check", point=street.point("XF-01"), **{"pass": True})
    assert checked["state"] == "evaluating"
    rated = street.citizen.case(case["id"], "rate", contacted=True, solved="yes", satisfied=5, comment="Quick!")
    assert rated["state"] == "closed"

    actions = [e["action"] for e in street.dispatcher.get(f"/v1/cases/{case['id']}/events", limit=100)["items"]]
    assert actions == ["create", "accept", "register", "start_source", "arrive", "source_done", "check", "rate"]


def test_grid_worker_finds_and_ends_a_thing_in_two_calls(street, clock):
    case = street.report(
        street.grid1, source="patrol", at="XF-01", category="litter", reporter=None,
        register=True, start_source=True, arrived=True, point=street.point("XF-01"),
    )
    assert case["state"] == "source_handling"
    assert case["arrived_at"] == iso(clock.now)
    done = street.grid1.case(case["id"], "source-done", result="Picked up", reply="Done.")
    assert done["state"] == "checking"
    # Nobody can be asked: the handler reported it.
    closed = street.community_xf.case(case["id"], "check", point=street.point("XF-01"), **{"pass": True})
    assert closed["state"] == "closed"
    events = street.dispatcher.get(f"/v1/cases/{case['id']}/events", limit=100)["items"]
    assert [e["action"] for e in events][:5] == ["create", "accept", "register", "start_source", "arrive"]
    for before, after in zip(events, events[1:]):
        assert after["from"] == before["to"]


def test_register_in_the_call_is_refused_whole(street):
    """A grid worker may register only ordinary cases: nothing of the call happens."""
    before = street.dispatcher.get("/v1/cases", count="exact", limit=1)["total"]
    reply = street.grid1.post("/v1/cases", street.body(source="patrol", at="XF-01", level="major", register=True))
    assert reply.status == 403
    assert street.dispatcher.get("/v1/cases", count="exact", limit=1)["total"] == before
