"""Many actions in one call: each result is what the single call would have answered, and none feels another's."""

import json
import threading

import psycopg
import pytest
from support.contract import Contract

# What differs from call to call, or is not part of an item's result.
OWN = ("instance",)


@pytest.fixture
def issue(street):
    """Issues tickets of one case, the first as the lead's; returns their ids by organisation."""

    def tickets(*organisations: str, category: str = "advice") -> dict:
        case = street.report(at="XF-01", category=category)["id"]
        street.dispatcher.case(case, "accept")
        street.dispatcher.case(case, "register", level="complex")
        whistled = street.dispatcher.case(case, "whistle", kind="everyday", tickets=[
            {"organisation": code, "role": "assist" if n else "lead", "task": "t"} for n, code in enumerate(organisations)])
        return {t["organisation"]["code"]: t["id"] for t in whistled["tickets"]}

    return tickets


def item(ticket: str, action: str, if_match: str | None = None, /, **body) -> dict:
    return {"ticket_id": ticket, "action": action} | ({"if_match": if_match} if if_match else {}) | (
        {"body": body} if body else {})


def batch(client, *items, key=None):
    reply = client.post("/v1/tickets/batch", {"items": list(items)}, key=key)
    assert reply.status == 200, reply
    return reply["items"]


def single(client, what: dict):
    path = f"/v1/tickets/{what['ticket_id']}/{what['action'].replace('_', '-')}"
    return client.post(path, what.get("body", {}), what.get("if_match"), key=what.get("idempotency_key"))


def problem_of(reply) -> dict:
    return {name: value for name, value in reply.json.items() if name not in OWN}


def without_place(problem: dict, n: int) -> dict:
    """The problem of an item, its pointers as the single call writes them."""
    errors = [e | {"pointer": e["pointer"].removeprefix(f"/items/{n}/body")} for e in problem.get("errors", [])]
    assert all(e["pointer"].startswith(f"/items/{n}/body") for e in problem.get("errors", []))
    told = {name: value for name, value in problem.items() if name not in OWN}
    return told | ({"errors": errors} if errors else {})


def test_done_in_order_with_what_the_single_call_answers(street, issue):
    one, two = issue("city")["city"], issue("city")["city"]
    results = batch(street.city, item(two, "sign", "1"), item(one, "sign", '"1.00000000"'), item(two, "start", "2"),
                    item(two, "submit", "3", result="cleared", reply="cleared", cause_code="ageing"))
    assert [r["status"] for r in results] == [200] * 4
    assert [r["ticket"]["state"] for r in results] == ["signed", "signed", "in_progress", "submitted"]
    assert [r["ticket"]["id"] for r in results] == [two, one, two, two]
    read = street.city.get(f"/v1/tickets/{one}")
    assert results[1]["ticket"] == read.json and results[1]["etag"] == read.etag


def test_each_refusal_is_that_of_the_single_call(street, elsewhere, issue):
    """Every class of refusal, between two that are done."""
    first, second, others = issue("city")["city"], issue("city")["city"], issue("water")["water"]
    nobody = "0190a5f0-0000-7000-8000-000000000000"
    refused = [
        item(others, "sign", "1"),
        item(nobody, "sign", "1"),
        item(second, "sign"),
        item(second, "sign", "7"),
        item(second, "submit", "1", result="done", cause_code="ageing"),
        item(second, "submit", "1", result="", resul="x", cause_code=7, attachments=["x"]),
        item(second, "report_in", "1", point={"lon": 500, "lat": "a"}),
        item(second, "report_in", "1"),
        item(second, "approve", "1", rating=5),
        item(second, "approve", "1", rating=9),
        item(second, "recall", reason="r"),
        item(second, "contact", note="x" * 5000),
    ]
    alone = [single(street.city, what) for what in refused]
    results = batch(street.city, item(first, "sign", "1"), *refused, item(second, "sign", "1"))
    assert results[0]["status"] == results[-1]["status"] == 200
    assert {r.status for r in alone} == {403, 404, 409, 412, 422, 428}
    for n, (one, result) in enumerate(zip(alone, results[1:-1]), start=1):
        assert result["status"] == one.status, (refused[n - 1], one, result)
        assert without_place(result["problem"], n) == problem_of(one), refused[n - 1]
    assert "ticket" not in results[1] and "problem" not in results[0]


def test_what_is_wrong_with_the_batch_itself(street, issue):
    ticket = issue("city")["city"]
    for body, pointers in [
        ({}, ["/items"]),
        ({"items": []}, ["/items"]),
        ({"items": [item(ticket, "sign", "1")] * 101}, ["/items"]),
        ({"items": [item(ticket, "sign", "1"), item("x", "paint", "1") | {"more": 1}]},
         ["/items/1/action", "/items/1/more", "/items/1/ticket_id"]),
        ({"items": [{"ticket_id": ticket, "action": "sign", "body": [], "if_match": ""}]},
         ["/items/0/body", "/items/0/if_match"]),
        ({"items": [{"ticket_id": ticket, "action": "sign", "idempotency_key": "a b"}]}, ["/items/0/idempotency_key"]),
    ]:
        reply = street.city.post("/v1/tickets/batch", body)
        assert (reply.status, reply.code, reply.pointers) == (422, "invalid_body", pointers)
    assert street.city.get(f"/v1/tickets/{ticket}")["state"] == "issued"


def test_the_person_comes_before_the_body(street, issue):
    ticket = issue("city")["city"]
    stranger = street.client("nobody-knows-me", ["department"])
    reply = stranger.post("/v1/tickets/batch", {"items": [item(ticket, "sign", "1")]})
    assert (reply.status, reply.code) == (403, "unknown_subject")
    reply = stranger.post("/v1/tickets/batch", {"items": [item(ticket, "submit", "1", wrong=1)]})
    assert (reply.status, reply.code) == (403, "unknown_subject")
    # The token says dispatcher, the database does not: that comes before what is wrong with the body.
    pretender = street.client("city", ["department", "dispatcher"])
    results = batch(pretender, item(ticket, "approve", "1", rating=99), item(ticket, "submit", "1", wrong=1))
    assert [r["problem"]["code"] for r in results] == ["insufficient_role", "invalid_body"]
    assert street.citizen.post("/v1/tickets/batch", {"items": [item(ticket, "sign", "1")]}).status == 403


def test_the_same_batch_again(street, issue, unique):
    one, two = issue("city")["city"], issue("city")["city"]
    items = [item(one, "sign", "1"), item(two, "sign", "1"), item(two, "start", "1")]
    first = street.city.post("/v1/tickets/batch", {"items": items}, key=unique)
    assert [r["status"] for r in first["items"]] == [200, 200, 412]
    assert "Idempotent-Replayed" not in first.headers
    again = street.city.post("/v1/tickets/batch", {"items": items}, key=unique)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert [(r["status"], r.get("replayed")) for r in again["items"]] == [(200, True), (200, True), (412, None)]
    assert [r["ticket"] for r in again["items"][:2]] == [r["ticket"] for r in first["items"][:2]]
    events = [e["action"] for e in street.city.get(f"/v1/tickets/{one}/events", limit=50)["items"]]
    assert events.count("sign") == 1
    for other in ([item(one, "sign", "1")], items[::-1]):
        reply = street.city.post("/v1/tickets/batch", {"items": other}, key=unique)
        assert (reply.status, reply.code) == (422, "idempotency_key_reused")


def test_what_was_refused_is_tried_again(street, issue, unique):
    ticket = issue("city")["city"]
    items = [item(ticket, "start", "2")]
    assert batch(street.city, *items, key=unique)[0]["status"] == 412
    street.city.ticket(ticket, "sign")
    assert batch(street.city, *items, key=unique)[0]["status"] == 200, "nothing was done, so nothing was remembered"
    assert batch(street.city, *items, key=unique)[0]["replayed"] is True


def test_a_key_of_the_single_call_means_the_same_here(street, issue, unique):
    ticket = issue("city")["city"]
    sign = item(ticket, "sign", '"1.5be0b9a2"') | {"idempotency_key": unique, "body": {}}
    answered = single(street.city, sign)
    assert answered.status == 200
    result = batch(street.city, sign)[0]
    assert result["replayed"] is True and result["ticket"] == answered.json
    contact = item(ticket, "contact", None, note="called") | {"idempotency_key": f'"{unique}-2"'}
    assert "replayed" not in batch(street.city, contact)[0]
    assert single(street.city, contact).headers["Idempotent-Replayed"] == "true"
    changed = contact | {"body": {"note": "called twice"}}
    assert batch(street.city, changed)[0]["problem"]["code"] == "idempotency_key_reused"


def test_bodies_go_through_as_they_are(street, issue):
    """Names with escapes, blanks, numbers with a point: raw text and parsed value say the same."""
    ticket = issue("city")["city"]
    text = ('{ "items" : [ {"\\u0062ody": {"note": "a\\"]}{[\\u4e2d\\n" } , "action":"contact", '
            f'"ticket_id" :"{ticket}"}}, {{"action": "sign", "ticket_id": "{ticket}", "if_match": "2", "body": {{ }} }} ] }}')
    reply = street.city.request("POST", "/v1/tickets/batch", headers={"Content-Type": "application/json"}, data=text.encode())
    assert [r["status"] for r in reply["items"]] == [409, 412]
    street.city.ticket(ticket, "sign")
    reply = street.city.request("POST", "/v1/tickets/batch", headers={"Content-Type": "application/json"}, data=text.encode())
    assert reply["items"][0]["status"] == 200, reply
    notes = [e["note"] for e in street.city.get(f"/v1/tickets/{ticket}/events", limit=50)["items"] if e["action"] == "contact"]
    assert notes == ['a"]}{[中\n']


def test_an_error_nobody_foresaw_is_one_items_own(street, issue, db):
    """A constraint refuses one item; the others are done, and the log names the item."""
    before, broken, after = (issue("city")["city"] for _ in range(3))
    db.execute(f"CREATE FUNCTION whistled.break_it() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
               f" IF NEW.id = '{broken}' THEN RAISE 'broken on purpose'; END IF; RETURN NEW; END $$")
    db.execute("CREATE TRIGGER break_it BEFORE UPDATE ON whistled.tickets FOR EACH ROW EXECUTE FUNCTION whistled.break_it()")
    db.execute(f"ALTER TABLE whistled.tickets ADD CONSTRAINT not_this CHECK (id <> '{after}' OR state <> 'in_progress') NOT VALID")
    try:
        results = batch(street.city, item(before, "sign", "1"), item(broken, "sign", "1"), item(after, "sign", "1"),
                        item(after, "start", "2"))
    finally:
        db.execute("DROP TRIGGER break_it ON whistled.tickets")
        db.execute("DROP FUNCTION whistled.break_it")
        db.execute("ALTER TABLE whistled.tickets DROP CONSTRAINT not_this")
    assert [r["status"] for r in results] == [200, 500, 200, 422]
    assert [r["problem"]["code"] for r in results if "problem" in r] == ["internal", "invalid_value"]
    assert [street.city.get(f"/v1/tickets/{t}")["state"] for t in (before, broken, after)] == ["signed", "issued", "signed"]
    lines = [json.loads(line) for line in street.service.log_text().splitlines() if "broken on purpose" in line]
    assert [(line["level"], line["request_id"]) for line in lines] == [("error", results[1]["problem"]["instance"])]
    street.service.excused.append("broken on purpose")


def test_two_batches_over_the_same_tickets(street, issue):
    """Whatever order each names them in: no deadlock, each ticket is signed for once."""
    tickets = [issue("city")["city"] for _ in range(12)]
    results, barrier = {}, threading.Barrier(2)

    def act(name, client, order):
        barrier.wait()
        results[name] = batch(client, *[item(t, "sign", "1") for t in order])

    threads = [threading.Thread(target=act, args=args) for args in
               (("a", street.city, tickets), ("b", street.client("city2", ["department"]), tickets[::-1]))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    by_ticket = {t: [] for t in tickets}
    for name, order in (("a", tickets), ("b", tickets[::-1])):
        for ticket, result in zip(order, results[name]):
            by_ticket[ticket].append(result["status"])
    assert all(sorted(statuses) == [200, 412] for statuses in by_ticket.values()), by_ticket


def test_the_actions_are_all_that_tickets_have():
    contract = Contract()
    named = contract.document["components"]["schemas"]["TicketBatchItem"]["properties"]["action"]["enum"]
    acting = {o for o in contract.operations if o.entry.get("x-statement") == "tickets.act"}
    assert sorted(named) == sorted(o.id.split(".")[1] for o in acting)
    assert set(contract.by_id["tickets.batch"].roles) == {role for o in acting for role in o.roles}
