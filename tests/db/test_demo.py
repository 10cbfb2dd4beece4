"""The demonstration street: complete, consistent, and loaded twice without a trace."""

import os
import subprocess

import psycopg
import pytest
from support.contract import ROOT
from support.service import Service

ROLES = {"citizen", "client", "grid_worker", "community", "window_clerk", "dispatcher", "leader", "department", "property",
         "supervisor", "auditor", "admin"}


@pytest.fixture(scope="module")
def demo(postgres):
    postgres.create_database("demo")
    url = postgres.url("whistled_owner", "demo")
    assert Service(postgres, "demo").run("migrate").returncode == 0

    def load():
        subprocess.run([str(ROOT / "script" / "demo")], env=os.environ | {"DATABASE_URL": url}, check=True, timeout=60)

    load()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET search_path = whistled, public")
        before = fingerprint(connection)
        load()
        assert fingerprint(connection) == before
        yield connection


def fingerprint(connection) -> dict:
    tables = [row[0] for row in connection.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'whistled'::regnamespace AND relkind = 'r' ORDER BY 1")]
    return {t: connection.execute(f"SELECT count(*), md5(string_agg(x::text, '' ORDER BY x::text)) FROM {t} AS x").fetchone()
            for t in tables}


def one(connection, sql):
    return connection.execute(sql).fetchone()[0]


def test_the_tree_of_areas(demo):
    kinds = dict(demo.execute("SELECT kind, count(*) FROM areas GROUP BY 1").fetchall())
    assert (kinds["street"], kinds["community"], kinds["grid"]) == (1, 5, 10)
    assert {row[0] for row in demo.execute("SELECT name FROM areas WHERE kind = 'community'")} == {
        "新风社区", "长安社区", "团结社区", "茂山社区", "利民社区"}
    assert one(demo, "SELECT bool_and(ST_IsValid(geometry)) FROM areas WHERE geometry IS NOT NULL")
    assert one(demo, "SELECT bool_and(ST_Covers(c.geometry, g.geometry)) FROM areas g JOIN areas c ON c.code = g.community_code "
                     "WHERE g.geometry IS NOT NULL AND g.kind <> 'street'")
    assert one(demo, "SELECT bool_and(ST_Covers(p.geometry, e.geometry)) FROM areas e JOIN areas p ON p.code = e.parent_code "
                     "WHERE e.kind = 'estate'")


def test_grids_adjoin_without_gap_or_overlap(demo):
    assert one(demo, "SELECT count(*) FROM areas a JOIN areas b ON a.code < b.code AND a.kind = 'grid' AND b.kind = 'grid' "
                     "AND ST_Area(ST_Intersection(a.geometry, b.geometry)) > 0") == 0
    assert one(demo, "SELECT abs(ST_Area((SELECT geometry FROM areas WHERE kind = 'street')) - sum(ST_Area(geometry))) < 1e-12 "
                     "FROM areas WHERE kind = 'grid'")
    assert one(demo, "SELECT bool_and(ST_Covers(g.geometry, p.location)) FROM places p JOIN areas g ON g.code = p.grid_code")


def test_somebody_for_everything(demo):
    assert {row[0] for row in demo.execute("SELECT DISTINCT unnest(roles) FROM people")} == ROLES
    assert one(demo, "SELECT count(DISTINCT grid_code) FROM grid_assignments WHERE kind = 'full_time'") == 10
    departments = {row[0] for row in demo.execute("SELECT code FROM organisations WHERE kind = 'department'")}
    assert len(departments) == 10
    assert departments == {row[0] for row in demo.execute(
        "SELECT DISTINCT organisation_code FROM people WHERE roles @> ARRAY['department'] AND head")}
    assert {"secretary", "street_head"} == {row[0] for row in demo.execute("SELECT unnest(posts) FROM people")}
    assert one(demo, "SELECT count(*) FROM areas a WHERE a.kind = 'community' AND NOT EXISTS (SELECT FROM people p "
                     "WHERE p.roles @> ARRAY['community'] AND p.areas @> ARRAY[a.code] AND p.head)") == 0


def test_the_catalogue(demo):
    assert one(demo, "SELECT count(*) FROM categories") >= 40
    assert one(demo, "SELECT count(*) FROM categories c JOIN organisations o ON o.code = c.lead_organisation "
                     "WHERE o.kind <> 'department'") == 0
    for column, dictionary in (("class", "category_class"), ("joint_method", "joint_method")):
        assert one(demo, f"SELECT count(*) FROM categories WHERE {column} IS NOT NULL AND {column} NOT IN "
                         f"(SELECT code FROM dictionary_entries WHERE dictionary = '{dictionary}')") == 0
    questions = [q for row in demo.execute("SELECT questions FROM categories") for q in row[0]]
    assert questions
    for question in questions:
        assert {"code", "zh", "en", "type", "required"} <= set(question), question
        assert question["type"] in {"text", "number", "integer", "boolean", "date", "choice", "choices"}
        assert all({"code", "zh", "en"} == set(v) for v in question.get("values", []))


def test_what_is_offered_to_third_parties(demo):
    """Neither disputes nor people, nor what may be an emergency that somebody should call about."""
    offered = dict(demo.execute("SELECT code, open311 FROM categories WHERE open311 <> 'none'").fetchall())
    assert offered["pothole"] == "realtime" and offered["illegal-building"] == "batch" and len(offered) > 20
    assert one(demo, "SELECT count(*) FROM categories WHERE open311 <> 'none' AND class IN "
                     "('disputes', 'emergencies', 'public_security', 'livelihood', 'property_management')") == 0
    assert one(demo, "SELECT count(*) FROM categories WHERE open311_description AND open311 <> 'realtime'") == 0
    assert one(demo, "SELECT count(*) FROM clients k JOIN people p ON p.tenant = k.tenant AND p.id = k.person_id "
                     "AND p.subject = k.client_id") == one(demo, "SELECT count(*) FROM people WHERE 'client' = ANY (roles)")


def test_the_policy_says_the_known_numbers(demo):
    """What a street sees that it may change: keys that exist, with the numbers that hold without it."""
    schema = one(demo, "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'api\\_%' ORDER BY oid DESC LIMIT 1")
    settings, defaults = one(demo, "SELECT settings FROM policies WHERE version = 1"), one(demo, f"SELECT {schema}.policy_defaults()")
    assert {k: defaults.get(k) for k in settings} == settings


def test_free_days(demo):
    assert one(demo, "SELECT count(*) FROM calendar_days WHERE kind = 'workday' AND extract(isodow FROM day) < 6") == 0
    assert one(demo, "SELECT count(DISTINCT extract(year FROM day)) FROM calendar_days") == 2


def test_the_ledger(demo):
    """Every colour, each as the rule has it, and what the auditor would make of their events."""
    assert {row[0] for row in demo.execute("SELECT DISTINCT colour FROM hazards")} == {"red", "orange", "blue"}
    assert one(demo, "SELECT bool_and(h.capacity IS NOT DISTINCT FROM p.capacity AND p.grid_code = h.area AND h.colour = CASE "
                     "WHEN h.same_day_fixable THEN 'blue' WHEN p.capacity >= 30 THEN 'red' ELSE 'orange' END) "
                     "FROM hazards h JOIN places p ON p.tenant = h.tenant AND p.id = h.place_id")
    assert one(demo, "SELECT bool_and(e.path @> ARRAY[p.grid_code]) FROM places p JOIN areas e ON e.code = p.estate_code")
    schema = one(demo, "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'api\\_%' ORDER BY oid DESC LIMIT 1")
    with demo.transaction():
        demo.execute(f"SET LOCAL search_path = {schema}, whistled, public")
        assert demo.execute("SELECT * FROM audit_objects('maoshan')").fetchall() == []
