"""What an attacker tried: each that once got through, and some that never did."""

import uuid

from test_story_complex import whistled, work


def checking(street):
    """A case of two departments that waits for its check."""
    case = whistled(street)
    lead, assist = (t["id"] for t in case["tickets"])
    work(street.city, lead, street.point("XF-01"), reply="Filled.")
    work(street.water, assist, street.point("XF-01"))
    street.dispatcher.ticket(assist, "approve", rating=4)
    street.dispatcher.ticket(lead, "approve", rating=4, feedback={})
    return case["id"], lead, assist


def test_what_another_department_is_to_do_is_not_told_in_the_history(street):
    case = whistled(street)["id"]
    tasks = {"dispatcher": ["Task 0", "Task 1"], "city": ["Task 0", None], "water": [None, "Task 1"]}
    for name, wanted in tasks.items():
        events = getattr(street, name).get(f"/v1/cases/{case}/events", limit=200)["items"]
        told = [e["data"]["tickets"] for e in events if e["action"] == "whistle"]
        assert [[t.get("task") for t in tickets] for tickets in told] == [wanted]
        assert [t["organisation"] for t in told[0]] == ["city", "water"]


def test_nor_in_the_review_of_an_emergency(street):
    case = street.report(category="gas_leak", at="XF-01")
    tickets = [{"organisation": "city", "role": "lead", "task": "Close the valve"},
               {"organisation": "water", "role": "assist", "task": "Stand by"}]
    street.dispatcher.case(case["id"], "whistle", kind="emergency", reason="Gas", tickets=tickets)
    request = street.water.get("/v1/requests", case=case["id"])["items"][0]
    assert [t.get("task") for t in request["proposal"]["joined"][0]["tickets"]] == [None, "Stand by"]
    assert street.leader.get(f"/v1/requests/{request['id']}")["proposal"]["joined"][0]["tickets"] == tickets


def test_a_failed_check_opens_a_ticket_once(street):
    case, lead, _ = checking(street)
    body = {"reason": "Still there", "point": street.point("XF-01"), "pass": False}
    twice = [{"ticket_id": lead}, {"ticket_id": lead, "reason": "Again"}]
    refused = street.supervisor.case(case, "check", 422, rework_tickets=twice, **body)
    assert refused.pointers == ["/rework_tickets/1/ticket_id"]
    street.supervisor.case(case, "check", 200, rework_tickets=twice[:1], **body)
    assert street.city.get(f"/v1/tickets/{lead}")["state"] == "in_progress"
    events = street.city.get(f"/v1/tickets/{lead}/events")["items"]
    assert [e["action"] for e in events].count("reopen") == 1


def test_a_ticket_of_another_case_is_not_reworked(street):
    case, lead, _ = checking(street)
    _, foreign, _ = checking(street)
    for tickets in ([{"ticket_id": foreign}], [{"ticket_id": lead}, {"ticket_id": foreign}]):
        refused = street.supervisor.case(case, "check", 422, reason="No", point=street.point("XF-01"),
                                         rework_tickets=tickets, **{"pass": False})
        assert refused.code == "unknown_reference"


def test_a_missing_reason_is_refused_before_the_row_is_looked_at(street):
    body = {"pass": False, "point": street.point("XF-01")}
    own = street.report(at="XF-01")["id"]
    for case in (own, str(uuid.uuid4())):
        reply = street.supervisor.post(f"/v1/cases/{case}/check", body, '"77"')
        assert (reply.status, reply.code, reply.pointers) == (422, "invalid_body", ["/reason"])


def test_reporters_of_a_merged_case_do_not_read_each_others_words(street):
    merged = street.report(street.citizen, category="advice", at="XF-01")
    target = street.report(street.citizen2, category="advice", at="XF-01")["id"]
    street.dispatcher.case(target, "accept")
    street.dispatcher.case(merged["id"], "merge", into=target, reason="The same")
    street.dispatcher.case(target, "register", level="ordinary")
    street.grid1.case(target, "start-source")
    street.grid1.case(target, "source-done", result="Done", reply="Told you")
    street.supervisor.case(target, "check", **{"pass": True})
    street.citizen2.case(target, "rate", contacted=True, solved="no", satisfied=1, comment="Between us")
    events = {name: street.client(name, ["citizen"]).get(f"/v1/cases/{target}/events", limit=200)
              for name in ("citizen", "citizen2")}
    assert b"Between us" in events["citizen2"].content
    assert b"Between us" not in events["citizen"].content
    rate = [e for e in events["citizen"]["items"] if e["action"] == "rate"][0]
    assert (rate["note"], rate["data"]) == (None, {})
    assert b"Told you" in events["citizen"].content


def test_a_case_merged_twice_on_satisfies_the_auditor(street, db):
    first, second, third = (street.report(category="advice", at="XF-01")["id"] for _ in range(3))
    street.grid1.post(f"/v1/cases/{first}/arrive", {"point": street.point("XF-01")})
    street.dispatcher.case(first, "merge", into=second, reason="The same")
    street.dispatcher.case(second, "merge", into=third, reason="The same again")
    assert street.dispatcher.get(f"/v1/cases/{first}")["merged_into"] == third
    assert not db.execute("SELECT * FROM audit_objects('street') AS a WHERE a.id = ANY (%s::uuid[])",
                          ([first, second, third],)).fetchall()
