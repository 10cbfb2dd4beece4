"""Rules that keep one code base fit for one box and for a cluster spread by tenant, read from the catalogue itself."""

import re

import psycopg
import pytest
from support.contract import ROOT

# Without a tenant: what every node has a copy of, or what is the installation's own.
COMMON = {"migrations", "releases", "dictionary_entries", "job_leases", "secrets", "tenants", "history_parts"}


def rows(db, sql, *values):
    return db.execute(sql, values).fetchall()


def test_every_table_and_column_says_what_it_is(db):
    missing = rows(db, """
        SELECT c.relname, a.attname FROM pg_class c
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE c.relnamespace = 'whistled'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
          AND (col_description(c.oid, a.attnum) IS NULL OR obj_description(c.oid, 'pg_class') IS NULL)""")
    assert not missing


def test_tenant_comes_first_in_every_key(db):
    """Primary keys, unique, exclusion and foreign keys; foreign keys on both sides."""
    wrong = []
    for table, name, kind, first, target_table, target_first in rows(db, """
        SELECT c.conrelid::regclass::text, c.conname, c.contype,
               (SELECT attname FROM pg_attribute WHERE attrelid = c.conrelid AND attnum = c.conkey[1]),
               c.confrelid::regclass::text,
               (SELECT attname FROM pg_attribute WHERE attrelid = c.confrelid AND attnum = c.confkey[1])
        FROM pg_constraint c WHERE c.connamespace = 'whistled'::regnamespace AND c.contype IN ('p', 'u', 'x', 'f')"""):
        bare = table.split(".")[-1]
        if bare in COMMON - {"tenants"}:
            continue
        if first != "tenant" or (kind == "f" and target_table.split(".")[-1] not in COMMON and target_first != "tenant"):
            wrong.append((table, name, first, target_first))
    assert not wrong


def test_unique_indexes_begin_with_tenant(db):
    wrong = [
        (table, index) for table, index, first in rows(db, """
            SELECT t.relname, i.relname,
                   (SELECT attname FROM pg_attribute WHERE attrelid = x.indrelid AND attnum = x.indkey[0])
            FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
            WHERE t.relnamespace = 'whistled'::regnamespace AND x.indisunique""")
        if first != "tenant" and table not in COMMON
    ]
    assert not wrong


def test_no_deferred_constraints_and_no_foreign_clock_in_defaults(db):
    assert not rows(db, "SELECT conname FROM pg_constraint WHERE connamespace = 'whistled'::regnamespace AND condeferrable")
    defaults = rows(db, """
        SELECT c.relname, pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d JOIN pg_class c ON c.oid = d.adrelid
        WHERE c.relnamespace = 'whistled'::regnamespace""")
    assert not [d for d in defaults if re.search(r"\bnow\(\)|CURRENT_TIMESTAMP", d[1]) and d[0] not in COMMON]


def test_the_services_role_owns_nothing(db, postgres):
    role = rows(db, "SELECT rolsuper, rolcreaterole, rolcreatedb, rolbypassrls FROM pg_roles WHERE rolname = 'whistled'")
    assert role == [(False, False, False, False)]
    owned = rows(db, """
        SELECT relname FROM pg_class WHERE relowner = 'whistled'::regrole
        UNION ALL SELECT proname FROM pg_proc WHERE proowner = 'whistled'::regrole
        UNION ALL SELECT nspname FROM pg_namespace WHERE nspowner = 'whistled'::regrole""")
    assert not owned
    with psycopg.connect(postgres.url("whistled", "main"), autocommit=True) as service:
        for forbidden in ("DELETE FROM whistled.case_history", "TRUNCATE whistled.cases",
                          "CREATE TABLE whistled.x ()", "DROP TABLE whistled.cases", "DROP TABLE whistled.case_history_other",
                          "UPDATE whistled.migrations SET name = ''"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                service.execute(forbidden)


def statements():
    for path in sorted((ROOT / "db" / "queries").rglob("*.sql")):
        yield path.relative_to(ROOT / "db" / "queries"), path.read_text()


def test_every_statement_is_bound_to_its_tenant():
    for name, text in statements():
        if name.parts[0] == "system":
            continue
        assert "@tenant" in text, f"{name} names no tenant"


def test_procedures_keep_the_rules_of_a_write_group():
    """What shares a transaction may not lean on the transaction: machines would see each other's settings and time."""
    for path in sorted((ROOT / "db" / "procedures").rglob("*.sql")):
        code = re.sub(r"--[^\n]*", "", path.read_text())
        for banned in (r"\bnow\(\)", r"current_timestamp", r"set_config\s*\([^)]*true", r"\bdeferr"):
            found = re.search(banned, code, re.I)
            assert not found, f"{path.name}: {found.group(0)}"


def test_the_history_is_named_as_a_whole():
    """case_events is one of its partitions: what reads or writes only that loses what comes later."""
    for path in sorted((ROOT / "db").rglob("*.sql")):
        if path.parent.name != "migrations":
            assert not re.search(r"\bcase_events\b", path.read_text()), path.name


def test_every_refusal_is_in_the_catalogue():
    catalogue = set(re.findall(r"ERROR\((\w+),", (ROOT / "api" / "errors.def").read_text()))
    assert len(catalogue) > 30
    used = set()
    for path in sorted((ROOT / "db").rglob("*.sql")):
        used |= set(re.findall(r"refus\w*\s*\(\s*'([a-z_]+)'", path.read_text()))
    assert used <= catalogue, used - catalogue
