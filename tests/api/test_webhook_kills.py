"""The sender is killed between any two steps, the receiver fails and dies: nothing is lost, nothing has two ids, tickets keep
their order, and what comes twice is what was on its way."""

import os
import random
import threading
import time

import pytest
from support.asking import whistled, worked
from support.fleet import STEPS, Fleet, Gate, everything, in_order
from support.hooks import Hooks, hasten, wait
from support.service import Service
from support.world import Street


@pytest.fixture(scope="module")
def shared():
    found = Fleet(instances=2)
    found.services[1].stop()
    yield found
    found.end()


@pytest.fixture
def own(shared):
    """Alive when the test begins; its subscriptions end with it."""
    yield shared
    while shared.gates:
        shared.gates.pop().remove()
    if shared.service.process.poll() is not None:
        shared.service.start()
    shared.hooks.end()
    shared.hooks = Hooks(shared.db)


def arrived(own: Fleet, hook, ticket: str, types: list[str]) -> None:
    """Everything came, in order, each under one id, and the database says so too."""
    wait(lambda: own.db.execute("SELECT count(*) FROM webhook_messages WHERE webhook_id = %s AND state = 'delivered'",
                                (hook.id,)).fetchone()[0] == len(types), "the delivery of all")
    first = list(dict.fromkeys((r.type, r.id) for r in hook.receiver.got if r.ticket == ticket))
    assert [kind for kind, _ in first] == types, first
    stored = own.db.execute("SELECT type, id::text FROM webhook_messages WHERE webhook_id = %s ORDER BY position", (hook.id,))
    assert stored.fetchall() == first
    for received in hook.receiver.got:
        hook.verify(received)


@pytest.mark.parametrize("table,when,lost", [
    ("webhook_messages", "BEFORE INSERT", True), ("webhook_messages", "BEFORE INSERT", False),
    ("webhook_progress", "BEFORE UPDATE", True), ("webhook_progress", "BEFORE UPDATE", False),
    ("webhook_attempts", "BEFORE INSERT", True), ("webhook_attempts", "BEFORE INSERT", False),
    ("webhook_messages", "AFTER UPDATE", True), ("webhook_messages", "AFTER UPDATE", False),
])  # fmt: skip
def test_killed_while_it_writes(own, table, when, lost):
    """Its transaction is lost, or is committed and nobody knows: either way the next one goes on."""
    hook = own.hooks.subscribe(own.street.city, ["ticket.*"])
    gate = Gate(own, table, when)
    ticket = whistled(own.street)["tickets"][0]["id"]
    own.street.city.ticket(ticket, "sign")
    wait(gate.waiting, "the sender at the gate")
    sent = len(hook.receiver.got)
    assert sent == (0 if "progress" in table or (table, when) == ("webhook_messages", "BEFORE INSERT") else 1)
    own.kill()
    gate.open(lost)
    own.forget()
    own.service.start()
    arrived(own, hook, ticket, STEPS[:2])
    again = len(hook.receiver.got) - 2
    assert again == (1 if sent and lost else 0), "only what was not written down comes twice"


def test_killed_while_it_sends(own):
    """The receiver has it and could not say so: it comes again, under its id, and the next one waits for that."""
    hold = threading.Event()
    hook = own.hooks.subscribe(own.street.city, ["ticket.*"], lambda received: hold.wait(30) and 204)
    ticket = whistled(own.street)["tickets"][0]["id"]
    own.street.city.ticket(ticket, "sign")
    hook.receiver.wait_for(1)
    own.kill()
    own.forget()
    own.service.start()
    hook.receiver.wait_for(2)
    hold.set()
    arrived(own, hook, ticket, STEPS[:2])
    assert [r.type for r in hook.receiver.got] == ["ticket.issued", "ticket.issued", "ticket.signed"]


def test_killed_before_and_after(own):
    """Nothing of it is under way: what was delivered does not come again, even when its positions are read once more."""
    hook = own.hooks.subscribe(own.street.city, ["ticket.*"])
    ticket = whistled(own.street)["tickets"][0]["id"]
    arrived(own, hook, ticket, STEPS[:1])
    own.kill()
    own.db.execute("UPDATE webhook_progress SET position = (SELECT from_position FROM webhooks WHERE id = %s)", (hook.id,))
    own.forget()
    own.service.start()
    own.street.city.ticket(ticket, "sign")
    arrived(own, hook, ticket, STEPS[:2])
    assert len(hook.receiver.got) == 2, "an event that is read twice is one message"


@pytest.mark.parametrize("lost", [True, False])
def test_killed_while_a_ticket_fails(own, lost):
    """send_failed happens once, and so does delivered."""
    down = [True]
    hook = own.hooks.subscribe(own.street.city, ["ticket.issued"], lambda received: 500 if down else 204)
    ticket = whistled(own.street)["tickets"][0]["id"]
    message = wait(lambda: hook.deliveries(ticket=ticket), "the message")[0]["id"]
    hook.tried(message, 1)
    hook.hasten()
    hook.tried(message, 2)
    gate = Gate(own, "tickets", "AFTER UPDATE")
    hook.hasten()
    wait(gate.waiting, "the sender at the gate")
    own.kill()
    gate.open(lost)
    own.forget()
    own.service.start()
    wait(lambda: own.street.dispatcher.get(f"/v1/tickets/{ticket}")["state"] == "send_failed", "send_failed")
    down.clear()
    hook.hasten()
    wait(lambda: own.street.dispatcher.get(f"/v1/tickets/{ticket}")["state"] == "issued", "delivered")
    events = own.street.dispatcher.get(f"/v1/tickets/{ticket}/events")["items"]
    assert [e["action"] for e in events] == ["issue", "send_failed", "delivered"]


def test_one_sends_and_the_other_takes_over(own):
    """Two instances: one of them sends; it stops in order, and the other begins at once."""
    hook = own.hooks.subscribe(own.street.city, ["ticket.issued"])
    first, second = own.services
    second.start()
    tickets = [whistled(own.street)["tickets"][0]["id"] for _ in range(3)]
    hook.receiver.wait_for(3)
    before = lease(own)
    assert sending(first) and not sending(second)
    assert first.stop() == 0
    wait(lambda: sending(second), "the other one")
    after = lease(own)
    assert after[0] != before[0] and after[1] == before[1] + 1
    street = Street(second, own.contract, own.clock, "street")
    tickets += [whistled(street)["tickets"][0]["id"] for _ in range(3)]
    hook.receiver.wait_for(6)
    assert sorted(r.ticket for r in hook.receiver.got) == sorted(tickets)
    first.start()
    assert second.stop() == 0
    wait(lambda: sending(first), "the first one")


def test_who_has_lost_the_lease_waits_at_rest(own):
    """News is for whoever sends: the other asks for the lease now and then, and does nothing between."""
    wait(lambda: sending(own.service), "the sender")
    own.db.execute("""UPDATE job_leases SET holder = 'another', epoch = epoch + 1, until = clock_timestamp() + interval '1 hour'
                   WHERE name = 'messages'""")
    wait(lambda: not sending(own.service), "that it has noticed")
    own.db.execute("SELECT pg_notify('whistled_webhooks', '')")
    asked, began, spent = {last_asked(own)}, time.monotonic(), cpu_s(own.service.process.pid)
    wait(lambda: asked.add(last_asked(own)) or len(asked) > 4, "that it asks again")
    share = (cpu_s(own.service.process.pid) - spent) / (time.monotonic() - began)
    own.forget()
    wait(lambda: sending(own.service), "that it sends again")
    assert share < 0.06, share


def last_asked(own: Fleet):
    return own.db.execute("SELECT query_start FROM pg_stat_activity WHERE application_name = 'whistled webhooks'").fetchone()[0]


def cpu_s(process_id: int) -> float:
    with open(f"/proc/{process_id}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def lease(own: Fleet):
    return own.db.execute("SELECT holder, epoch FROM job_leases WHERE name = 'messages'").fetchone()


def sending(service: Service) -> bool:
    return "whistled_webhook_sender 1" in service.metrics().splitlines()


def test_everybody_fails(own):
    """Receiver: 30 of 100 answers are failures, and it dies now and then. Sender: killed at random. Departments: work on."""
    seed = time.time_ns() % 10**9
    print(f"seed {seed}")
    chance = random.Random(seed)
    bad = [500, 503, 429, 302, None]
    hook = own.hooks.subscribe(own.street.city, ["ticket.*"],
                               lambda received: chance.choice(bad) if chance.random() < 0.3 else 204)
    tickets = []
    for _ in range(6):
        tickets += [whistled(own.street)["tickets"][0]["id"] for _ in range(4)]
        for ticket in tickets[-4:]:
            worked(own.street, own.street.city, ticket)
        seen = len(hook.receiver.got)
        wait(lambda: hasten(own.db, hook.id, 8) or len(hook.receiver.got) > seen + chance.randrange(1, 15), "some of it")
        if chance.random() < 0.4:
            hook.receiver.kill()
            own.kill()
            hook.receiver.revive()
        else:
            own.kill()
        own.forget()
        own.service.start()
    stored = wait(lambda: hasten(own.db, hook.id, 9) or everything(own, hook, len(tickets) * len(STEPS)), "the delivery of all")
    in_order(hook, tickets)
    assert {r.id for r in hook.receiver.got} == stored, "each event under the one id that is stored"
    twice = len([r for r in hook.receiver.got if r.status == 204]) - len(stored)
    print(f"{len(hook.receiver.got)} requests, {len(stored)} messages, {twice} arrived more than once")
    assert twice <= 6 * 8, "no more than was on its way at the six kills"
    assert own.db.execute("SELECT active FROM webhooks WHERE id = %s", (hook.id,)).fetchone()[0]
