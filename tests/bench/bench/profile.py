"""Where a request's time goes, in instructions, which do not depend on how busy the machine is: of PostgreSQL by the statement alone in a
backend under callgrind (single-user mode, on the street as it is measured), of the service by the worker's thread under callgrind.

Rows go out as text there, where the service takes binary: what writes them out is left out of the count."""

import json
import random
import uuid
from dataclasses import replace
from pathlib import Path

from support.callgrind import CountedService, costs, count_backend, total

from .cluster import Cluster
from .limit import caller, contract_roles, department_steps, prepared, quoted, statements
from .rounds import measure_target
from .scenarios import DESCRIPTION, INTAKE_CATEGORIES, LISTED, Operation, points, step
from .stories import TENANT, token_of
from .street import POOL_VERSION
from .targets import Whistled
from .volley import fire

DATABASE = "measured"
WARM, COUNTED = 20, 60  # calls of a statement
SERVICE_S = 3
# What each step costs with all that it calls. They lie in one another: writing a row writes its WAL, too.
STEPS = {
    "setting up statements and the small ones inside": "standard_ExecutorStart",
    "taking them down": "standard_ExecutorEnd",
    "index lookups": "index_getnext_slot",
    "index entries": "ExecInsertIndexTuples",
    "rows written": ("heap_insert", "heap_update"),
    "WAL": "XLogInsert",
    "planning": "standard_planner",
    "JSON": ("jsonb_in", "jsonb_build_object", "jsonb_concat", "jsonb_strip_nulls"),
}
OUTPUT = "debugtup"


def executed(statement: str, operation: str, subject: str, given: dict) -> str:
    """One call of the prepared statement `s`."""
    called, known = statements()[statement], caller(operation, subject, contract_roles()) | given
    values = (quoted(known[word]) if known.get(word) is not None else "NULL" for word in called.parameters)
    return f"EXECUTE s({', '.join(f'{value}::{kind}' for value, kind in zip(values, called.types))})"


def intake_calls(connection) -> list[str]:
    chance = random.Random(5341)
    calls = []
    for n, (lon, lat) in enumerate(points(connection, WARM + COUNTED)):
        body = {"description": DESCRIPTION, "title": "新风路路面塌陷", "kind": "problem", "category": INTAKE_CATEGORIES[n % len(INTAKE_CATEGORIES)],
                "location": {"lon": lon, "lat": lat}, "address": "新风路12号门前，湖畔饺子馆对面",
                "reporter": {"name": "吕秀英", "phone": "13900000701", "contactable": True}}
        calls.append(executed("cases.create", "cases.create", "resident-1", {
            "id": str(uuid.UUID(int=chance.getrandbits(128), version=4)), "idempotency_key": f"k{n}", "fingerprint": "0" * 64,
            "body": json.dumps(body, ensure_ascii=False)}))
    return calls


def transition_calls(connection) -> list[str]:
    lon, lat = points(connection, 1)[0]
    steps = department_steps({"lon": lon, "lat": lat})
    found = connection.execute(
        """SELECT t.id FROM tickets t JOIN cases c ON c.tenant = t.tenant AND c.id = t.case_id
        WHERE c.tenant = %s AND c.policy_version = %s AND t.state = 'issued' ORDER BY md5(t.id::text) LIMIT %s""",
        (TENANT, POOL_VERSION, (WARM + COUNTED) // len(steps)))
    return [executed("tickets.act", "tickets." + action.replace("-", "_"), "sanitation-1", {
        "action": action.replace("-", "_"), "ticket_id": str(ticket), "body": json.dumps(body, ensure_ascii=False)})
        for (ticket,) in found.fetchall() for action, body in steps]


def read_calls(connection) -> list[str]:
    found = connection.execute("SELECT id FROM cases WHERE tenant = %s AND policy_version <> %s ORDER BY md5(id::text) LIMIT %s",
                               (TENANT, POOL_VERSION, WARM + COUNTED))
    return [executed("cases.get", "cases.get", "dispatcher-1", {"case_id": str(case)}) for (case,) in found.fetchall()]


def list_calls(connection) -> list[str]:
    return [executed("tickets.list", "tickets.list", LISTED, {"sort": "issued", "limit": "21"})] * (WARM + COUNTED)


CALLS = {"read": ("cases.get", read_calls), "list": ("tickets.list", list_calls), "transition": ("tickets.act", transition_calls),
         "intake": ("cases.create", intake_calls)}


def difference(few: Path, many: Path, inclusive: bool) -> dict[tuple[str, str], float]:
    """Of one call: what the second run had more."""
    before = costs(few, inclusive)
    return {key: (count - before.get(key, 0)) / COUNTED for key, count in costs(many, inclusive).items()}


def summed(counts: dict[tuple[str, str], float], part: int) -> dict[str, float]:
    """By function (0) or by object (1)."""
    found: dict[str, float] = {}
    for key, count in counts.items():
        found[key[part]] = found.get(key[part], 0) + count
    return found


def count_statement(cluster: Cluster, schema: str, statement: str, calls: list[str]) -> dict:
    """Two runs from the same data, one with more calls; both roll back."""
    called = statements()[statement]
    begin = ["SET TimeZone = 'Asia/Shanghai'", "SET plan_cache_mode = force_generic_plan", f"SET search_path = {schema}, whistled, public",
             "SET ROLE whistled", f"PREPARE s({', '.join(called.types)}) AS {prepared(called)}", "BEGIN"]
    dumps = cluster.postgres.folder / "few.out", cluster.postgres.folder / "many.out"
    for dump, n in zip(dumps, (WARM, WARM + COUNTED)):
        count_backend(cluster.postgres, DATABASE, [*begin, *calls[:n], "ROLLBACK"], dump)
    of, objects = summed(difference(*dumps, inclusive=True), 0), summed(difference(*dumps, inclusive=False), 1)
    whole, output = (total(dumps[1]) - total(dumps[0])) / COUNTED, of.get(OUTPUT, 0)
    return {"instructions": whole - output, "plpgsql": objects.get("plpgsql.so", 0),
            "steps": {title: sum(of.get(name, 0) for name in ([names] if isinstance(names, str) else names)) for title, names in STEPS.items()}}


def count_service(cluster: Cluster, operation: Operation, folder: Path) -> dict:
    """Of one request, by library."""
    service = CountedService(cluster.postgres, DATABASE, workers=1, test_clock=0, log_level="warning").start()
    target = type("Target", (), {"name": "whistled", "base": service.base, "process_id": service.process.pid, "log": service.log_text})
    try:
        fire(target, cluster, operation, folder, 0, SERVICE_S, f"profile-w-{operation.name}-", connections=1)
        service.dump()
        rest = replace(operation, rows=operation.rows[len(operation.rows) // 2:])
        requests = fire(target, cluster, rest, folder, 0, SERVICE_S, f"profile-{operation.name}-", connections=1)["good"]
        dump = service.dump()
        most = sorted(summed(costs(dump), 1).items(), key=lambda pair: -pair[1])[:8]
        return {"instructions": total(dump) / requests, "objects": {name: count / requests for name, count in most}}
    finally:
        service.stop()
        service.dumps.remove()


def http_alone(cluster: Cluster, folder: Path, plan: dict) -> dict:
    """A request that asks nothing of the database and waits for nothing."""
    operation = Operation("livez", "GET /livez", [step("livez", 200, "GET", "/livez", token_of("dispatcher-1"))])
    found = measure_target(Whistled(), cluster, {"livez": operation}, folder, plan, None, "http")["livez"]
    cluster.drop(DATABASE)
    return {"rate": found["rate"], "service_us": found["cpu_us"]["service"], "kernel_us": found["kernel_us"]["service"]}


def run(cluster: Cluster, operations: dict[str, Operation], folder: Path, plan: dict, say) -> dict:
    cluster.copy("loaded", DATABASE)
    found = {name: {"service": count_service(cluster, operations[name], folder)} for name in CALLS}
    cluster.copy("loaded", DATABASE)
    with cluster.owner(DATABASE) as connection:
        schema = connection.execute("SELECT current_schema()").fetchone()[0]
        calls = {name: make(connection) for name, (_, make) in CALLS.items()}
    cluster.postgres.stop()
    try:
        for name, (statement, _) in CALLS.items():
            found[name]["postgres"] = count_statement(cluster, schema, statement, calls[name])
            say(f"  {name}: {found[name]['service']['instructions'] / 1e3:.0f} thousand instructions of the service, "
                f"{found[name]['postgres']['instructions'] / 1e3:.0f} of PostgreSQL")
    finally:
        cluster.postgres.start()
    cluster.drop(DATABASE)
    return found
