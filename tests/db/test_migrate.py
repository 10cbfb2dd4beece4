"""`whistled migrate`: once, twice, at the same time, after an edit, beside other releases, without rights."""

import re
import subprocess

import psycopg
import pytest
from psycopg import sql

from support.contract import ROOT
from support.hooks import wait
from support.service import BINARY, Service


@pytest.fixture
def database(postgres, request):
    """A database of this test's own, with the extensions that a superuser installed."""
    name = f"migrate_{abs(hash(request.node.name)) % 10**9}"
    postgres.create_database(name)
    yield Service(postgres, name)
    with psycopg.connect(postgres.url("postgres", "postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def owner(service: Service) -> psycopg.Connection:
    return psycopg.connect(service.environment["DATABASE_URL"], autocommit=True)


def migrate(service: Service, *arguments: str) -> subprocess.CompletedProcess:
    return service.run("migrate", *arguments)


def release_schemas(connection) -> set:
    rows = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'api\\_%'")
    return {row[0] for row in rows.fetchall()}


def test_twice_changes_nothing(database: Service):
    first = migrate(database)
    assert first.returncode == 0 and "Applied migration 0001_base.sql." in first.stdout, first.stderr
    with owner(database) as connection:
        before = connection.execute("SELECT * FROM whistled.migrations ORDER BY number").fetchall()
        second = migrate(database)
        assert second.returncode == 0, second.stderr
        assert "The tables are up to date." in second.stdout and "The procedures are up to date" in second.stdout
        assert connection.execute("SELECT * FROM whistled.migrations ORDER BY number").fetchall() == before


def test_four_at_once(database: Service):
    command = [str(BINARY), "migrate"]
    running = [
        subprocess.Popen(command, env=database.environ(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    ended = [process.communicate(timeout=120) for process in running]
    assert [process.returncode for process in running] == [0, 0, 0, 0], ended
    assert sum("Applied migration 0001_base.sql." in out for out, _ in ended) == 1


def test_an_edited_migration_is_refused(database: Service):
    assert migrate(database).returncode == 0
    with owner(database) as connection:
        connection.execute("UPDATE whistled.migrations SET sha256 = repeat('0', 64) WHERE number = 1")
    done = migrate(database)
    assert done.returncode == 1 and "0001_base.sql was edited after it had been applied" in done.stderr


def test_a_newer_database_is_refused(database: Service):
    assert migrate(database).returncode == 0
    with owner(database) as connection:
        connection.execute("INSERT INTO whistled.migrations SELECT max(number) + 1, '9999_later.sql', '' FROM whistled.migrations")
    done = migrate(database)
    assert done.returncode == 1 and "9999_later.sql" in done.stderr and "the database is newer" in done.stderr


def test_this_release_and_the_two_before_it_stay(database: Service):
    assert migrate(database).returncode == 0
    with owner(database) as connection:
        (own,) = release_schemas(connection)
        for n in (1, 2, 3):
            connection.execute(f"CREATE SCHEMA api_old{n}")
            connection.execute(
                "INSERT INTO whistled.releases (checksum, version, used_at) VALUES (%s, '0', now() - %s * interval '1 day')",
                (f"old{n}", n),
            )
        done = migrate(database)
        assert done.returncode == 0 and "api_old3" in done.stdout
        assert release_schemas(connection) == {own, "api_old1", "api_old2"}


# As the releases before 0017 had it.
EARLIER = """
CREATE FUNCTION pg_temp.take(p_name text, p_holder text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_now timestamptz := clock_timestamp();
    v_lease whistled.job_leases;
BEGIN
    INSERT INTO whistled.job_leases (name, holder, epoch, until) VALUES (p_name, p_holder, 1, v_now + interval '10 seconds')
    ON CONFLICT (name) DO NOTHING;
    SELECT * INTO v_lease FROM whistled.job_leases l WHERE l.name = p_name FOR UPDATE;
    IF v_lease.holder <> p_holder AND v_lease.until >= v_now THEN
        RETURN NULL;
    ELSIF v_lease.holder <> p_holder OR v_lease.until < v_now THEN
        v_lease.epoch := v_lease.epoch + 1;
    END IF;
    UPDATE whistled.job_leases l SET holder = p_holder, epoch = v_lease.epoch, until = v_now + interval '10 seconds'
    WHERE l.name = p_name;
    RETURN v_lease.epoch;
END $$;
CREATE FUNCTION pg_temp.holds(p_name text, p_holder text, p_epoch bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM whistled.job_leases l
    WHERE l.name = p_name AND l.holder = p_holder AND l.epoch = p_epoch AND l.until > clock_timestamp() FOR SHARE;
    RETURN FOUND;
END $$;
"""


def test_an_instance_of_an_earlier_release_loses_its_jobs(database: Service):
    """It would number what is no more in the outbox, and read from there what is in the feed."""
    assert migrate(database).returncode == 0
    (text,) = [path.read_text() for path in (ROOT / "db" / "migrations").glob("*_jobs_and_merges.sql")]
    ends = re.search(r"^INSERT INTO job_leases[^;]*;", text, re.M)[0].replace("INTO job_leases", "INTO whistled.job_leases")
    jobs = ("drain", "webhooks")
    with owner(database) as connection:
        def holds(name: str, epoch: int) -> bool:
            return connection.execute("SELECT pg_temp.holds(%s, 'old', %s)", (name, epoch)).fetchone()[0]

        def take(name: str, holder: str) -> int | None:
            return connection.execute("SELECT pg_temp.take(%s, %s)", (name, holder)).fetchone()[0]

        connection.execute(EARLIER)
        connection.execute("DELETE FROM whistled.job_leases")  # it has not come yet
        epochs = {name: take(name, "old") for name in jobs}
        assert all(holds(name, epochs[name]) for name in jobs)
        connection.execute(ends)
        assert not any(holds(name, epochs[name]) for name in jobs)
        assert {take(name, holder) for name in jobs for holder in ("old", "another")} == {None}
        # This release has names of its own for them, and its instances leave the old ones alone.
        database.start()
        wait(lambda: {name for name, in connection.execute("SELECT name FROM whistled.job_leases WHERE until < 'infinity'")}
             >= {"feed", "messages"}, "its own jobs")
        assert database.stop() == 0
        assert {take(name, "old") for name in jobs} == {None}


def test_a_release_that_broke_off_is_made_again(database: Service):
    assert migrate(database).returncode == 0
    with owner(database) as connection:
        (own,) = release_schemas(connection)
        connection.execute("DELETE FROM whistled.releases")
        done = migrate(database)
        assert done.returncode == 0 and f"Created the procedures in {own}." in done.stdout
        assert connection.execute("SELECT count(*) FROM whistled.releases").fetchone() == (1,)


def test_rights_of_the_service(database: Service):
    """It reads and writes rows, deletes only what it sweeps, and owns nothing."""
    assert migrate(database).returncode == 0
    with owner(database) as connection:
        may_delete = connection.execute(
            "SELECT array_agg(relname ORDER BY relname) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
            " WHERE nspname = 'whistled' AND relkind IN ('r', 'p') AND has_table_privilege('whistled', c.oid, 'DELETE')"
        ).fetchone()[0]
        assert may_delete == [
            "feed", "feed_marks", "idempotency_keys", "outbox", "rights_changes", "webhook_attempts", "webhook_messages",
            "webhook_tickets",
        ]  # fmt: skip
        owned = connection.execute(
            "SELECT count(*) FROM pg_class WHERE relowner = (SELECT oid FROM pg_roles WHERE rolname = 'whistled')"
        ).fetchone()
        assert owned == (0,)
        for table in ("migrations", "releases"):
            may = connection.execute(
                "SELECT has_table_privilege('whistled', %s, 'INSERT, UPDATE, DELETE, TRUNCATE')", (f"whistled.{table}",)
            ).fetchone()
            assert may == (False,)


def test_sentences_for_what_is_missing(postgres, database: Service):
    """No extension and no right to make one; no role; no address; nobody there."""
    with psycopg.connect(postgres.url("postgres", database.environment["DATABASE_URL"].split("/")[3].split("?")[0]),
                         autocommit=True) as connection:  # fmt: skip
        connection.execute("DROP EXTENSION postgis")
    done = migrate(database)
    assert done.returncode == 1 and "let a superuser run CREATE EXTENSION postgis" in done.stderr
    assert done.stderr.count("\n") == 1

    done = migrate(database, "--migrate-url=")
    assert done.returncode == 1 and "needs the owner's connection" in done.stderr

    done = migrate(database, "--migrate-url=postgresql://x@/x?host=/nonexistent")
    assert done.returncode == 1 and "cannot reach the database" in done.stderr


def test_a_service_role_that_does_not_exist(database: Service):
    done = migrate(database, "--service-role=nobody_at_all")
    assert done.returncode == 1 and "role nobody_at_all does not exist" in done.stderr


def test_a_start_that_fails_leaves_nothing(database: Service):
    """The schema is there and one of its functions is not: the statement cannot be prepared. The sanitized build tells of what is left."""
    assert migrate(database).returncode == 0
    with owner(database) as connection:
        (schema,) = release_schemas(connection)
        connection.execute(sql.SQL("SET search_path = {}, whistled, public").format(sql.Identifier(schema)))
        connection.execute("DROP FUNCTION masks_staff CASCADE")
    done = database.run()
    assert done.returncode == 1 and "masks_staff" in done.stderr, done.stderr
    assert "Sanitizer" not in done.stderr, done.stderr
