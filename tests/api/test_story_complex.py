"""A complex case: the street whistles, departments report in, somebody else checks, the resident rates."""

from datetime import timedelta

from support.world import iso


def whistled(street, level="complex", organisations=("city", "water"), **more):
    case = street.report(category="pothole", at="XF-01", **more)
    street.dispatcher.case(case["id"], "accept")
    street.dispatcher.case(case["id"], "register", level=level)
    return street.dispatcher.case(
        case["id"], "whistle", kind="everyday",
        tickets=[{"organisation": o, "role": "lead" if i == 0 else "assist", "task": f"Task {i}"}
                 for i, o in enumerate(organisations)],
    )


def work(client, ticket_id, point, **more):
    """Sign, report in, start, submit."""
    client.ticket(ticket_id, "sign")
    client.ticket(ticket_id, "report-in", point=point)
    client.ticket(ticket_id, "start")
    return client.ticket(ticket_id, "submit", result="Done", **more)


def test_two_departments(street, clock):
    start = clock.now
    case = whistled(street)
    assert case["state"] == "whistled" and case["step"] == "dispatch"
    assert case["resolve_due_at"] == iso(start + timedelta(hours=4))
    lead, assist = case["tickets"]
    assert (lead["role"], lead["organisation"]["code"]) == ("lead", "city")
    assert (assist["role"], assist["organisation"]["code"]) == ("assist", "water")

    ticket = street.city.get(f"/v1/tickets/{lead['id']}")
    assert ticket["number"] == f"{case['number']}-1"
    assert ticket["sign_due_at"] == iso(start + timedelta(hours=1))
    # Never later than the case's own due time.
    assert ticket["finish_due_at"] == ticket["report_due_at"] == ticket["contact_due_at"] == case["resolve_due_at"]

    signed = street.city.ticket(lead["id"], "sign")
    assert signed["state"] == "signed" and signed["signed_at"] == iso(clock.now)
    assert street.dispatcher.get(f"/v1/cases/{case['id']}")["state"] == "handling"
    contacted = street.city.post(f"/v1/tickets/{lead['id']}/contact", {"note": "Called"})
    assert contacted.status == 200 and contacted["contacted_at"] == iso(clock.now)
    clock.forward(minutes=30)
    street.city.ticket(lead["id"], "report-in", point=street.point("XF-01"))
    street.city.ticket(lead["id"], "start")
    submitted = street.city.ticket(lead["id"], "submit", result="Filled", reply="The hole is filled.")
    assert submitted["not_contacted"] is False
    work(street.water, assist["id"], street.point("XF-01"))

    street.dispatcher.ticket(assist["id"], "approve", rating=4)
    closed = street.dispatcher.ticket(lead["id"], "approve", rating=5, feedback={})
    assert closed["state"] == "closed"
    case = street.dispatcher.get(f"/v1/cases/{case['id']}")
    assert case["state"] == "checking"
    assert case["reply"] == "The hole is filled."
    assert case["resolved_at"] == iso(clock.now)

    street.community_xf.case(case["id"], "check", point=street.point("XF-01"), **{"pass": True})
    rated = street.citizen.case(case["id"], "rate", contacted=True, solved="yes", satisfied=4)
    assert rated["state"] == "closed"


def test_rework_then_failed_check_leads_back_to_work(street, clock):
    case = whistled(street, organisations=("city",))
    lead = case["tickets"][0]["id"]
    due = case["resolve_due_at"]
    work(street.city, lead, street.point("XF-01"), reply="Done.")
    back = street.dispatcher.ticket(lead, "rework", reason="The edge is loose")
    assert (back["state"], back["rework_count"]) == ("in_progress", 1)
    street.city.ticket(lead, "submit", result="Edge fixed", reply="Done again.")
    street.dispatcher.ticket(lead, "approve", rating=3)
    street.dispatcher.case(case["id"], "feedback")

    checker = street.grid2
    refused = checker.case(case["id"], "check", 422, point=street.point("XF-01"), reason="Still loose",
                           rework_tickets=[], **{"pass": False})
    assert refused.code == "lead_not_named"
    clock.forward(minutes=10)
    failed = checker.case(case["id"], "check", point=street.point("XF-01"), reason="Still loose",
                          rework_tickets=[{"ticket_id": lead}], **{"pass": False})
    assert failed["state"] == "handling"
    assert failed["rework_count"] == 1
    assert failed["resolved_at"] is None
    assert failed["resolve_due_at"] == due, "a failed check gives no new time"
    ticket = street.city.get(f"/v1/tickets/{lead}")
    assert ticket["state"] == "in_progress"

    street.city.ticket(lead, "submit", result="Fixed", reply="Third time.")
    street.dispatcher.ticket(lead, "approve", rating=2, feedback={"reply": "Now it holds."})
    passed = checker.case(case["id"], "check", point=street.point("XF-01"), **{"pass": True})
    assert passed["state"] == "evaluating" and passed["reply"] == "Now it holds."
    street.citizen.case(case["id"], "rate", contacted=True, solved="partly", satisfied=3)


def test_emergency_whistle_by_the_community_on_a_received_case(street, clock):
    start = clock.now
    case = street.report(category="gas_leak", at="XF-01")
    whistle = street.community_xf.case(
        case["id"], "whistle", kind="emergency", reason="Smell of gas",
        tickets=[{"organisation": "city", "role": "lead", "task": "Close the road"}],
    )
    assert whistle["state"] == "whistled"
    assert whistle["level"] == "complex" and whistle["registered"] is True
    assert whistle["resolve_due_at"] == iso(start + timedelta(hours=4))
    ticket = street.city.get(f"/v1/tickets/{whistle['tickets'][0]['id']}")
    assert ticket["sign_due_at"] == iso(start + timedelta(minutes=10))
    assert ticket["report_due_at"] == iso(start + timedelta(minutes=30))
    assert ticket["contact_due_at"] is None
    review = street.leader.get("/v1/requests", state="pending", kind="emergency_review", decidable="true")["items"]
    mine = [r for r in review if r["case_id"] == case["id"]]
    assert len(mine) == 1
    assert mine[0]["due_at"] == iso(start + timedelta(hours=24))
    request = street.leader.get(f"/v1/requests/{mine[0]['id']}")
    approved = street.leader.post(f"/v1/requests/{mine[0]['id']}/approve", {}, request.etag)
    assert approved.status == 200 and approved["state"] == "approved"
    actions = [e["action"] for e in street.dispatcher.get(f"/v1/cases/{case['id']}/events")["items"]]
    assert actions[:4] == ["create", "accept", "register", "whistle"]
