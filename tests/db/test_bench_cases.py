"""The cases that measurements are made with are whole: the auditor finds nothing, and the job counts them as a recomputation does."""

import psycopg
import pytest
from support.contract import ROOT

CASES = 400


@pytest.fixture(scope="module")
def bench(postgres, service):
    with psycopg.connect(postgres.url("postgres", "main"), autocommit=True) as connection:
        schema = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'api\\_%' ORDER BY oid DESC LIMIT 1").fetchone()[0]
        connection.execute(f"SET search_path = {schema}, whistled, public")
        for name, value in {"tenant": "bench", "cases": CASES, "first": "2023-01-01 00:00+08", "days": 60}.items():
            connection.execute(f"SET bench.{name} = '{value}'")
        connection.execute((ROOT / "tests" / "bench" / "cases.sql").read_text())
    return "bench"


def test_the_auditor_finds_nothing(bench, db):
    assert db.execute("SELECT * FROM audit_objects(%s)", (bench,)).fetchall() == []
    states = dict(db.execute("SELECT state, count(*) FROM cases WHERE tenant = %s GROUP BY 1", (bench,)).fetchall())
    assert sum(states.values()) == CASES and {"closed", "rejected", "voided", "evaluating"} <= set(states)


def test_counted_by_the_job_or_anew_is_the_same(bench, db):
    while db.execute("SELECT stats_tenant_ticked(%s, 150)", (bench,)).fetchone()[0]:
        pass
    assert db.execute("SELECT * FROM stats_differences(%s)", (bench,)).fetchall() == []
    counted = db.execute("SELECT sum(received), sum(closed), sum(issued) FROM figure_sums WHERE tenant = %s AND cut = 'all' AND grain = 'year'",
                         (bench,)).fetchone()
    assert counted[0] > CASES * 0.9 and all(counted)
    assert db.execute("SELECT stats_rebuild(%s)", (bench,)).fetchone() == (CASES,)
    assert db.execute("SELECT * FROM stats_differences(%s)", (bench,)).fetchall() == []
    assert counted == db.execute(
        "SELECT sum(received), sum(closed), sum(issued) FROM figure_sums WHERE tenant = %s AND cut = 'all' AND grain = 'month'", (bench,)).fetchone()
