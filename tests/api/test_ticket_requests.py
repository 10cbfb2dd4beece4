"""What a department asks about its ticket, 退单 and 延期; recall by the street."""

from datetime import timedelta

from support.asking import ask, decide, ticked, whistled, worked
from support.world import iso


def test_return_of_a_lead_with_a_new_one(street, clock):
    case = whistled(street, "city", "water")
    lead, assist = (t["id"] for t in case["tickets"])
    assert ask(street.water, "tickets", lead, 404, kind="return", basis="Law").code == "not_found"
    lacking = ask(street.city, "tickets", lead, 422, kind="return")
    assert (lacking.code, lacking.pointers) == ("invalid_body", ["/basis"])
    request = ask(street.city, "tickets", lead, kind="return", basis="Law 8")
    assert request["due_at"] == iso(clock.now + timedelta(minutes=30)) and request["ticket_id"] == lead
    assert street.city.get(f"/v1/tickets/{lead}")["state"] == "return_requested"
    decide(street.city, request, "withdraw")
    after = street.city.get(f"/v1/tickets/{lead}")
    assert (after["state"], after["final"]) == ("issued", False), "taken back does not count"

    request = ask(street.city, "tickets", lead, kind="return", basis="Law 8")
    for body, code in (({}, "lead_not_named"),
                       ({"promote": assist, "new_lead": {"organisation": "water"}}, "lead_not_named"),
                       ({"new_lead": {"organisation": "nobody"}}, "unknown_reference"),
                       ({"promote": lead}, "unknown_reference")):
        assert decide(street.dispatcher, request, "approve", 422, **body).code == code
    busy = decide(street.dispatcher, request, "approve", 409, retake=street.person("grid1"))
    assert busy.code == "open_tickets"
    decide(street.dispatcher, request, "approve", promote=assist)
    case = street.dispatcher.get(f"/v1/cases/{case['id']}")
    assert [(t["role"], t["state"]) for t in case["tickets"]] == [("lead", "returned"), ("lead", "issued")]
    assert case["handler"]["id"] == "water"
    assert street.water.get(f"/v1/tickets/{assist}")["final"] is True
    assert ask(street.water, "tickets", assist, 409, kind="return", basis="Law").code == "already_done"
    # The case is out of sight for the department whose ticket went back, the ticket is not.
    assert street.city.get(f"/v1/cases/{case['id']}").status == 404
    assert street.city.get(f"/v1/tickets/{lead}")["state"] == "returned"


def test_return_retaken_at_the_source(street):
    case = whistled(street, "city")
    request = ask(street.city, "tickets", case["tickets"][0]["id"], kind="return", basis="Law 8")
    decide(street.dispatcher, request, "approve", retake=street.person("grid1"))
    case = street.dispatcher.get(f"/v1/cases/{case['id']}")
    assert (case["state"], case["handler"]["name"]) == ("source_handling", "Grid One")


def test_undecided_return_is_declined_after_30_working_minutes(street, clock, db):
    clock.forward(hours=1, minutes=50)  # 11:50; the lunch hour does not count
    case = whistled(street, "city")
    lead = case["tickets"][0]["id"]
    street.city.ticket(lead, "sign")
    request = ask(street.city, "tickets", lead, kind="return", basis="Law 8")
    assert request["due_at"] == iso(clock.now + timedelta(hours=1, minutes=30))
    clock.forward(hours=1, minutes=29, seconds=59)
    ticked(db, street, case)
    assert street.city.get(f"/v1/requests/{request['id']}")["state"] == "pending"
    clock.forward(seconds=1)
    ticked(db, street, case)
    request = street.city.get(f"/v1/requests/{request['id']}")
    assert (request["state"], request["decided_by"]["id"]) == ("declined", "system")
    ticket = street.city.get(f"/v1/tickets/{lead}")
    assert (ticket["state"], ticket["final"]) == ("signed", True)
    assert ask(street.city, "tickets", lead, 409, kind="return", basis="Law 8").code == "already_done"


def test_no_return_of_an_emergency(street):
    case = street.report(category="pothole", at="XF-01")
    case = street.dispatcher.case(case["id"], "whistle", kind="emergency",
                                  tickets=[{"organisation": "city", "role": "lead", "task": "Now"}])
    lead = case["tickets"][0]["id"]
    assert ask(street.city, "tickets", lead, 409, kind="return", basis="Law").code == "window_over"


def test_delay_of_the_lead_moves_the_case(street, clock):
    case = whistled(street, "city", "water")
    lead, assist = (t["id"] for t in case["tickets"])
    street.city.ticket(lead, "sign")
    street.water.ticket(assist, "sign")
    until = iso(clock.now + timedelta(days=2))
    too_late = ask(street.water, "tickets", assist, 422, kind="delay", until=until)
    assert (too_late.code, too_late.pointers) == ("out_of_range", ["/until"])
    request = ask(street.city, "tickets", lead, kind="delay", until=until)
    assert decide(street.dispatcher, request, "approve", 403).code == "not_decider"
    decide(street.leader, request, "approve")
    assert street.city.get(f"/v1/tickets/{lead}")["finish_due_at"] == until
    assert street.dispatcher.get(f"/v1/cases/{case['id']}")["resolve_due_at"] == until
    # An assist's first by a dispatcher, up to the case's due.
    request = ask(street.water, "tickets", assist, kind="delay", until=until)
    decide(street.dispatcher, request, "approve")
    assert street.water.get(f"/v1/tickets/{assist}")["finish_due_at"] == until
    # The lead's second by a leader, no third.
    for hours, status in ((50, 201), (60, 409)):
        reply = ask(street.city, "tickets", lead, status, kind="delay", until=iso(clock.now + timedelta(hours=hours)))
        if status == 201:
            decide(street.leader, reply, "approve")
    assert reply.code == "already_done"


def test_a_delay_undecided_at_the_due_does_not_stop_the_breach(street, clock, db):
    case = whistled(street, "city")
    lead = case["tickets"][0]["id"]
    street.city.ticket(lead, "sign")
    request = ask(street.city, "tickets", lead, kind="delay", until=iso(clock.now + timedelta(days=1)))
    clock.forward(hours=4, seconds=1)
    ticked(db, street, case)
    assert decide(street.leader, request, "approve", 409).code == "window_over"
    rows = db.execute("SELECT clock, breached_at - due FROM breaches WHERE case_id = %s AND clock IN ('finish', 'resolve')",
                      (case["id"],)).fetchall()
    assert sorted(rows) == [("finish", timedelta(0)), ("resolve", timedelta(0))]
    assert ask(street.city, "tickets", lead, 409, kind="delay", until=iso(clock.now + timedelta(days=1))).code


def test_recall_of_an_assist_and_of_the_lead(street):
    case = whistled(street, "city", "water")
    lead, assist = (t["id"] for t in case["tickets"])
    assert "recall" in street.dispatcher.get(f"/v1/tickets/{lead}")["allowed_actions"]
    street.city.ticket(lead, "recall", 403, reason="No")
    street.dispatcher.ticket(assist, "recall", reason="Not needed")
    assert street.dispatcher.ticket(lead, "recall", 422, reason="Wrong one").code == "lead_not_named"
    street.dispatcher.ticket(lead, "recall", reason="Wrong one", new_lead={"organisation": "water", "task": "Yours"})
    case = street.dispatcher.get(f"/v1/cases/{case['id']}")
    assert [t["state"] for t in case["tickets"]] == ["recalled", "recalled", "issued"]
    assert case["handler"]["id"] == "water" and case["tickets"][2]["task"] == "Yours"
    worked(street, street.water, case["tickets"][2]["id"])
    street.dispatcher.ticket(case["tickets"][2]["id"], "recall", 409, reason="Too late")


def test_while_suspended_only_assists_are_recalled(street, clock):
    case = whistled(street, "city", "water")
    lead, assist = (t["id"] for t in case["tickets"])
    day = (clock.now.date() + timedelta(days=3)).isoformat()
    decide(street.leader, ask(street.dispatcher, "cases", case["id"], kind="suspend", review_date=day), "approve")
    refused = street.dispatcher.ticket(lead, "recall", 409, reason="Now", new_lead={"organisation": "water"})
    assert refused.code == "invalid_transition"
    assert street.dispatcher.ticket(assist, "recall", reason="Now")["state"] == "recalled"
