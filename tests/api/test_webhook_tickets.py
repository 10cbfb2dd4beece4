"""send_failed and delivered: whether a ticket reached a department that has a webhook of its own."""

import threading

import pytest
from support.asking import ask, decide, whistled
from support.hooks import wait


def state(street, ticket: str) -> str:
    """As the dispatcher sees it: nobody of the department looks."""
    return street.dispatcher.get(f"/v1/tickets/{ticket}")["state"]


def until_state(street, ticket: str, wanted: str) -> None:
    wait(lambda: state(street, ticket) == wanted, f"{wanted} of {ticket}")


def actions(street, ticket: str) -> list[str]:
    """Without the reminders of the clock."""
    events = street.dispatcher.get(f"/v1/tickets/{ticket}/events", limit=100)["items"]
    return [e["action"] for e in events if e["action"] != "supervise"]


def on_its_way(db, ticket: str):
    return db.execute("SELECT tries, failed_at, delivered_at, pulled_at FROM webhook_tickets WHERE ticket_id = %s", (ticket,)).fetchone()


def settled(db, street) -> None:
    """What the sender's thread does every second, at the test's time."""
    while db.execute("SELECT webhook_tickets_settled(%s, %s, 100)", (street.tenant, street.clock.now)).fetchone()[0]:
        pass


def missed(street, hook, n: int = 3) -> str:
    """A ticket whose message failed so often."""
    ticket = whistled(street)["tickets"][0]["id"]
    message = wait(lambda: hook.deliveries(ticket=ticket, type="ticket.issued"), "the message")[0]["id"]
    for tried in range(1, n + 1):
        hook.tried(message, tried)
        if tried < n:
            hook.hasten()
    return ticket


def test_three_tries_and_a_later_one(street, hooks, db):
    down = [True]
    hook = hooks.subscribe(street.city, ["ticket.issued"], lambda received: 500 if down else 204)
    ticket = missed(street, hook, 2)
    assert state(street, ticket) == "issued" and on_its_way(db, ticket)[0] == 2
    hook.hasten()
    until_state(street, ticket, "send_failed")
    assert state(street, ticket) == "send_failed" and on_its_way(db, ticket)[1]
    assert [d["state"] for d in hook.deliveries(ticket=ticket)] == ["pending"], "tries go on"
    work = {(w["object"], w["action"]): w["count"] for w in street.dispatcher.get("/v1/me/work")["items"]}
    assert work["ticket", "send_failed"] >= 1
    assert ticket in {t["id"] for t in street.dispatcher.get("/v1/tickets", status="send_failed", limit=200)["items"]}
    down.clear()
    hook.hasten()
    until_state(street, ticket, "issued")
    assert actions(street, ticket) == ["issue", "send_failed", "delivered"] and on_its_way(db, ticket) is None
    assert street.city.get(f"/v1/tickets/{ticket}")["allowed_actions"] == ["sign"]


def test_delivered_at_once_leaves_no_trace(street, hooks, db):
    hook = hooks.subscribe(street.city, ["ticket.issued"])
    ticket = whistled(street)["tickets"][0]["id"]
    hook.receiver.wait_for(1)
    wait(lambda: hook.deliveries(ticket=ticket)[0]["state"] == "delivered")
    assert on_its_way(db, ticket) is None
    street.clock.forward(hours=2)
    settled(db, street)
    assert actions(street, ticket) == ["issue"]


@pytest.mark.parametrize("pull", ["list", "feed", "get", "number", "colleague"])
def test_a_pull_that_shows_it_delivers_it(street, hooks, db, drained, pull):
    hook = hooks.subscribe(street.city, ["ticket.issued"], lambda received: 500)
    ticket = missed(street, hook)
    until_state(street, ticket, "send_failed")
    # Nobody else's reading is a delivery, and a page on which it is not shown is none.
    street.water.get("/v1/tickets", limit=200)
    street.community_xf.get(f"/v1/tickets/{ticket}")
    street.leader.get(f"/v1/tickets/{ticket}")
    street.city.get("/v1/tickets", status="signed")
    street.city.get("/v1/tickets", sort="due", status="closed", limit=1)
    assert on_its_way(db, ticket)[3] is None
    drained()
    shown = {
        "list": lambda: street.city.get("/v1/tickets", status="open", limit=200),
        "feed": lambda: street.city.get("/v1/tickets", updated_after=street.clock.now.isoformat(), limit=200),
        "get": lambda: street.city.get(f"/v1/tickets/{ticket}"),
        "number": lambda: street.city.get("/v1/tickets", number=street.dispatcher.get(f"/v1/tickets/{ticket}")["number"]),
        "colleague": lambda: street.city2.get(f"/v1/tickets/{ticket}"),
    }[pull]()
    assert shown.status == 200 and ticket in shown.content.decode() and b"send_failed" in shown.content
    until_state(street, ticket, "issued")
    assert actions(street, ticket) == ["issue", "send_failed", "delivered"]


def test_who_has_read_it_can_act_on_it(street, hooks, db):
    """Reading is what delivers it: that must not make stale what was read."""
    hook = hooks.subscribe(street.city, ["ticket.issued"], lambda received: 500)
    ticket = missed(street, hook)
    until_state(street, ticket, "send_failed")
    read = street.city.get(f"/v1/tickets/{ticket}")
    until_state(street, ticket, "issued")
    again = street.city.get(f"/v1/tickets/{ticket}")
    assert (read["state"], again["state"], read["version"], again["version"]) == ("send_failed", "issued", 1, 1)
    assert read.etag != again.etag and read["allowed_actions"] == again["allowed_actions"] == ["sign"]
    assert street.city.post(f"/v1/tickets/{ticket}/sign", {}, read.etag).status == 200


def test_the_row_behind_the_page_is_not_shown(street, hooks, db):
    hook = hooks.subscribe(street.city, ["ticket.issued"], lambda received: 500)
    older = missed(street, hook)
    street.clock.forward(minutes=1)
    newer = missed(street, hook)
    until_state(street, older, "send_failed")
    until_state(street, newer, "send_failed")
    page = street.city.get("/v1/tickets", status="send_failed", limit=1)
    assert [t["id"] for t in page["items"]] == [newer]
    until_state(street, newer, "issued")
    assert on_its_way(db, older)[3] is None and state(street, older) == "send_failed"
    rest = street.city.get("/v1/tickets", status="send_failed", limit=1, cursor=page["next_cursor"])
    assert [t["id"] for t in rest["items"]] == [older]
    until_state(street, older, "issued")


def test_seen_before_the_third_try_never_fails(street, hooks, db):
    hook = hooks.subscribe(street.city, ["ticket.issued"], lambda received: 500)
    ticket = missed(street, hook, 2)
    assert street.city.get(f"/v1/tickets/{ticket}").status == 200
    wait(lambda: on_its_way(db, ticket) is None, "the note")
    message = hook.deliveries(ticket=ticket)[0]["id"]
    hook.hasten()
    hook.tried(message, 3)
    street.clock.forward(hours=2)
    settled(db, street)
    assert actions(street, ticket) == ["issue"]


def test_not_delivered_when_it_should_be_signed(street, hooks, db):
    """The receiver hangs; the time to sign passes. A suspension moves that time."""
    silence = threading.Event()
    hook = hooks.subscribe(street.city, ["ticket.issued"], lambda received: silence.wait(60) and 204)
    case = whistled(street)
    ticket = case["tickets"][0]["id"]
    wait(lambda: on_its_way(db, ticket), "its way")
    street.clock.forward(minutes=59)
    settled(db, street)
    assert state(street, ticket) == "issued"
    street.clock.forward(minutes=1)
    settled(db, street)
    assert actions(street, ticket) == ["issue", "send_failed"]
    hook.edit(active=False)
    street.city.ticket(ticket, "sign")
    wait(lambda: on_its_way(db, ticket) is None or db.execute(
        "SELECT state FROM tickets WHERE id = %s", (ticket,)).fetchone()[0] == "signed")
    settled(db, street)
    assert actions(street, ticket) == ["issue", "send_failed", "sign"]
    silence.set()


def test_asked_back_and_kept(street, hooks, db):
    """While the return is undecided nothing is said of its delivery; afterwards it is."""
    hook = hooks.subscribe(street.city, ["ticket.issued"], lambda received: 500)
    ticket = missed(street, hook, 2)
    back = ask(street.city, "tickets", ticket, kind="return", basis="Law 8")
    hook.hasten()
    wait(lambda: on_its_way(db, ticket)[0] == 3, "the third try")
    settled(db, street)
    assert state(street, ticket) == "return_requested"
    db.execute("UPDATE webhook_tickets SET pulled_at = NULL WHERE ticket_id = %s", (ticket,))
    decide(street.dispatcher, back, "decline", reason="Yours")
    until_state(street, ticket, "send_failed")
    street.city.ticket(ticket, "sign")
    wait(lambda: on_its_way(db, ticket) is None, "the end of its way")


def test_only_for_who_has_a_webhook_of_its_own(street, hooks, db):
    """The street's own webhook, one for other types, and one that its people switched off deliver no tickets."""
    hooks.subscribe(street.admin, ["*"], lambda received: 500)
    hooks.subscribe(street.city, ["case.*", "ticket.signed"], lambda received: 500)
    witness = hooks.subscribe(street.admin, ["ticket.issued"])
    ticket = whistled(street)["tickets"][0]["id"]
    witness.receiver.wait_for(1)
    assert on_its_way(db, ticket) is None
    own = hooks.subscribe(street.city, ["ticket.*"], lambda received: 500)
    ticket = whistled(street)["tickets"][0]["id"]
    wait(lambda: on_its_way(db, ticket), "its way")
    own.edit(active=False)
    street.clock.forward(hours=2)
    settled(db, street)
    assert actions(street, ticket) == ["issue"] and on_its_way(db, ticket) is None


def test_two_webhooks_and_one_arrives(street, hooks, db):
    dead = hooks.subscribe(street.city, ["ticket.issued"], lambda received: 500)
    hooks.subscribe(street.city, ["ticket.issued"])
    ticket = missed(street, dead)
    wait(lambda: on_its_way(db, ticket) is None, "the other's delivery")
    street.clock.forward(hours=2)
    settled(db, street)
    assert "delivered" in (a := actions(street, ticket)) or "send_failed" not in a
    assert state(street, ticket) == "issued"


def test_a_gone_receiver_is_seen_by_people(street, hooks, db):
    """Switched off by the service, so nobody reads: at its due time the ticket says so."""
    hook = hooks.subscribe(street.city, ["ticket.issued"], lambda received: 410)
    ticket = whistled(street)["tickets"][0]["id"]
    wait(lambda: hook.read()["disabled_reason"] == "gone")
    street.clock.forward(hours=1)
    settled(db, street)
    assert state(street, ticket) == "send_failed"
    street.city.ticket(ticket, "sign")


def test_reading_costs_no_write_otherwise(street, hooks, db, postgres):
    """A department that reads its tickets writes nothing but the one note."""
    hook = hooks.subscribe(street.city, ["ticket.issued"], lambda received: 500)
    ticket = missed(street, hook, 1)
    before = db.execute("SELECT xmin::text FROM webhook_tickets WHERE ticket_id = %s", (ticket,)).fetchone()
    for client in (street.water, street.dispatcher, street.grid1):
        client.get("/v1/tickets", limit=200)
    assert db.execute("SELECT xmin::text FROM webhook_tickets WHERE ticket_id = %s", (ticket,)).fetchone() == before
    hook.edit(active=False)
