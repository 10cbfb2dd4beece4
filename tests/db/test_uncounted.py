"""Before the server has counted what is in its tables, as after an upgrade of it or in a street that was filled a moment ago."""

from support.postgres import Postgres
from support.pull import DEPARTMENTS, build, connect, issue, subject
from support.service import Service

CASES = 300
PAGE = """SELECT cardinality((ticket_list(me('street', %s, '{department}', '{department}', NULL, NULL),
    ROW('{issued}', NULL, NULL, NULL, NULL, NULL, NULL, NULL)::ticket_filter, '2020-01-01', NULL, NULL, 50, NULL, now())).ids)"""


def test_a_page_of_the_feed_looks_at_what_it_passes(postgres: Postgres):
    """And not at every case of the street for each of its positions."""
    postgres.create_database("uncounted")
    assert Service(postgres, "uncounted").run("migrate").returncode == 0
    build(postgres, "uncounted")
    url = postgres.url("postgres", "uncounted")
    with connect(url) as db:
        for table in ("cases", "tickets", "ticket_feed"):
            db.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = false)")
        issue(url, CASES)
        while db.execute("SELECT outbox_drain_tenant('street', 1000)").fetchone()[0]:
            pass
        db.execute("SET plan_cache_mode = force_generic_plan")
        with db.transaction():
            assert db.execute(PAGE, (subject(0),)).fetchone()[0] >= 50
            (looked,) = db.execute("SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables WHERE relname = 'cases'").fetchone()
        assert db.execute("SELECT count(*) FROM pg_statistic WHERE starelid = 'cases'::regclass").fetchone() == (0,)
    assert looked <= CASES * len(DEPARTMENTS)
