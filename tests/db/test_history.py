"""The history by months: made ahead and repaired, detached and put back, beside an earlier release, out of the service's reach."""

import hashlib
import os
import threading
import uuid
from datetime import datetime, timedelta, timezone

import psycopg
import pytest
from psycopg import sql
from support.contract import ROOT
from support.machine import Machine, at_source, done
from support.postgres import until
from support.service import Service
from support.world import build_world

LOCAL = timezone(timedelta(hours=8))
NOW = datetime.now(LOCAL)


def month(n: int) -> datetime:
    """The beginning of the n-th month after the present one."""
    months = NOW.year * 12 + NOW.month - 1 + n
    return datetime(months // 12, months % 12 + 1, 1, tzinfo=LOCAL)


def name(n: int) -> str:
    return f"case_history_{month(n):%Y%m}"


def id_at(moment: datetime) -> str:
    """A UUIDv7."""
    ms = int(moment.timestamp() * 1000)
    return str(uuid.UUID(int=ms << 80 | 7 << 76 | int.from_bytes(os.urandom(1)) << 64 | 2 << 62 | int.from_bytes(os.urandom(7))))


class Database:
    """A database of a test's own, with no service on it."""

    def __init__(self, postgres, name: str):
        self.postgres, self.name = postgres, name
        postgres.create_database(name)
        self.service = Service(postgres, name)

    def migrate(self) -> None:
        done = self.service.run("migrate")
        assert done.returncode == 0, done.stderr

    def open(self, user: str = "whistled_owner") -> psycopg.Connection:
        connection = psycopg.connect(self.postgres.url(user, self.name), autocommit=True)
        schema = connection.execute("SELECT coalesce(max(nspname), 'whistled') FROM pg_namespace WHERE nspname LIKE 'api\\_%'").fetchone()[0]
        connection.execute(sql.SQL("SET search_path = {}, whistled, public").format(sql.Identifier(schema)))
        connection.execute("SET TimeZone = 'Asia/Shanghai'")
        return connection

    def drop(self) -> None:
        with psycopg.connect(self.postgres.url("postgres", "postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(self.name)))


@pytest.fixture
def bare(postgres, request):
    """Not migrated yet."""
    database = Database(postgres, f"history_{abs(hash(request.node.name)) % 10**9}")
    yield database
    database.drop()


@pytest.fixture
def database(bare):
    bare.migrate()
    return bare


@pytest.fixture
def owner(database):
    with database.open() as connection:
        yield connection


def parts(connection) -> list[str]:
    """What is attached, in the order of time; the default partition is not named."""
    return [row[0] for row in connection.execute("""
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid LEFT JOIN history_parts p ON p.name = c.relname
        WHERE i.inhparent = 'whistled.case_history'::regclass AND c.relname <> 'case_history_other' ORDER BY p.begins NULLS LAST""")]


def put(connection, case: str, seq: int = 1, table: str = "case_history") -> None:
    connection.execute(sql.SQL("""
        INSERT INTO {} (tenant, case_id, seq, id, action, to_state, round, at, role, visibility)
        VALUES ('street', %s, %s, %s, 'create', 'received', 1, now(), 'system', 'staff')""").format(sql.Identifier(table)), (case, seq, id_at(NOW)))


def where(connection, case: str) -> list[str]:
    """In which tables its events lie."""
    return [row[0] for row in connection.execute(
        "SELECT tableoid::regclass::text FROM case_history WHERE case_id = %s ORDER BY seq", (case,))]


# Ahead


def test_the_months_begin_with_the_present_one_and_three_are_ahead(owner):
    assert parts(owner) == ["case_events", *map(name, range(4))]
    assert owner.execute("SELECT history_ahead()").fetchone() == (0,)
    assert owner.execute("SELECT history_ahead(%s)", (month(1) - timedelta(seconds=1),)).fetchone() == (0,)
    assert owner.execute("SELECT history_ahead(%s)", (month(1),)).fetchone() == (1,)
    assert owner.execute("SELECT history_ahead(%s)", (month(14),)).fetchone() == (13,)
    assert parts(owner) == ["case_events", *map(name, range(18))]


def test_a_case_lies_in_its_month_whole(owner):
    first, last, before = id_at(month(1)), id_at(month(2) - timedelta(milliseconds=1)), id_at(month(0) - timedelta(milliseconds=1))
    for case in (first, last, before):
        for seq in (1, 2):
            put(owner, case, seq)
    assert where(owner, first) == where(owner, last) == [name(1)] * 2
    assert where(owner, before) == ["case_events"] * 2


def test_what_lies_in_no_month_is_kept_and_moved_when_its_month_is_made(owner):
    late, strange = id_at(month(7)), str(uuid.UUID(int=2**128 - 1))
    for case in (late, strange):
        for seq in (1, 2, 3):
            put(owner, case, seq)
    assert where(owner, late) == where(owner, strange) == ["case_history_other"] * 3
    assert owner.execute("SELECT history_ahead(%s)", (month(4),)).fetchone() == (4,)
    assert where(owner, late) == [name(7)] * 3 and where(owner, strange) == ["case_history_other"] * 3
    assert owner.execute("SELECT count(*) FROM ONLY case_history_other").fetchone() == (3,)


def test_four_at_once_make_each_month_once(database, owner):
    made = []

    def run():
        with database.open() as connection:
            made.append(connection.execute("SELECT history_ahead(%s)", (month(6),)).fetchone()[0])

    owner.execute("ALTER FUNCTION history_ahead SET lock_timeout = 0")
    running = [threading.Thread(target=run) for _ in range(4)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert sorted(made) == [0, 0, 0, 6] and parts(owner) == ["case_events", *map(name, range(10))]


def test_who_reads_for_long_is_not_disturbed(database, owner):
    """Nothing half made; the next call does it."""
    with database.open() as reader:
        with reader.transaction():
            reader.execute("SELECT count(*) FROM case_history")
            assert owner.execute("SELECT history_ahead(%s)", (month(2),)).fetchone() == (0,)
            assert parts(owner) == ["case_events", *map(name, range(4))]
        assert owner.execute("SELECT history_ahead(%s)", (month(2),)).fetchone() == (2,)


def test_the_service_keeps_them_ahead(database, owner):
    """Its role may make no table; its job has them made."""
    for n in (1, 2, 3):
        owner.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name(n))))
    owner.execute("DELETE FROM history_parts WHERE begins > %s", (month(0),))
    put(owner, early := id_at(month(2)))
    assert parts(owner) == ["case_events", name(0)] and where(owner, early) == ["case_history_other"]
    database.service.start()
    until(lambda: len(parts(owner)) == 5)
    assert database.service.stop() == 0
    assert parts(owner) == ["case_events", *map(name, range(4))] and where(owner, early) == [name(2)]


def test_only_the_holder_of_the_lease_makes_them(database, owner):
    with database.open("whistled") as service:
        epoch = service.execute("SELECT lease_take('sweep', 'one', 60)").fetchone()[0]
        assert service.execute("SELECT history_kept('one', %s)", (epoch,)).fetchone() == (0,)
        assert service.execute("SELECT history_kept('two', %s)", (epoch,)).fetchone() == (None,)


# Rights


def test_the_services_role_changes_no_partition(database, owner):
    with database.open("whistled") as service:
        put(service, id_at(NOW))
        for forbidden in (
            f"DROP TABLE {name(1)}", f"ALTER TABLE case_history DETACH PARTITION {name(1)}", f"TRUNCATE {name(0)}",
            "DELETE FROM case_history", "DELETE FROM case_history_other", "UPDATE history_parts SET detached_at = now()",
            "DELETE FROM history_parts", f"SELECT history_detach('{name(0)}', '2100-01-01')", "SELECT history_made('2100-01-01')",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                service.execute(forbidden)
        with pytest.raises(psycopg.Error):
            service.execute(f"SELECT history_attach('{name(0)}')")
    with database.open("postgres") as superuser:
        superuser.execute("DROP ROLE IF EXISTS somebody")
        superuser.execute("CREATE ROLE somebody")
        superuser.execute("GRANT USAGE ON SCHEMA whistled TO somebody")
        superuser.execute("SET ROLE somebody")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            superuser.execute("SELECT whistled.history_ahead('2100-01-01')")
        superuser.execute("RESET ROLE")
        superuser.execute("DROP OWNED BY somebody; DROP ROLE somebody")


# Detached and put back


@pytest.fixture
def old(database, owner):
    """A street in a month that is to be detached, as seen much later."""
    owner.execute("SELECT history_ahead(%s)", (month(2),))
    machine = Machine(owner, database.postgres.url("whistled_owner", database.name))
    machine.clock.now = month(5) + timedelta(days=9, hours=10)
    machine.next_id = lambda: id_at(machine.clock.now)
    return machine


def closed(m: Machine):
    case = at_source(m)
    done(m.case("grid2", "check", case, point=m.point, **{"pass": True}))
    return done(m.case("citizen", "rate", case, contacted=True, solved="yes", satisfied=5))


def detach(m: Machine, when: datetime) -> None:
    m.cursor.execute("SELECT history_detach(%s, %s)", (name(5), when))


def history(m: Machine, case) -> list:
    return m.call("case_event_list", "dispatcher", case["id"], None, 100, None), m.events(case)


def figures(m: Machine) -> list:
    return m.all("SELECT * FROM round_figures WHERE tenant = %s ORDER BY case_id, round", m.tenant)


def test_detached_and_put_back(old):
    """Nothing is said to be wrong meanwhile, what happens meanwhile is kept, and all is as it was afterwards."""
    m = old
    case = closed(m)
    m.clock.now = month(6) + timedelta(days=1)
    other = closed(m)
    first, events = history(m, case)
    assert first["action"] == "create" and len(events) > 5 and m.miscounted() == []
    counted = figures(m)

    detach(m, month(9))
    assert name(5) not in parts(m.cursor.connection) and history(m, case) == (None, [])
    assert len(history(m, other)[1]) == len(events)
    assert m.audit() == [] and m.miscounted() == []
    m.one("SELECT stats_rebuild(%s)", m.tenant)
    assert figures(m) == counted and m.miscounted() == []
    assert m.one("SELECT count(*) AS n FROM cases WHERE id = %s AND state = 'closed'", case["id"])["n"] == 1

    # The row is still there and its reporter complains: that alone is its history until the month comes back.
    m.clock.now = month(9)
    complained = m.call("complaint_create", "citizen", str(uuid.uuid4()), None, None, m.clock.now, case["id"], "Nobody called")
    assert complained["_code"] is None, complained
    assert [e["seq"] for e in m.events(case)] == [len(events) + 1]
    assert m.audit() == [] and m.miscounted() == [] and figures(m) == counted
    assert m.one("SELECT history_ahead(%s) AS n", month(9))["n"] == 7 and name(5) not in parts(m.cursor.connection)

    m.cursor.execute("SELECT history_attach(%s)", (name(5),))
    assert m.events(case)[:-1] == events and m.events(case)[-1]["action"] == "complain"
    assert where(m.cursor.connection, case["id"]) == [name(5)] * (len(events) + 1)
    assert m.audit() == [] and m.miscounted() == []


def test_a_month_is_detached_when_it_is_over_and_quiet(old):
    m = old
    case = at_source(m)
    for when, why in ((month(6) - timedelta(seconds=1), "is not over"), (month(9), "1 cases of .* are open")):
        with pytest.raises(psycopg.errors.RaiseException, match=why):
            detach(m, when)
    done(m.case("grid2", "check", case, point=m.point, **{"pass": True}))
    m.clock.now = month(6) - timedelta(days=1)
    done(m.case("citizen", "rate", case, contacted=True, solved="yes", satisfied=5))
    with pytest.raises(psycopg.errors.RaiseException, match="in the last 31 days"):
        detach(m, m.clock.now + timedelta(days=30))
    detach(m, m.clock.now + timedelta(days=32))
    for call, why in ((lambda: detach(m, month(9)), "is no partition"),
                      (lambda: m.cursor.execute("SELECT history_attach(%s)", (name(4),)), "is no detached partition")):
        with pytest.raises(psycopg.errors.RaiseException, match=why):
            call()


def test_dropped_and_restored(old):
    """As an operator does it with pg_dump and pg_restore: the table is another one, its rows are the same."""
    m = old
    case = closed(m)
    _, events = history(m, case)
    detach(m, month(9))
    m.cursor.execute(f"CREATE TABLE whistled.kept AS TABLE whistled.{name(5)}")
    m.cursor.execute(f"DROP TABLE whistled.{name(5)}")
    with pytest.raises(psycopg.errors.RaiseException, match="restore it first"):
        m.cursor.execute("SELECT history_attach(%s)", (name(5),))
    m.cursor.execute(f"CREATE TABLE whistled.{name(5)} (LIKE whistled.case_history INCLUDING DEFAULTS)")
    m.cursor.execute(f"INSERT INTO whistled.{name(5)} SELECT * FROM whistled.kept")
    m.cursor.execute("SELECT history_attach(%s)", (name(5),))
    assert m.events(case) == events and m.audit() == []


def test_detaching_waits_two_seconds_at_most(database, old):
    with database.open() as reader, reader.transaction():
        reader.execute("SELECT count(*) FROM case_history")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            detach(old, month(9))
    detach(old, month(9))


# From the release before it

EARLIER = """
INSERT INTO whistled.releases (checksum, version) VALUES ('earlier', '0');
CREATE SCHEMA api_earlier;
SET search_path = api_earlier, whistled, public;
CREATE FUNCTION seen(p_case uuid) RETURNS bigint LANGUAGE sql STABLE
BEGIN ATOMIC SELECT count(*) FROM case_events e WHERE e.tenant = 'street' AND e.case_id = p_case; END;
CREATE FUNCTION view(e case_events) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN e.action; END $$;
CREATE FUNCTION written(p_case uuid, p_seq integer) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    e case_events;
BEGIN
    INSERT INTO case_events (tenant, case_id, seq, id, action, to_state, round, at, role, visibility)
    VALUES ('street', p_case, p_seq, gen_random_uuid(), 'create', 'received', 1, now(), 'system', 'staff') RETURNING * INTO e;
    RETURN (SELECT view(x) FROM case_events x WHERE x.tenant = e.tenant AND x.case_id = e.case_id AND x.seq = e.seq);
END $$;
"""


def migrated_before(database: Database, name: str) -> None:
    """As `whistled migrate` of the release before it left the tables."""
    with database.open() as connection:
        connection.execute("""
            CREATE SCHEMA whistled;
            CREATE TABLE whistled.migrations (number integer PRIMARY KEY, name text NOT NULL, sha256 text NOT NULL,
                applied_at timestamptz NOT NULL DEFAULT clock_timestamp());
            CREATE TABLE whistled.releases (checksum text PRIMARY KEY, version text NOT NULL,
                created_at timestamptz NOT NULL DEFAULT clock_timestamp(), used_at timestamptz NOT NULL DEFAULT clock_timestamp());
            SET search_path = whistled, public""")
        for path in sorted((ROOT / "db" / "migrations").glob("*.sql")):
            if path.stem.endswith(name):
                break
            text = path.read_text()
            connection.execute(text)
            connection.execute("INSERT INTO migrations (number, name, sha256) VALUES (%s, %s, %s)",
                               (int(path.name[:4]), path.name, hashlib.sha256(text.encode()).hexdigest()))
        connection.execute(EARLIER)


def test_from_the_release_before_with_events_in_it(bare):
    """No row is written again, none is lost, and instances of the release before go on until the first month of its own."""
    migrated_before(bare, "_history")
    build_world(bare.postgres.url("whistled_owner", bare.name), "street")
    now, past, strange = id_at(NOW), id_at(month(-40)), str(uuid.UUID(int=2**128 - 1))
    with bare.open() as earlier, bare.open() as owner:
        earlier.execute("SET search_path = api_earlier, whistled, public")
        for case in (now, past, strange):
            for seq in (1, 2):
                assert earlier.execute("SELECT written(%s, %s)", (case, seq)).fetchone() == ("create",)
        file = owner.execute("SELECT pg_relation_filenode('whistled.case_events')").fetchone()
        bare.migrate()
        assert owner.execute("SELECT pg_relation_filenode('whistled.case_events')").fetchone() == file
        owner.execute("SET search_path = whistled, public")
        assert where(owner, now) == where(owner, past) == ["case_events"] * 2 and where(owner, strange) == ["case_history_other"] * 2

        # Both go on, and see what the other writes.
        assert earlier.execute("SELECT written(%s, 3), seen(%s)", (now, past)).fetchone() == ("create", 2)
        put(owner, now, 4)
        coming = id_at(NOW + timedelta(days=13))
        assert earlier.execute("SELECT written(%s, 1)", (coming,)).fetchone() == ("create",)
        put(owner, coming, 2)
        assert earlier.execute("SELECT seen(%s)", (now,)).fetchone() == earlier.execute("SELECT 2 + seen(%s)", (coming,)).fetchone() == (4,)
        assert where(owner, now) == ["case_events"] * 4 and where(owner, coming) == ["case_events"] * 2

        first = owner.execute("SELECT max(ends) FROM history_parts WHERE name = 'case_events'").fetchone()[0]
        assert NOW + timedelta(days=14) < first <= NOW + timedelta(days=46) and first.astimezone(LOCAL).day == 1
        assert len(parts(owner)) in (3, 4)
    with bare.open("whistled") as service:
        put(service, now, 5)


# The catalogue


def test_every_partition_is_whole(owner):
    """Each is known, has both indexes, and says nothing of its own."""
    owner.execute("SELECT history_ahead(%s)", (month(3),))
    known = {row[0] for row in owner.execute("SELECT name FROM history_parts WHERE detached_at IS NULL")}
    assert set(parts(owner)) == known
    indexes = owner.execute("""
        SELECT c.relname, array_agg(p.relname::text ORDER BY p.relname) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        JOIN pg_index x ON x.indrelid = c.oid AND x.indisvalid JOIN pg_inherits k ON k.inhrelid = x.indexrelid
        JOIN pg_class p ON p.oid = k.inhparent
        WHERE i.inhparent = 'whistled.case_history'::regclass GROUP BY 1""").fetchall()
    assert dict(indexes) == {part: ["case_history_at", "case_history_pkey"] for part in known | {"case_history_other"}}
    assert not owner.execute("SELECT conname FROM pg_constraint WHERE conname = 'within'").fetchall()
    borders = owner.execute("SELECT begins::text, ends::text, least, past FROM history_parts ORDER BY begins").fetchall()
    assert all(one[1] == two[0] and one[3] == two[2] for one, two in zip(borders, borders[1:]))
