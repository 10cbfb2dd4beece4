"""The drainer: positions whatever commits when, one drainer whoever fights, nothing half done whenever it dies."""

import random
import threading
import uuid
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone

import psycopg
import pytest
from support.postgres import select_pause
from support.service import Service
from support.world import build_world

TENANT = "street"


@pytest.fixture(scope="module")
def database(postgres):
    """A database with no service on it: nobody drains but the tests."""
    postgres.create_database("drain")
    service = Service(postgres, "drain")
    done = service.run("migrate")
    assert done.returncode == 0, done.stderr
    build_world(postgres.url("whistled_owner", "drain"), TENANT)
    return postgres


class Session:
    """A connection with the rights of the service; `holder` is the instance that it plays."""

    def __init__(self, postgres, holder: str = "", user: str = "whistled"):
        self.holder = holder
        self.connection = psycopg.connect(postgres.url(user, "drain"), autocommit=True)
        schema = self.one("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'api\\_%' ORDER BY oid DESC LIMIT 1")
        self.connection.execute(f"SET search_path = {schema}, whistled, public")
        self.pid = self.connection.info.backend_pid
        self.epoch = None

    def all(self, sql: str, *values) -> list:
        return self.connection.execute(sql, values or None).fetchall()

    def one(self, sql: str, *values):
        row = self.connection.execute(sql, values or None).fetchone()
        return row and row[0]

    def run(self, sql: str, *values) -> None:
        self.connection.execute(sql, values or None)

    def take(self, seconds: int = 60):
        self.epoch = self.one("SELECT lease_take('feed', %s, %s)", self.holder, seconds)
        return self.epoch

    def drain(self, limit: int = 1000, everything: bool = True):
        return self.one("SELECT outbox_drain(%s, %s, %s, %s)", self.holder, self.epoch, limit, everything)

    def put(self, case: str, seq: int = 1, at: datetime | None = None, ticket: str | None = None) -> None:
        self.run("SELECT outbox_put(%s, %s, %s, %s, '{city}', 'XF-01', %s)", TENANT, case, seq, ticket,
                 at or datetime.now(timezone.utc))


@pytest.fixture
def open_session(database):
    """Sessions that end with the test; the street's feed begins anew."""
    sessions = []

    def open_one(holder: str = "", user: str = "whistled") -> Session:
        sessions.append(Session(database, holder, user))
        return sessions[-1]

    owner = open_one(user="whistled_owner")
    owner.run("TRUNCATE outbox, feed, feed_positions, feed_eras, feed_marks, case_feed, ticket_feed, job_leases, rights_changes")
    yield open_one
    for session in sessions:
        session.connection.close()


def new_ids(n: int) -> list[str]:
    return [str(uuid.uuid4()) for _ in range(n)]


def state(session: Session) -> tuple:
    """All that the drainer writes."""
    return tuple(tuple(session.all(f"SELECT x::text FROM {table} x ORDER BY 1")) for table in
                 ("outbox", "feed", "feed_positions", "feed_eras", "feed_marks", "case_feed", "ticket_feed", "rights_changes"))


def fed(session: Session) -> list:
    return session.all("SELECT position, case_id::text, event_seq FROM feed WHERE tenant = %s ORDER BY position", TENANT)


def test_commits_in_any_order_are_read_once_and_in_order(open_session):
    """Writers begin, write and commit in a random order; a reader goes by its last position alone."""
    dice = random.Random(5)
    drainer, reader = open_session("a"), open_session()
    drainer.take()
    idle, busy, seqs, read, last = [open_session() for _ in range(8)], [], {}, [], 0

    def follow():
        nonlocal last
        rows = reader.all("SELECT position, case_id::text, event_seq FROM feed WHERE tenant = %s AND position > %s"
                          " ORDER BY position", TENANT, last)
        read.extend(rows)
        last = rows[-1][0] if rows else last

    for _ in range(600):
        step = dice.random()
        if step < 0.4 and idle:
            writer = idle.pop(dice.randrange(len(idle)))
            case = str(uuid.uuid4())  # its row is locked by whoever writes its events
            writer.run("BEGIN")
            for _ in range(dice.randint(1, 4)):
                seqs[case] = seqs.get(case, 0) + 1
                writer.put(case, seqs[case])
            busy.append((writer, case))
        elif step < 0.7 and busy:
            writer, case = busy.pop(dice.randrange(len(busy)))
            if dice.random() < 0.2:
                seqs.pop(case)
                writer.run("ROLLBACK")
            else:
                writer.run("COMMIT")
            idle.append(writer)
        elif step < 0.85:
            drainer.drain(limit=dice.randint(1, 9), everything=dice.random() < 0.5)
        else:
            follow()
    for writer, _ in busy:
        writer.run("COMMIT")
    while drainer.drain():
        pass
    follow()
    assert [position for position, _, _ in read] == list(range(1, len(read) + 1)), "dense, and nothing came in behind"
    assert sorted((case, seq) for _, case, seq in read) == sorted((c, s) for c, n in seqs.items() for s in range(1, n + 1))
    for case in seqs:
        assert [s for _, c, s in read if c == case] == list(range(1, seqs[case] + 1))
    stamped = dict(reader.all("SELECT case_id::text, position FROM case_feed WHERE tenant = %s", TENANT))
    assert stamped == {case: max(p for p, c, _ in read if c == case) for case in seqs}


def test_a_number_drawn_long_ago(open_session):
    """What commits after its id has settled is not found by the quick look, and by the thorough one is."""
    drainer, slow, quick = open_session("a"), open_session(), open_session(user="whistled_owner")
    drainer.take()
    slow.run("BEGIN")
    slow.put("00000000-0000-4000-8000-000000000001")
    for case in new_ids(3):
        quick.put(case)
        assert drainer.drain() == 1
        # Ten seconds go by.
        quick.run("UPDATE feed_positions SET high_at = high_at - interval '11 seconds', written_by = pg_current_xact_id()")
    slow.run("COMMIT")
    assert drainer.drain(everything=False) == 0
    assert drainer.drain(everything=True) == 1
    assert fed(quick)[-1] == (4, "00000000-0000-4000-8000-000000000001", 1)


def test_of_two_drainers_one_works(open_session):
    first, second = open_session("a"), open_session("b")
    first.put(new_ids(1)[0])
    assert first.take() == 1
    assert second.take() is None, "the first one lives"
    second.epoch = 1
    assert second.drain() is None, "another's epoch is nobody's"
    assert first.take() == 1, "renewed"
    first.run("UPDATE job_leases SET until = clock_timestamp() - interval '1 second'")
    assert second.take() == 2, "it ran out"
    assert first.drain() is None, "the first one has not noticed, and writes nothing"
    assert first.take() is None
    assert second.drain() == 1 and len(fed(second)) == 1


def test_a_successor_waits_for_what_is_under_way(open_session):
    first, second = open_session("a"), open_session("b")
    first.put(new_ids(1)[0])
    first.take()
    first.run("BEGIN")
    assert first.drain() == 1
    first.run("UPDATE job_leases SET until = until WHERE false")
    second.run("SET lock_timeout = '50ms'")
    with pytest.raises(psycopg.errors.LockNotAvailable):
        second.take()
    first.run("COMMIT")
    assert second.take() is None and len(fed(second)) == 1


def test_whoever_dies_is_succeeded_at_once(open_session):
    first, second = open_session("a"), open_session("b")
    assert first.take(seconds=3600) == 1
    assert second.take() is None
    second.run("SELECT pg_terminate_backend(%s, 5000)", first.pid)
    assert second.take() == 2


# What the drainer waits for, one after the other, when another session holds it.
STEPS = {
    "lease": "SELECT FROM job_leases FOR UPDATE",
    "end": "SELECT FROM feed_positions FOR UPDATE",
    "outbox": "SELECT FROM outbox FOR UPDATE",
    "feed": "INSERT INTO feed VALUES ('street', 4, '00000000-0000-4000-8000-000000000001', 1, NULL, '{}', NULL, 'now')",
    "cases": "SELECT FROM case_feed FOR UPDATE",
    "tickets": "SELECT FROM ticket_feed FOR UPDATE",
    "mark": "INSERT INTO feed_marks VALUES ('street', 5, 'now', 'now')",
    "rights": "SELECT FROM rights_changes FOR UPDATE",
}


@contextmanager
def holding(session: Session, sql: str):
    session.run("BEGIN")
    session.run(sql)
    yield
    session.run("ROLLBACK")


def wait_until(condition) -> None:
    for _ in range(3000):
        if condition():
            return
        select_pause()
    raise AssertionError("it did not happen in time")


def prepared(session: Session) -> list[str]:
    """Three events with positions, then two more of the first case and ticket."""
    cases, ticket = new_ids(3), new_ids(1)[0]
    for case in cases:
        session.put(case, 1, ticket=ticket)
    session.take()
    assert session.drain() == 3
    session.run("UPDATE feed_positions SET marked_at = '-infinity', written_by = pg_current_xact_id()")
    session.put(cases[0], 2, ticket=ticket)
    session.put(cases[0], 3, ticket=ticket)
    session.run("SELECT rights_changed(%s, %s)", TENANT, cases[0])
    return cases


@pytest.mark.parametrize("step", STEPS)
def test_terminated_between_two_statements(open_session, step):
    first, second, other = open_session("a"), open_session("b"), open_session(user="whistled_owner")
    cases = prepared(first)
    before = state(other)
    with holding(other, STEPS[step]):
        died = threading.Event()

        def drain_until_killed():
            with pytest.raises(psycopg.OperationalError):
                first.drain()
            died.set()

        thread = threading.Thread(target=drain_until_killed)
        thread.start()
        wait_until(lambda: second.one("SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = %s", first.pid))
        second.run("SELECT pg_terminate_backend(%s, 5000)", first.pid)
        thread.join(10)
        assert died.is_set()
    assert state(other) == before, "all of it or nothing"
    assert second.take() == 2
    assert second.drain() == 2
    assert fed(other)[3:] == [(4, cases[0], 2), (5, cases[0], 3)]
    assert not other.all("SELECT FROM outbox") and not other.all("SELECT FROM rights_changes")


def test_terminated_before_the_commit_and_after(open_session):
    first, second, other = open_session("a"), open_session("b"), open_session(user="whistled_owner")
    prepared(first)
    before = state(other)
    first.run("BEGIN")
    assert first.drain() == 2
    second.run("SELECT pg_terminate_backend(%s, 5000)", first.pid)
    assert state(other) == before
    second.take()
    assert second.drain() == 2
    third = open_session("c")
    third.run("SELECT pg_terminate_backend(%s, 5000)", second.pid)
    third.take()
    assert third.drain() == 0 and [p for p, _, _ in fed(other)] == [1, 2, 3, 4, 5]
    assert not other.all("SELECT FROM feed_eras"), "a drainer that dies loses nothing"


def place(session: Session) -> str:
    return session.one("SELECT feed_place(feed_era(%s), feed_last(%s))", TENANT, TENANT)


def refusal(session: Session, cursor: str):
    return session.one("SELECT (feed_mode(%s, NULL, %s)).refusal", TENANT, cursor)


def test_rows_put_back_by_hand_begin_an_era(open_session):
    """A dump of older rows is loaded, and the same numbers go to other events: a cursor from before is told so."""
    drainer, owner = open_session("a"), open_session(user="whistled_owner")
    drainer.take()
    beginning = place(drainer)
    for case in new_ids(3):
        drainer.put(case)
    drainer.drain()
    early = place(drainer)
    saved = {t: owner.all(f"SELECT * FROM {t}") for t in ("feed", "feed_positions", "feed_marks", "case_feed")}
    for case in new_ids(2):
        drainer.put(case)
    drainer.drain()
    lost = place(drainer)
    assert refusal(drainer, lost) is None
    for table, rows in saved.items():
        owner.run(f"TRUNCATE {table}")
        for row in rows:
            owner.run(f"INSERT INTO {table} VALUES ({', '.join(['%s'] * len(row))})", *row)
    assert refusal(drainer, lost) == "cursor_reset", "beyond the end"
    for case in new_ids(4):
        drainer.put(case)
    drainer.drain()
    assert [p for p, _, _ in fed(owner)] == [1, 2, 3, 4, 5, 6, 7]
    assert refusal(drainer, lost) == "cursor_reset", "its numbers are other events' by now"
    assert refusal(drainer, early) is None and refusal(drainer, beginning) is None
    assert refusal(drainer, place(drainer)) is None
    assert refusal(drainer, "feed|3") == "cursor_reset" and refusal(drainer, "feed|nobody|3") == "cursor_reset"


def test_an_end_that_was_lowered_gives_no_number_twice(open_session):
    drainer, owner = open_session("a"), open_session(user="whistled_owner")
    drainer.take()
    for case in new_ids(5):
        drainer.put(case)
    drainer.drain()
    cursor = place(drainer)
    owner.run("UPDATE feed_positions SET last_position = 2")
    for case in new_ids(1):
        drainer.put(case)
    assert drainer.drain() == 1
    assert [p for p, _, _ in fed(owner)] == [1, 2, 3, 4, 5, 6]
    assert refusal(drainer, cursor) == "cursor_reset"


def test_a_drainer_of_an_earlier_release_may_have_numbered_some(open_session):
    drainer, owner = open_session("a"), open_session(user="whistled_owner")
    drainer.take()
    cases = new_ids(4)
    drainer.put(cases[0])
    drainer.drain()
    for case in cases[1:]:
        drainer.put(case)
    owner.run("UPDATE outbox SET position = 2 WHERE case_id = %s", cases[2])
    owner.run("UPDATE feed_positions SET last_position = 2")
    assert drainer.drain() == 3
    assert [(p, c) for p, c, _ in fed(owner)] == [(1, cases[0]), (2, cases[2]), (3, cases[1]), (4, cases[3])]


def test_a_feed_begins_where_a_time_says(open_session):
    """Against the plain definition, over events whose times go back and forth; then with the first part swept."""
    dice = random.Random(7)
    drainer, owner = open_session("a"), open_session(user="whistled_owner")
    drainer.take()
    now = datetime.now(timezone.utc)
    times = [now - timedelta(days=6) + timedelta(minutes=20 * n + dice.gauss(0, 60)) for n in range(300)]
    for n, at in enumerate(times):
        drainer.put(str(uuid.uuid4()), at=at)
        if n % 7 == 0:
            drainer.drain()
            if n % 3 == 0:  # the next drain sets a mark
                owner.run("UPDATE feed_positions SET marked_at = '-infinity', written_by = pg_current_xact_id()")
    drainer.drain()
    first_mark = owner.one("SELECT min(position) FROM feed_marks")
    for n in range(0, 300, 3):
        after = times[n] + timedelta(minutes=dice.gauss(0, 30))
        start = drainer.one("SELECT feed_start(%s, %s)", TENANT, after)
        meant = next((p for p, at in enumerate(times) if at >= after - timedelta(minutes=5)), 300)
        assert start == (meant if meant >= first_mark else 0), (n, start, meant)
    assert drainer.one("SELECT feed_start(%s, %s)", TENANT, now + timedelta(days=1)) == 300
    middle = owner.one("SELECT position FROM feed_marks WHERE position > 150 ORDER BY position LIMIT 1")
    owner.run("UPDATE feed_marks SET given_at = given_at - interval '8 days' WHERE position <= %s", middle)
    sweeper = open_session("s")
    epoch = sweeper.one("SELECT lease_take('sweep', 's', 60)")
    assert sweeper.one("SELECT sweep('s', %s, 40)", epoch) <= 40
    while sweeper.one("SELECT sweep('s', %s, 40)", epoch):
        pass
    assert owner.one("SELECT min(position) FROM feed") == middle + 1 == owner.one("SELECT feed_floor(%s) + 1", TENANT)
    for n in range(0, 300, 3):
        start = drainer.one("SELECT feed_start(%s, %s)", TENANT, times[n])
        meant = next(p for p, at in enumerate(times) if at >= times[n] - timedelta(minutes=5))
        assert start == (meant if meant > middle else 0), "what was swept could be meant: from the beginning"


def test_what_came_lately_is_kept_however_old_its_event(open_session):
    """The clocks catch up after an outage: the event is of last year, its position of today."""
    drainer, sweeper = open_session("a"), open_session("s")
    drainer.take()
    for case in new_ids(3):
        drainer.put(case, at=datetime.now(timezone.utc) - timedelta(days=365))
    drainer.drain()
    epoch = sweeper.one("SELECT lease_take('sweep', 's', 60)")
    assert sweeper.one("SELECT sweep('s', %s)", epoch) == 0
    assert len(fed(sweeper)) == 3


class Listener:
    """What a session is told, as the keys of the street."""

    def __init__(self, session: Session):
        self.session, self.payloads = session, []
        session.connection.add_notify_handler(lambda n: self.payloads.append(n.payload))
        session.run("LISTEN whistled_feed")

    def keys(self, at_least: int) -> list[str]:
        def told() -> list[str]:
            self.session.run("SELECT")
            assert all(p.startswith(f"{TENANT} ") and len(p) < 8000 for p in self.payloads)
            return sorted(key for p in self.payloads for key in p.split(" ")[1].split(","))

        wait_until(lambda: len(told()) >= at_least)
        keys = told()
        self.payloads.clear()
        return keys


def test_only_the_drainer_notifies_and_names_whom_it_concerns(open_session):
    drainer, writer, owner = open_session("a"), open_session(), open_session(user="whistled_owner")
    drainer.take()
    listener = Listener(open_session())
    person = owner.one("SELECT id::text FROM people WHERE tenant = %s AND subject = 'grid1'", TENANT)
    case = str(uuid.uuid4())
    owner.run("INSERT INTO cases (tenant, id, number, state, kind, category, description, source, created_role, created_by,"
              " created_org, community, reporters, policy_version, received_at, round_started_at, state_at, updated_at)"
              " VALUES (%s, %s, 'N', 'received', 'problem', 'litter', 'd', 'window', 'window_clerk', %s, 'street', 'XF', %s, 1,"
              " 'now', 'now', 'now', 'now')", TENANT, case, person, [person])
    try:
        writer.put(case)
        writer.run("SELECT rights_changed(%s, %s)", TENANT, person)
        assert not listener.keys(0), "not in the transaction of the business"
        drainer.drain()
        assert listener.keys(7) == sorted(
            ["t", "o:city", "g:XF-01", "c:XF", "w:street", f"p:{person[-8:]}", f"u:{person[-8:]}"])
        drainer.run("SELECT wake(%s, ARRAY(SELECT 'p:' || n FROM generate_series(10000, 14000) AS n))", TENANT)
        assert listener.keys(4001) == [f"p:{n}" for n in range(10000, 14001)]
    finally:
        owner.run("DELETE FROM cases WHERE id = %s", case)
