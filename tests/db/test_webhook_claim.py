"""What the sender takes next and what it writes: in a database in which none works, each test in a transaction that is rolled back."""

import uuid

import psycopg
import pytest
from support.service import Service
from support.world import build_world


class Queue:
    def __init__(self, db):
        self.db = db
        self.person = db.execute("SELECT id FROM people WHERE tenant = 'street' AND subject = 'admin'").fetchone()[0]
        self.holder = "this test"
        self.epoch = db.execute("SELECT lease_take('messages', %s, 60)", (self.holder,)).fetchone()[0]

    def webhook(self, failures=0, active=True, paused=None, tenant="street") -> str:
        found = str(uuid.uuid4())
        self.db.execute(
            "INSERT INTO webhooks (tenant, id, url, event_types, active, from_position, failures, paused_until, created_by, created_at, "
            "updated_at) VALUES (%s, %s, 'https://x.example/', '{*}', %s, 0, %s, clock_timestamp() + %s::interval, %s, "
            "clock_timestamp(), clock_timestamp())", (tenant, found, active, failures, paused, self.person))
        self.db.execute("SELECT webhook_secret_made(%s, %s, '0', clock_timestamp())", (tenant, found))
        return found

    def message(self, webhook: str, head=True, late="0", lane=None, type="ticket.issued") -> str:
        found = str(uuid.uuid4())
        self.db.execute(
            "INSERT INTO webhook_messages (tenant, id, webhook_id, type, lane, position, body, head, created_at, not_before) "
            "VALUES ('street', %s, %s, %s, %s, 1, '{}', %s, clock_timestamp(), clock_timestamp() + %s::interval)",
            (found, webhook, type, lane or found, head, late))
        return found

    def settle(self, message: str, attempt: int, status: int = 500) -> str:
        return self.db.execute(
            "SELECT webhook_settle(%s, %s, jsonb_build_array(jsonb_build_object('tenant', 'street', 'id', %s::text, 'attempt', %s::integer, "
            "'at', clock_timestamp(), 'status', %s::integer, 'error', 'status', 'duration_ms', 1)))",
            (self.holder, self.epoch, message, attempt, status)).fetchone()[0]

    def claim(self, under_way=(), most=64, parallel=64) -> list[tuple[str, str]]:
        """(webhook, message), in order."""
        rows = self.db.execute("SELECT webhook_id::text, id::text FROM webhook_claim(%s, %s, %s, %s::uuid[], %s, %s)", (
            self.holder, self.epoch, ["street"] * len(under_way), list(under_way), most, parallel)).fetchall()
        return [tuple(row) for row in rows]


@pytest.fixture(scope="module")
def quiet(postgres):
    postgres.create_database("claims")
    service = Service(postgres, "claims")
    assert service.run("migrate").returncode == 0
    build_world(postgres.url("whistled_owner", "claims"), "street")
    return postgres.url("whistled_owner", "claims")


@pytest.fixture
def queue(quiet):
    with psycopg.connect(quiet) as connection:
        schema = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'api\\_%'").fetchone()[0]
        connection.execute(f"SET search_path = {schema}, whistled, public")
        yield Queue(connection)
        connection.rollback()


def test_so_many_to_one_receiver(queue):
    hook = queue.webhook()
    messages = [queue.message(hook) for _ in range(20)]
    taken = queue.claim()
    assert [w for w, _ in taken] == [hook] * 8 and {m for _, m in taken} <= set(messages)
    under_way = [m for _, m in taken[:5]]
    more = queue.claim(under_way)
    assert len(more) == 3 and not {m for _, m in more} & set(under_way)
    assert queue.claim([m for _, m in taken]) == []
    assert len(queue.claim(most=2)) == 2


def test_who_fails_gets_one_and_all_of_them_half(queue):
    failing = [queue.webhook(failures=3) for _ in range(10)]
    for hook in failing:
        for _ in range(5):
            queue.message(hook)
    quick = queue.webhook()
    for _ in range(3):
        queue.message(quick)
    taken = queue.claim(most=16, parallel=16)
    assert [w for w, _ in taken[:3]] == [quick] * 3, "the quick one first"
    rest = [w for w, _ in taken[3:]]
    assert len(rest) == len(set(rest)) == 8 and set(rest) <= set(failing), "half of sixteen, one each"
    under_way = [m for _, m in taken[3:9]]
    assert len([w for w, _ in queue.claim(under_way, most=10, parallel=16) if w in failing]) == 2
    alone = queue.claim(most=1, parallel=1)
    assert len(alone) == 1


def test_everybodys_first_before_anybodys_second(queue):
    """Slow receivers have their eight on the way; the quick one's first comes before any ninth."""
    slow = [queue.webhook() for _ in range(3)]
    messages = {hook: [queue.message(hook) for _ in range(12)] for hook in slow}
    quick = queue.webhook()
    last = queue.message(quick)
    taken = queue.claim(most=5)
    assert len({w for w, _ in taken[:4]}) == 4 and (quick, last) in taken[:4]
    under_way = [m for hook in slow for m in messages[hook][:7]]
    assert queue.claim(under_way, most=1) == [(quick, last)]


def test_what_is_not_taken(queue):
    off, paused, gone_by = queue.webhook(active=False), queue.webhook(paused="1 hour"), queue.webhook(paused="-1 second")
    for hook in (off, paused, gone_by):
        queue.message(hook)
    hook = queue.webhook()
    queue.message(hook, head=False)
    queue.message(hook, late="1 minute")
    ended = queue.message(hook)
    queue.db.execute("UPDATE webhook_messages SET state = 'delivered', head = false, ended_at = clock_timestamp() WHERE id = %s", (ended,))
    assert [w for w, _ in queue.claim()] == [gone_by]
    pings = [queue.message(w, type="webhook.ping") for w in (off, paused)]
    assert {m for _, m in queue.claim()} >= set(pings), "a ping is for finding out"


def test_one_of_a_lane_at_a_time(queue):
    """Also when one that was sent again stands before another that is under way."""
    hook, lane = queue.webhook(), str(uuid.uuid4())
    flying = queue.message(hook, lane=lane)
    queue.db.execute("UPDATE webhook_messages SET head = false WHERE id = %s", (flying,))
    again = queue.message(hook, lane=lane)
    assert queue.claim([flying]) == [] and queue.claim() == [(hook, again)]


def test_a_street_that_is_switched_off(queue):
    hook = queue.webhook()
    queue.message(hook)
    queue.db.execute("UPDATE tenants SET active = false WHERE tenant = 'street'")
    assert queue.claim() == []


def test_nothing_without_the_lease(queue):
    hook = queue.webhook()
    queue.message(hook)
    queue.epoch += 1
    assert queue.claim() == []
    for call in ("webhook_read(%s, %s, 10)", "webhook_settle(%s, %s, '[]')", "webhook_tickets_tick(%s, %s)", "webhook_sweep(%s, %s, 10)"):
        assert queue.db.execute(f"SELECT {call}", (queue.holder, queue.epoch)).fetchone() == (None,), call


def test_what_is_old_is_swept(queue):
    hook, off = queue.webhook(), queue.webhook(active=False)
    old, fresh, waiting, stale = queue.message(hook), queue.message(hook), queue.message(hook), queue.message(off)
    for message, age in ((old, "15 days"), (fresh, "13 days")):
        queue.db.execute("UPDATE webhook_messages SET state = 'delivered', head = false, ended_at = clock_timestamp() - %s::interval "
                         "WHERE id = %s", (age, message))
        queue.db.execute("INSERT INTO webhook_attempts (tenant, message_id, n, at, duration_ms) VALUES ('street', %s, 1, clock_timestamp(), 1)",
                         (message,))
    queue.db.execute("UPDATE webhook_messages SET created_at = clock_timestamp() - interval '15 days' WHERE id = ANY (%s::uuid[])",
                     ([waiting, stale],))
    assert queue.db.execute("SELECT webhook_sweep(%s, %s, 1000)", (queue.holder, queue.epoch)).fetchone()[0] >= 1
    left = dict(queue.db.execute("SELECT id::text, state FROM webhook_messages WHERE webhook_id IN (%s, %s)", (hook, off)).fetchall())
    assert left == {fresh: "delivered", waiting: "pending", stale: "cancelled"}


def test_too_much_waits(queue):
    hook = queue.webhook()
    queue.db.execute(
        "INSERT INTO webhook_messages (tenant, id, webhook_id, type, lane, position, body, head, created_at, not_before) "
        "SELECT 'street', gen_random_uuid(), %s, 'ticket.issued', gen_random_uuid(), n, '{}', false, clock_timestamp(), clock_timestamp() "
        "FROM generate_series(1, 100001) AS n", (hook,))
    queue.db.execute("SELECT webhook_sweep(%s, %s, 10)", (queue.holder, queue.epoch))
    assert queue.db.execute("SELECT active, disabled_reason FROM webhooks WHERE id = %s", (hook,)).fetchone() == (False, "backlog")


def test_the_last_hundred_tries_are_kept(queue):
    hook = queue.webhook()
    message = queue.message(hook)
    for attempt in range(1, 104):
        queue.settle(message, attempt)
        queue.db.execute("UPDATE webhook_messages SET tries = 0 WHERE id = %s", (message,))
    kept = queue.db.execute("SELECT count(*), min(n), max(n) FROM webhook_attempts WHERE message_id = %s", (message,)).fetchone()
    assert kept == (100, 4, 103)


def test_what_was_written_is_not_written_again(queue):
    """The connection broke behind the commit: the sender says the same once more."""
    hook = queue.webhook()
    message = queue.message(hook)
    for _ in range(2):
        assert queue.settle(message, 1) == ""
    assert queue.db.execute("SELECT tries, attempts FROM webhook_messages WHERE id = %s", (message,)).fetchone() == (1, 1)
    assert queue.db.execute("SELECT failures FROM webhooks WHERE id = %s", (hook,)).fetchone() == (1,)
    assert queue.settle(message, 2, 410) == f"street {hook} gone"
