"""No statement reads a table that grows from end to end, and one that names a case, a ticket or a request looks into one partition of
the history. Sequential scans are made dear, so that one that stays has no index to use instead; what functions and triggers do inside is
counted with the rest."""

import json
import re
import subprocess
import uuid
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import sql

from support.contract import ROOT, Contract
from support.scans import Scans
from support.service import BINARY, Service

CASES = 1000
CONTRACT = Contract()
SUBJECTS = {"citizen": "citizen1", "grid_worker": "workerC1-1", "community": "community1", "window_clerk": "clerk", "dispatcher": "dispatcher",
            "leader": "leader", "department": "department1", "property": "property", "supervisor": "supervisor", "auditor": "auditor",
            "admin": "admin"}
SAMPLES = {
    "area": ["C1-1", "C1", "S", "none"], "grid": ["C1-1"], "within": ["C1"], "organisation": ["d1", "c1"], "department": ["d1"], "category": ["k1"], "community": ["C1"],
    "q": ["路灯", "BS"], "number": ["BS20230101-000001"], "external_number": ["x-1"], "status": [], "level": ["ordinary"], "source": ["phone"],
    "dictionary": ["cause"], "service_code": ["k1"], "service_request_id": ["BS20230101-000001"], "scope": ["open311"], "class": ["bench"],
}
# A place, and hazards of it in every state and colour.
LEDGER = """
    INSERT INTO places (tenant, id, grid_code, kind, name, capacity, organisation_code)
    VALUES ('bench', md5('place')::uuid, 'C1-1', 'shop', 'A shop', 30, 'office');
    INSERT INTO hazards (tenant, id, state, colour, same_day_fixable, capacity, category, description, place_id, area, community,
        found_at, found_by, found_role, due_at, policy_version, event_seq, created_at, updated_at)
    SELECT 'bench', md5(s || c || n)::uuid, s, c, c = 'blue', 30, 'k1', 'd', md5('place')::uuid, 'C1-1', 'C1',
        '2023-01-10 10:00+08'::timestamptz + n * interval '1 hour', p.id, 'grid_worker', '2023-01-20 00:00+08', 0, 1,
        '2023-01-10', '2023-01-10'
    FROM unnest('{open,rectifying,submitted,verified,referred,voided}'::text[]) AS s, unnest('{red,orange,blue}'::text[]) AS c,
        generate_series(1, 20) AS n, people p WHERE p.tenant = 'bench' AND p.subject = 'workerC1-1';
"""
VERSIONS = "{" + ",".join(map(str, range(1, 60))) + "}"  # whichever it has
# What the service makes of a picture's bytes.
PICTURE = {"content_type": "image/png", "size": 68, "sha256": "00" * 32, "width": 1, "height": 1, "file": "x"}
STATES = {"cases": ["received", "closed", "open", "handling"], "tickets": ["issued", "closed", "open"]}


def statements() -> dict[str, tuple[list[tuple[str, str]], str]]:
    """name → (parameters, its PREPARE)"""
    def said(*words):
        return subprocess.run([str(BINARY), "statement", *words], capture_output=True, text=True, check=True).stdout

    found = {}
    for name in said().split():
        text = said(name)
        found[name] = re.findall(r"^-- \$\d+ (\w+) (.*)$", text, re.M), re.search(r"^PREPARE .*", text, re.M | re.S)[0]
    return found


STATEMENTS = statements()


@pytest.fixture(scope="module")
def database(postgres):
    """A street of some size, known to the planner."""
    postgres.create_database("plans")
    assert Service(postgres, "plans").run("migrate").returncode == 0
    with connect(postgres) as connection:
        for name, value in {"tenant": "bench", "cases": CASES, "first": "2023-01-01 00:00+08", "days": 60}.items():
            connection.execute(f"SET bench.{name} = '{value}'")
        connection.execute((ROOT / "tests" / "bench" / "cases.sql").read_text())
        for who, role in (("clerk", "window_clerk"), ("admin", "admin"), ("property", "property")):
            connection.execute("INSERT INTO people (tenant, id, subject, name, roles, organisation_code) "
                               "VALUES ('bench', md5(%s)::uuid, %s, %s, %s, 'office')", (who, who, who, [role]))
        connection.execute(LEDGER)
        connection.execute("ANALYZE")
    return postgres


def connect(postgres) -> psycopg.Connection:
    connection = psycopg.connect(postgres.url("postgres", "plans"), autocommit=True)
    schema = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'api\\_%'").fetchone()[0]
    connection.execute(f"SET search_path = {schema}, whistled, public")
    connection.execute("SET TimeZone = 'Asia/Shanghai'")
    connection.execute("SET jit = off")
    return connection


class Asker:
    """Runs a statement of the service with what a client could send."""

    def __init__(self, connection: psycopg.Connection):
        self.connection, self.scans, self.prepared = connection, Scans(connection), set()
        one = lambda sql: str(connection.execute(sql).fetchone()[0])  # noqa: E731
        self.ids = {
            "case": one("SELECT case_id FROM tickets ORDER BY id LIMIT 1"), "ticket": one("SELECT id FROM tickets ORDER BY id LIMIT 1"),
            "request": one("SELECT id FROM requests ORDER BY id LIMIT 1"), "hazard": one("SELECT id FROM hazards ORDER BY id LIMIT 1"),
            "place": one("SELECT id FROM places ORDER BY id LIMIT 1"), "person": one("SELECT id FROM people WHERE subject = 'dispatcher'"),
        }
        item = {"n": 0, "refused": False, "roles": ["department"], "ticket": self.ids.get("ticket"), "action": "contact", "body": {}}
        self.bodies = {"attachments.create": json.dumps(PICTURE), "tickets.batch": json.dumps([item])}

    def run(self, name: str, values: dict[str, str | None]) -> list[str]:
        parameters, prepare = STATEMENTS[name]
        if name not in self.prepared:
            self.connection.execute(prepare)
            self.prepared.add(name)
        texts = [values.get(parameter) for parameter, _ in parameters]
        words = ", ".join("NULL" if text is None else sql.quote(text) for text in texts)
        with self.scans.found(undo=True) as scanned:
            self.connection.execute(f'EXECUTE "{name}"' + (f"({words})" if words else ""))
        return scanned

    def plain(self, name: str, role: str | None) -> dict[str, str | None]:
        """Who asks, and what must be there."""
        operation = CONTRACT.by_id.get(name)
        values = {"tenant": "bench", "actor": SUBJECTS.get(role), "roles": f"{{{role}}}", "limit": "21", "count": "exact",
                  "op_roles": "{" + ",".join(operation.roles if operation else SUBJECTS) + "}", "id": str(uuid.uuid4()),
                  "idempotency_key": "plans", "fingerprint": "f", "if_match": VERSIONS, "lang": "zh", "request_id": "plans",
                  "from": "2023-01-05", "to": "2023-02-05", "key": "x", "token": "x", "default": "bench", "jurisdiction": "bench"}
        for parameter, kind in STATEMENTS[name][0]:
            if kind == "uuid":
                values[parameter] = self.ids.get(parameter.removesuffix("_id"), str(uuid.uuid4())) if parameter != "id" else values["id"]
        values["action"] = {"act": "edit"}.get(name.split(".")[-1], name.split(".")[-1])
        values |= {"secret_hash": "\\x" + "00" * 32, "key_hash": "\\x" + "00" * 32}
        values["body"] = self.bodies.get(name) or (self.body(operation) if operation else None)
        return values

    @staticmethod
    def body(operation) -> str:
        content = CONTRACT.resolve(operation.entry.get("requestBody", {})).get("content", {})
        examples = next(iter(content.values()), {}).get("examples", {})
        return json.dumps(next(iter(examples.values()), {"value": {}})["value"])

    def filters(self, name: str):
        """Each by itself."""
        operation = CONTRACT.by_id.get(name)
        entries = {p["name"]: p["schema"] for p in map(CONTRACT.resolve, operation.parameters)} if operation else {}
        for parameter, kind in STATEMENTS[name][0]:
            if parameter not in entries or parameter in ("limit", "count", "cursor") or kind == "uuid":
                continue
            schema = CONTRACT.resolve(entries[parameter])
            enum = schema.get("enum") or CONTRACT.resolve(schema.get("items", {})).get("enum") or []
            samples = STATES.get(name.split(".")[0], []) if parameter == "status" else SAMPLES.get(parameter) or enum[:3]
            if kind == "boolean":
                samples = ["true", "false"]
            elif kind in ("timestamptz", "date"):
                samples = ["2023-02-01"]
            elif kind == "uuid[]":
                samples = [self.ids.get(parameter, str(uuid.uuid4()))]
            for sample in samples:
                yield {parameter: f"{{{sample}}}" if kind.endswith("[]") else sample}

    def actions(self, name: str):
        """Each on an object in each state."""
        table = name.split(".")[0]
        things = self.connection.execute(f"SELECT DISTINCT ON (state) state, id::text FROM {table} ORDER BY state, id").fetchall()
        assert things
        for operation in CONTRACT.operations:
            resource, action = operation.id.split(".")
            if resource != table or operation.method not in ("POST", "PATCH") or action in ("create", "request"):
                continue
            for role in [role for role in operation.roles if role in SUBJECTS]:
                for state, thing in things:
                    yield f"{operation.id} of {state} as {role}", self.plain(name, role) | {
                        f"{table[:-1]}_id": thing, "action": action, "body": self.body(operation), "op_roles": f"{{{role}}}"}

    def all(self, name: str):
        """(what, values) of every run of a statement."""
        if name in ("cases.act", "tickets.act", "requests.act", "hazards.act"):
            yield from self.actions(name)
        operation = CONTRACT.by_id.get(name)
        roles = [role for role in (operation.roles if operation else ["dispatcher"]) if role in SUBJECTS] or [None]
        for role in roles:
            plain = self.plain(name, role)
            yield f"{name} as {role}", plain
            if name.endswith((".list", ".events")) or name in ("me.work",):
                for extra in self.filters(name):
                    yield f"{name} as {role} with {extra}", plain | extra


@pytest.fixture(scope="module")
def asker(database):
    with connect(database) as connection:
        connection.execute("SET plan_cache_mode = force_generic_plan")
        connection.execute("SET enable_seqscan = off")
        yield Asker(connection)


@pytest.mark.parametrize("name", STATEMENTS)
def test_no_scan(asker, name):
    of_one_case = {parameter for parameter, _ in STATEMENTS[name][0]} & {"case_id", "ticket_id", "request_id"}
    for what, values in asker.all(name):
        scanned = asker.run(name, values)
        assert not scanned, f"{what} scans {', '.join(scanned)}"
        assert not of_one_case or len(asker.scans.parts) <= 1, f"{what} looks into {asker.scans.parts}"


def is_kept(operation) -> bool:
    """Answered once its Sync has kept what it writes."""
    return operation.method != "GET" or operation.entry.get("x-on-record", False) or operation.entry.get("x-export", False)


@contextmanager
def reading_only(connection: psycopg.Connection):
    connection.execute("SET default_transaction_read_only = on")
    try:
        yield
    finally:
        connection.execute("RESET default_transaction_read_only")


@pytest.mark.parametrize("name", [o.id for o in CONTRACT.operations if o.id in STATEMENTS and not is_kept(o)])
def test_what_is_answered_before_its_sync_writes_nothing(asker, name):
    """An error behind it would take away what it wrote, and who was answered would not hear of it."""
    with reading_only(asker.connection):
        for _, values in asker.all(name):
            asker.run(name, values)


def test_a_reading_that_writes_is_seen(asker):
    with reading_only(asker.connection), pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        asker.run("cases.export", asker.plain("cases.export", "leader"))


def test_a_scan_is_seen(asker):
    """The watch itself: behind a function, and not of a table that stays small."""
    with asker.scans.found(undo=True) as scanned:
        asker.connection.execute("CREATE FUNCTION pg_temp.looks() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN "
                                 "RETURN (SELECT count(*) FROM cases WHERE title = 'x') + (SELECT count(*) FROM tenants WHERE name = 'x'); END $$")
        asker.connection.execute("SET LOCAL enable_seqscan = on")
        asker.connection.execute("SELECT pg_temp.looks()")
    assert scanned == ["cases"]
    with asker.scans.found():
        asker.connection.execute("SELECT count(*) FROM case_history WHERE tenant = 'bench' AND case_id = %s", (asker.ids["case"],))
    assert asker.scans.parts == {"case_events"}
    with asker.scans.found():
        asker.connection.execute("SELECT count(*) FROM case_history WHERE tenant = 'bench' AND at > now()")
    assert len(asker.scans.parts) == 6
