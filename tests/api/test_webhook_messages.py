"""What is told, to whom, in what order, and how one knows that it was us."""

import json
import re
import subprocess
from datetime import datetime

import pytest
from support.asking import ask, at_source, decide, evaluating, ticked, whistled, worked
from support.contract import ROOT, Contract
from support.hooks import wait
from support.receiver import signature
from test_story_complex import whistled as whistled_with_names

CONTRACT = Contract()
TOOLS = ROOT / "tests" / "webhooks"


def told(hook, case=None) -> list[str]:
    return [r.type for r in hook.receiver.got if case is None or r.json["data"]["case"]["id"] == case["id"]]


def until(hook, kind: str, n: int = 1):
    hook.receiver.wait(lambda got: sum(r.type == kind for r in got) >= n, kind)
    return [r for r in hook.receiver.got if r.type == kind][n - 1]


def test_a_case_from_its_whistle_to_its_end(street, hooks):
    """The whole street hears everything; a department its own tickets and the case; another one nothing of the other's."""
    street_hook = hooks.subscribe(street.admin)
    city, water = hooks.subscribe(street.city), hooks.subscribe(street.water)
    case = whistled(street, "city", "water")
    lead, assist = case["tickets"]
    worked(street, street.city, lead["id"])
    worked(street, street.water, assist["id"])
    street.dispatcher.ticket(assist["id"], "approve", rating=4)
    street.dispatcher.ticket(lead["id"], "approve", rating=5, feedback={})
    street.supervisor.case(case["id"], "check", point=street.point("XF-01"), **{"pass": True})
    for hook in (street_hook, city, water):
        until(hook, "case.check_passed")
        until(hook, "ticket.closed", 2 if hook is street_hook else 1)
    own = ["ticket.issued", "ticket.signed", "ticket.reported_in", "ticket.started", "ticket.submitted", "ticket.closed"]
    of_case = ["case.whistled", "case.first_signed", "case.feedback_given", "case.check_passed"]
    for hook, tickets in ((street_hook, {lead["id"], assist["id"]}), (city, {lead["id"]}), (water, {assist["id"]})):
        assert {r.ticket for r in hook.receiver.got if r.ticket} == tickets
        for ticket in tickets:
            assert [r.type for r in hook.receiver.got if r.ticket == ticket] == own
        mine = [t for t in told(hook, case) if t.startswith("case.")]
        assert mine == (["case.created", "case.accepted", "case.registered"] if hook is street_hook else []) + of_case


def test_what_a_message_says(street, hooks):
    hook = hooks.subscribe(street.city, ["ticket.*", "case.whistled"])
    case = whistled(street)
    ticket = street.city.get(f"/v1/tickets/{case['tickets'][0]['id']}")
    issued, blown = until(hook, "ticket.issued"), until(hook, "case.whistled")
    for received in (issued, blown):
        assert CONTRACT.errors(CONTRACT.document["components"]["schemas"]["WebhookMessage"], received.json) == []
        assert received.headers["content-type"] == "application/json" and received.path == "/hook"
        assert received.json["timestamp"] == street.clock.now.isoformat(timespec="milliseconds")
        assert abs(received.timestamp - datetime.now().timestamp()) < 60
        hook.verify(received)
        delivery = hook.ended(received.id)
        assert (delivery["state"], delivery["attempt_count"], delivery["last_status"]) == ("delivered", 1, 204)
        assert delivery["payload"] == received.json
    data = issued.json["data"]
    assert (data["action"], data["from"], data["to"]) == ("issue", None, "issued")
    assert data["ticket"] == {name: ticket[name] for name in (
        "id", "number", "kind", "role", "state", "sign_due_at", "contact_due_at", "report_due_at", "finish_due_at")} | {
        "organisation": "city", "href": f"/v1/tickets/{ticket['id']}"}
    assert data["case"]["number"] == case["number"] and data["case"]["resolve_due_at"] == case["resolve_due_at"]
    assert street.city.get(data["ticket"]["href"]).status == street.city.get(data["case"]["href"]).status == 200
    assert blown.json["data"]["ticket"] is None
    event = next(e for e in street.city.get(f"/v1/tickets/{ticket['id']}/events")["items"] if e["action"] == "issue")
    assert data["event_id"] == event["id"]


def test_no_name_no_text_no_place(street, hooks):
    hook = hooks.subscribe(street.admin)
    secrets = {"description": "GeheimText", "title": "GeheimTitel", "address": "GeheimOrt",
               "reporter": {"name": "GeheimName", "phone": "13912345678", "contactable": True}}
    case = street.report(category="pothole", at="XF-01", **secrets)
    street.dispatcher.case(case["id"], "accept")
    street.dispatcher.case(case["id"], "register", level="complex")
    case = street.dispatcher.case(case["id"], "whistle", kind="everyday",
                                  tickets=[{"organisation": "city", "role": "lead", "task": "GeheimTask"}])
    street.city.ticket(case["tickets"][0]["id"], "sign", note="GeheimNote")
    street.dispatcher.post(f"/v1/cases/{case['id']}/comment", {"text": "GeheimWort", "visibility": "internal"})
    street.citizen.post(f"/v1/cases/{case['id']}/urge", {})
    until(hook, "case.urged")
    text = b"\n".join(r.body + json.dumps(r.headers).encode() for r in hook.receiver.got).decode()
    assert "Geheim" not in text and "13912345678" not in text and "125.7" not in text


def test_restricted_events_are_told_to_nobody(street, hooks):
    hook, department = hooks.subscribe(street.admin), hooks.subscribe(street.city)
    case = whistled_with_names(street)
    reply = street.citizen.post(f"/v1/cases/{case['id']}/complaints", {"text": "Nobody called me"})
    assert reply.status == 201
    street.citizen.post(f"/v1/cases/{case['id']}/urge", {})
    until(hook, "case.urged")
    until(department, "case.urged")
    actions = {r.json["data"]["action"] for r in hook.receiver.got + department.receiver.got}
    assert "complain" not in actions and "urge" in actions


def test_a_department_hears_of_a_case_while_it_has_a_ticket(street, hooks, db, drained):
    hook, witness = hooks.subscribe(street.water), hooks.subscribe(street.admin, ["case.urged"])
    case = whistled(street, "city", "water")
    street.citizen.post(f"/v1/cases/{case['id']}/urge", {})
    until(hook, "case.urged")
    street.dispatcher.ticket(case["tickets"][1]["id"], "recall", reason="Not needed")
    recalled = until(hook, "ticket.recalled")
    assert recalled.json["data"]["ticket"]["state"] == "recalled"
    street.clock.forward(hours=2)
    street.citizen.post(f"/v1/cases/{case['id']}/urge", {})
    until(witness, "case.urged", 2)
    assert told(hook).count("case.urged") == 1
    assert not hook.deliveries(state="pending")


def test_only_the_types_asked_for(street, hooks):
    some = hooks.subscribe(street.city, ["ticket.signed", "case.closed"])
    tickets = hooks.subscribe(street.city, ["ticket.*"])
    cases = hooks.subscribe(street.city, ["case.*"])
    case = whistled(street)
    street.city.ticket(case["tickets"][0]["id"], "sign")
    until(tickets, "ticket.signed")
    until(some, "ticket.signed")
    until(cases, "case.first_signed")
    assert told(some) == ["ticket.signed"] and told(tickets) == ["ticket.issued", "ticket.signed"]
    assert {t.split(".")[0] for t in told(cases)} == {"case"}


def test_closed_is_closed_whatever_led_there(street, hooks, db):
    hook = hooks.subscribe(street.admin, ["case.closed", "case.rated", "case.check_failed", "case.called_back", "case.request_approved"])
    rated, unrated, called = evaluating(street), evaluating(street), evaluating(street)
    street.citizen.case(rated["id"], "rate", contacted=True, solved="yes", satisfied=5)
    street.supervisor.post(f"/v1/cases/{called['id']}/callback", {"reached": False})
    until(hook, "case.called_back")
    failed = at_source(street)
    street.supervisor.case(failed["id"], "check", reason="Not clean", point=street.point("XF-01"), **{"pass": False})
    until(hook, "case.check_failed")
    street.clock.forward(days=8)
    ticked(db, street, unrated)
    until(hook, "case.closed", 2)
    assert {r.json["data"]["case"]["id"] for r in hook.receiver.got if r.type == "case.closed"} == {rated["id"], unrated["id"]}
    assert "case.rated" not in told(hook)


def test_requests_have_types_of_their_own(street, hooks):
    hook = hooks.subscribe(street.city, ["*"])
    case = whistled(street)
    ticket = case["tickets"][0]["id"]
    back = ask(street.city, "tickets", ticket, kind="return", basis="Law 8")
    until(hook, "ticket.return_requested")
    decide(street.dispatcher, back, "decline", reason="Yours")
    until(hook, "ticket.kept")
    assert "ticket.request_declined" in told(hook) and "ticket.closed" not in told(hook)
    street.city.ticket(ticket, "sign")
    delay = ask(street.city, "tickets", ticket, kind="delay", until=iso_after(street, hours=30))
    until(hook, "ticket.requested")
    decide(street.leader, delay, "approve")
    until(hook, "ticket.request_approved")
    assert "ticket.closed" not in told(hook)


def iso_after(street, **how) -> str:
    moment = street.clock.now
    street.clock.forward(**how)
    due, street.clock.now = street.clock.now, moment
    return due.isoformat()


def test_every_action_of_the_machines_has_its_type(db):
    """An action that a machine gains and this list does not would be told to nobody."""
    types = db.execute("SELECT machine, action, type FROM webhook_types").fetchall()
    for machine in ("case", "ticket"):
        actions = {row[0] for row in db.execute(f"SELECT action FROM {machine}_transitions").fetchall()}
        assert actions <= {action for m, action, _ in types if m == machine}, machine
    listed = set(CONTRACT.document["components"]["schemas"]["WebhookEventType"]["enum"])
    assert listed == {t for _, _, t in types} | {"case.closed", "ticket.closed", "*", "case.*", "ticket.*"}
    labelled = {row[0] for row in db.execute("SELECT code FROM dictionary_entries WHERE dictionary = 'webhook_event_type'")}
    assert labelled == {t for t in listed if "*" not in t}
    source = "".join((ROOT / "db" / "procedures").joinpath(name).read_text() for name in (
        "52_case_steps.sql", "53_case_check.sql", "54_tickets.sql", "55_requests.sql", "59_case_more.sql", "61_merge.sql"))
    for machine, word in (("case", "case_to"), ("ticket", "ticket_to")):
        done = set(re.findall(rf"{word}\(w, '(\w+)'", source))
        assert done <= {action for m, action, _ in types if m == machine}, machine


@pytest.fixture(scope="module")
def library():
    """npm's standardwebhooks; installed on first use, as the linters are."""
    if not (TOOLS / "node_modules" / "standardwebhooks").is_dir():
        done = subprocess.run(["npm", "ci", "--prefix", str(TOOLS)], capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr

    def verify(messages: list[dict]) -> list[str]:
        lines = "".join(json.dumps(m) + "\n" for m in messages)
        done = subprocess.run(["node", str(TOOLS / "verify.cjs")], input=lines, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    return verify


def of(received, secret: str, **more) -> dict:
    headers = {name: received.headers[name] for name in ("webhook-id", "webhook-timestamp", "webhook-signature")}
    return {"secret": secret, "headers": headers | more.get("headers", {}), "body": more.get("body", received.body.decode())}


def test_the_standards_own_library_believes_us(street, hooks, library):
    """And believes nothing else: another secret, another byte, another id, another time."""
    hook = hooks.subscribe(street.city, ["ticket.issued", "ticket.signed"], description="带中文的订阅")
    old = hook.secret
    case = whistled(street)
    issued = until(hook, "ticket.issued")
    new = hook.act("rotate-secret")["secret"]
    street.city.ticket(case["tickets"][0]["id"], "sign")
    signed = until(hook, "ticket.signed")
    stranger = "whsec_" + "A" * 43 + "="
    later = {"webhook-timestamp": str(issued.timestamp + 1)}
    fine = [of(issued, old), of(signed, old), of(signed, new), of(signed, new.removeprefix("whsec_"))]
    wrong = [of(issued, new), of(signed, stranger), of(issued, old, body=issued.body.decode() + " "),
             of(issued, old, headers={"webhook-id": signed.id}), of(issued, old, headers=later),
             of(issued, old, headers={"webhook-signature": signed.signature})]
    ancient = issued.timestamp - 3600
    stale = of(issued, old, headers={"webhook-timestamp": str(ancient),
                                     "webhook-signature": signature(old, issued.id, ancient, issued.body)})
    answers = library(fine + wrong + [stale])
    assert answers[:4] == ["fine ticket.issued", "fine ticket.signed", "fine ticket.signed", "fine ticket.signed"]
    assert answers[4:10] == ["WebhookVerificationError: No matching signature found"] * 6
    assert answers[10] == "WebhookVerificationError: Message timestamp too old"


def test_a_ticket_in_order_and_tickets_side_by_side(street, hooks):
    """The first message of one ticket fails: its later ones wait, those of others do not."""
    stubborn = []

    def answer(received):
        if received.ticket in stubborn and received.type == "ticket.issued":
            return 500
        return 204

    hook = hooks.subscribe(street.city, ["ticket.*"], answer)
    first = whistled(street)["tickets"][0]["id"]
    until(hook, "ticket.issued")
    stubborn.append((blocked := whistled(street)["tickets"][0]["id"]))
    for ticket in (first, blocked):
        worked(street, street.city, ticket)
    own = ["ticket.issued", "ticket.signed", "ticket.reported_in", "ticket.started", "ticket.submitted"]
    wait(lambda: [r.type for r in hook.receiver.got if r.ticket == first] == own, "the other ticket")
    held = wait(lambda: (found := hook.deliveries(ticket=blocked)) and len(found) == 5 and found, "five messages")
    assert [d["state"] for d in held] == ["pending"] * 5
    assert [d["type"] for d in held if d["next_attempt_at"]] == ["ticket.issued"], "the rest waits for it"
    assert {r.type for r in hook.receiver.got if r.ticket == blocked} == {"ticket.issued"}
    stubborn.clear()
    hook.hasten()
    wait(lambda: [r.type for r in hook.receiver.got if r.ticket == blocked and r.status == 204] == own, "the held ticket")
    assert len({r.id for r in hook.receiver.got if r.ticket == blocked}) == 5
