"""What is asked about a case: whistle, hard whistle, suspension, voiding, reopening."""

from datetime import timedelta

import pytest
from support.asking import ask, at_source, decide, evaluating, ticked, tickets_for, whistled, worked
from support.world import iso


def test_a_grid_workers_whistle_is_altered_by_the_dispatcher(street):
    case = at_source(street, "source_handling")
    request = ask(street.grid1, "cases", case["id"], kind="whistle", tickets=tickets_for("city"))
    assert request.headers["Location"] == f"/v1/requests/{request['id']}"
    assert request["proposal"]["tickets"][0]["organisation"] == "city"
    assert request["allowed_actions"] == ["withdraw"]
    assert ask(street.grid1, "cases", case["id"], 409, kind="whistle", tickets=tickets_for("city")).code == "request_pending"
    assert ask(street.grid2, "cases", case["id"], 404, kind="whistle", tickets=tickets_for("city")).code == "not_found"
    waiting = street.dispatcher.get("/v1/requests", state="pending", decidable="true", case=case["id"])
    assert [r["id"] for r in waiting["items"]] == [request["id"]]
    wrong = decide(street.dispatcher, request, "approve", 422, handler=street.person("grid1"))
    assert (wrong.code, wrong.pointers) == ("invalid_value", ["/handler"])
    decide(street.dispatcher, request, "approve", tickets=tickets_for("water", "city"))
    case = street.dispatcher.get(f"/v1/cases/{case['id']}")
    assert case["state"] == "whistled" and case["handler"]["id"] == "water"
    assert [t["organisation"]["code"] for t in case["tickets"]] == ["water", "city"]
    assert [t["kind"] for t in case["tickets"]] == ["everyday", "everyday"]


def test_hard_whistle_with_both_posts(street):
    case = whistled(street, "city")
    worked(street, street.city, case["tickets"][0]["id"])
    street.dispatcher.ticket(case["tickets"][0]["id"], "approve", rating=3)
    assert ask(street.grid1, "cases", case["id"], 403, kind="hard_whistle", tickets=tickets_for("water")).code
    request = ask(street.dispatcher, "cases", case["id"], kind="hard_whistle", tickets=tickets_for("water"))
    etag = street.leader2.get(f"/v1/requests/{request['id']}").etag
    first = decide(street.leader, request, "approve")
    assert (first["state"], first["version"]) == ("pending", 1)
    assert [(a["post"], a["by"]["name"]) for a in first["approvals"]] == [("secretary", "Leader One")]
    assert decide(street.leader, request, "approve", 409).code == "already_done"
    assert decide(street.dispatcher2, request, "approve", 403).code == "not_decider"
    last = street.leader2.post(f"/v1/requests/{request['id']}/approve", {}, etag)
    assert (last.status, last["state"]) == (200, "approved"), "an approval that is not the last leaves the version"
    assert {a["post"] for a in last["approvals"]} == {"secretary", "street_head"}
    case = street.dispatcher.get(f"/v1/cases/{case['id']}")
    assert [(t["kind"], t["role"]) for t in case["tickets"]] == [("everyday", "assist"), ("hard", "lead")]
    assert case["state"] == "handling", "a ticket was signed in this round already"


def test_first_refusal_declines_a_hard_whistle(street):
    case = whistled(street)
    request = ask(street.dispatcher, "cases", case["id"], kind="hard_whistle",
                  tickets=[{"organisation": "water", "role": "assist", "task": "Help"}])
    decide(street.leader, request, "approve")
    assert decide(street.leader2, request, "decline", reason="Not yet")["state"] == "declined"
    assert decide(street.leader, request, "approve", 409).code == "invalid_transition"
    assert len(street.dispatcher.get(f"/v1/cases/{case['id']}")["tickets"]) == 1


def test_suspension_ends_at_its_review_date(street, clock, db):
    case = whistled(street, "city")
    ticket = street.city.ticket(case["tickets"][0]["id"], "sign")
    review = (clock.now + timedelta(days=5)).date()
    for day in (clock.now.date(), clock.now.date() + timedelta(days=91)):
        refused = ask(street.dispatcher, "cases", case["id"], 422, kind="suspend", review_date=day.isoformat())
        assert (refused.code, refused.pointers) == ("out_of_range", ["/review_date"])
    request = ask(street.city, "cases", case["id"], kind="suspend", review_date=review.isoformat())
    assert decide(street.dispatcher, request, "approve", 403).code == "not_decider"
    clock.forward(hours=1)
    since = clock.now
    decide(street.leader, request, "approve")
    case = street.dispatcher.get(f"/v1/cases/{case['id']}")
    assert (case["state"], case["review_date"], case["step"]) == ("suspended", review.isoformat(), None)
    assert street.city.get(f"/v1/tickets/{ticket['id']}")["state"] == "suspended"
    assert "resume" in case["allowed_actions"]
    street.city.ticket(ticket["id"], "report-in", 409, point=street.point("XF-01"))

    clock.now = clock.now.replace(hour=0, minute=0, second=0) + timedelta(days=5, seconds=1)
    ticked(db, street, case)
    midnight = clock.now - timedelta(seconds=1)
    after = street.dispatcher.get(f"/v1/cases/{case['id']}")
    assert (after["state"], after["review_date"]) == ("handling", None)
    was = case["resolve_due_at"]
    moved = db.execute("SELECT old_due, new_due, role FROM deadline_changes WHERE case_id = %s AND cause = 'resume' "
                       "AND clock = 'resolve'", (case["id"],)).fetchone()
    assert (iso(moved[0]), moved[1] - moved[0], moved[2]) == (was, midnight - since, "system")
    assert after["resolve_due_at"] == iso(moved[1])
    ticket = street.city.get(f"/v1/tickets/{ticket['id']}")
    assert ticket["state"] == "signed", "the state before"


def test_resume_by_the_dispatcher(street, clock):
    case = at_source(street, "source_handling")
    request = ask(street.grid1, "cases", case["id"], kind="suspend",
                  review_date=(clock.now.date() + timedelta(days=90)).isoformat())
    decide(street.leader, request, "approve")
    clock.forward(days=2)
    street.grid1.case(case["id"], "resume", 403)
    after = street.dispatcher.case(case["id"], "resume", note="It came")
    assert after["state"] == "source_handling"
    assert after["resolve_due_at"] > case["resolve_due_at"]


def test_no_suspension_once_the_due_is_past(street, clock):
    case = at_source(street, "source_handling")
    clock.forward(minutes=31)
    day = (clock.now.date() + timedelta(days=3)).isoformat()
    assert ask(street.grid1, "cases", case["id"], 409, kind="suspend", review_date=day).code == "window_over"


def test_voiding_recalls_what_is_open(street):
    case = whistled(street, "city", "water")
    worked(street, street.water, case["tickets"][1]["id"])
    request = ask(street.dispatcher, "cases", case["id"], kind="void")
    assert decide(street.dispatcher2, request, "approve", 403).code == "not_decider"
    decide(street.leader, request, "approve", note="Entered by mistake")
    after = street.dispatcher.get(f"/v1/cases/{case['id']}")
    assert after["state"] == "voided" and after["allowed_actions"] == []
    assert {t["state"] for t in after["tickets"]} == {"recalled"}


def closed_with_a_ticket(street):
    case = whistled(street, "city")
    lead = case["tickets"][0]["id"]
    worked(street, street.city, lead)
    street.dispatcher.ticket(lead, "approve", rating=4, feedback={})
    street.supervisor.case(case["id"], "check", point=street.point("XF-01"), **{"pass": True})
    return street.citizen.case(case["id"], "rate", contacted=True, solved="yes", satisfied=4), lead


def test_reopening_with_tickets_is_round_two(street, clock):
    case, lead = closed_with_a_ticket(street)
    clock.forward(days=1)
    request = ask(street.citizen, "cases", case["id"], kind="reopen")
    assert request["proposal"] == {} and request["allowed_actions"] == ["withdraw"]
    assert decide(street.leader, request, "approve", 403, handler=street.person("grid1")).code == "not_decider"
    nothing = decide(street.supervisor, request, "approve", 422)
    assert nothing.code == "lead_not_named"
    both = decide(street.supervisor, request, "approve", 422, handler=street.person("grid1"),
                  rework_tickets=[{"ticket_id": lead}])
    assert both.code == "lead_not_named"
    decide(street.supervisor, request, "approve", rework_tickets=[{"ticket_id": lead}])
    case = street.dispatcher.get(f"/v1/cases/{case['id']}")
    assert (case["state"], case["round"], case["round_started_at"]) == ("handling", 2, iso(clock.now))
    # Thursday 10:00 and three working days: the following Tuesday.
    assert case["resolve_due_at"] == iso(clock.now + timedelta(days=5))
    assert case["arrive_due_at"] is None and case["resolved_at"] is None and case["ratings"] == []
    ticket = street.city.get(f"/v1/tickets/{lead}")
    assert ticket["state"] == "in_progress" and ticket["finish_due_at"] == case["resolve_due_at"]


def test_reopening_at_the_source_is_decided_by_a_leader_when_a_supervisor_asks(street, clock):
    case = evaluating(street)
    street.citizen.case(case["id"], "rate", contacted=True, solved="yes", satisfied=3)
    request = ask(street.supervisor, "cases", case["id"], kind="reopen")
    assert decide(street.supervisor2, request, "approve", 403, handler=street.person("grid1")).code == "not_decider"
    wrong = decide(street.leader, request, "approve", 422, handler=street.person("grid3"))
    assert (wrong.code, wrong.pointers) == ("unknown_reference", ["/handler"])
    decide(street.leader, request, "approve", handler=street.person("community_xf"))
    case = street.dispatcher.get(f"/v1/cases/{case['id']}")
    assert (case["state"], case["round"], case["handler"]["name"]) == ("source_handling", 2, "Community Xinfeng")
    assert case["resolve_due_at"] == iso(clock.now + timedelta(days=5)), "Wednesday and three working days: Monday"


def test_a_bad_rating_asks_by_itself_and_counts_as_the_reporters(street):
    case = evaluating(street)
    street.citizen.case(case["id"], "rate", contacted=True, solved="no", satisfied=1, comment="Still there")
    waiting = street.supervisor.get("/v1/requests", state="pending", case=case["id"])["items"]
    assert [(r["kind"], r["asked_by"]["id"], r["decidable"]) for r in waiting] == [("reopen", "system", True)]
    assert ask(street.citizen, "cases", case["id"], 409, kind="reopen").code in ("already_done", "request_pending")
    decide(street.supervisor, waiting[0], "decline", reason="It was another heap")
    assert ask(street.citizen, "cases", case["id"], 409, kind="reopen").code == "already_done"


@pytest.mark.parametrize("days,status", [(15, 201), (15.001, 409)])
def test_reopening_within_15_days(street, clock, days, status):
    case = evaluating(street)
    street.citizen.case(case["id"], "rate", contacted=True, solved="yes", satisfied=5)
    clock.forward(days=days)
    reply = ask(street.citizen, "cases", case["id"], status, kind="reopen")
    assert reply.code in (None, "window_over")


def test_each_kind_has_its_own_fields(street):
    case = whistled(street)
    for body, code, pointer in (({"kind": "void", "tickets": tickets_for("city")}, "invalid_value", "/tickets"),
                                ({"kind": "suspend"}, "invalid_body", "/review_date"), ({"kind": "hard_whistle"}, "invalid_body", "/tickets"),
                                ({"kind": "plan"}, "invalid_body", "/kind")):
        reply = ask(street.dispatcher, "cases", case["id"], 422, **body)
        faults = [(e["pointer"]) for e in reply.json.get("errors", [])]
        assert (reply.code, faults) == (code, [pointer]), reply


def test_asking_again_under_the_same_key(street):
    case = whistled(street)
    path, body = f"/v1/cases/{case['id']}/requests", {"kind": "void", "reason": "Twice"}
    first = street.dispatcher.post(path, body, key="void-once")
    again = street.dispatcher.post(path, body, key="void-once")
    assert (first.status, again.status, again["id"]) == (201, 201, first["id"])
    assert again.headers["Idempotent-Replayed"] == "true" and again.headers["Location"] == first.headers["Location"]
