"""The limit: pgbench with the very statements that the service prepares, so that nothing but PostgreSQL is measured.

The statements come from db/queries by the contract's compiler; parameters are bound by name. What pgbench cannot make is said
in SQL: a UUID, a key of its own for each request, NULL. A ticket's id, which a client has from the reply before, is read by
one extra statement for each ticket.
"""

import functools
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from support.contract import ROOT

from .accounting import Meter
from .cluster import Cluster, pgbench
from .scenarios import INTAKE_CATEGORIES, LISTED, DESCRIPTION, WRITES, points
from .stories import TENANT, role_of
from .street import POOL_CATEGORY, POOL_VERSION

CLIENTS = (2, 4, 8, 16, 32)
WARM_S = 1
GROUP = 32  # requests that the service writes, or reads, with one Sync at most
READ_CASES = 10_000
KEY = "'k' || :client_id || '-' || :r1 || '-' || :r2"
FINGERPRINT = "repeat('0', 64)"
RANDOM = "\\set r1 random(1, 1000000000)\n\\set r2 random(1, 1000000000)\n"


@functools.cache
def contract_roles() -> dict[str, list[str]]:
    """x-roles by operation."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    document = yaml.load((ROOT / "openapi.yaml").read_text(encoding="utf-8"), loader)
    return {operation["operationId"]: operation["x-roles"] for path in document["paths"].values()
            for operation in path.values() if isinstance(operation, dict) and "operationId" in operation}


def quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def caller(operation: str, subject: str, roles: dict) -> dict[str, str]:
    """The parameters that say who calls."""
    return {"tenant": TENANT, "actor": subject, "roles": "{%s}" % role_of(subject), "op_roles": "{%s}" % ",".join(roles[operation])}


@dataclass
class Script:
    """pgbench's text, and the variables that it is given."""

    text: str = ""
    variables: dict[str, str] = field(default_factory=dict)
    json: bool = False  # PostgreSQL writes each row as JSON

    def call(self, name: str, statement: str, operation: str, subject: str, roles: dict, given: dict, keep: str = "") -> "Script":
        """One call of a statement of the contract; what is not given is NULL. `keep`: the prefix of the variables of its row."""
        known, called = caller(operation, subject, roles) | given, statements()[statement]

        def bound(match: re.Match) -> str:
            word, kind = called.parameters[int(match[1]) - 1], called.types[int(match[1]) - 1]
            value = known.get(word)
            if value is None:
                # A parameter as for the service, so that the plan does not know that there is none.
                self.variables["null"] = "-"
                return f"nullif(:null, '-')::{kind}"
            if value.startswith("="):
                return value[1:]
            self.variables[f"{name}_{word}"] = value
            return f":{name}_{word}::{kind}"

        if self.json:
            sql = f"SELECT {'q.id, ' if keep else ''}row_to_json(q) AS document FROM (\n{called.sql}\n) AS q"
        else:
            sql = called.sql if keep else prepared(called)
        self.text += re.sub(r"\$(\d+)", bound, sql) + (f" \\gset {keep}\n" if keep else ";\n")
        return self


def prepared(statement) -> str:
    """As the service does it on one node."""
    return statement.packed or statement.sql


@functools.cache
def statements() -> dict:
    """As the contract's compiler makes them: text with $n, the names of the parameters, their types."""
    sys.path.insert(0, str(ROOT / "api" / "contract"))
    from compile import load
    from document import Faults

    faults = Faults()
    contract, _, _ = load(ROOT, "bench", faults)
    if faults.sentences:
        raise RuntimeError("\n".join(faults.sentences))
    return {statement.name: statement for statement in contract.statements}


def created(script: Script, roles: dict, category: str, name: str = "create", keep: str = "") -> Script:
    body = ("jsonb_build_object('description', %s, 'title', '新风路路面塌陷', 'kind', 'problem', 'category', %s, "
            "'location', jsonb_build_object('lon', :lon::float8 / 1e6, 'lat', :lat::float8 / 1e6), 'address', '新风路12号门前，湖畔饺子馆对面', "
            "'reporter', jsonb_build_object('name', '吕秀英', 'phone', '13900000701', 'contactable', true))")
    return script.call(name, "cases.create", "cases.create", "resident-1", roles, {
        "id": "=uuid7()", "idempotency_key": "=" + KEY, "fingerprint": "=" + FINGERPRINT,
        "body": "=" + body % (quoted(DESCRIPTION), quoted(category))}, keep)


def act(script: Script, roles: dict, kind: str, action: str, subject: str, object_id: str, body: dict, keep: str = "") -> Script:
    """The caller's If-Match is the version that the last reply had; pgbench does not carry it, so the version is not compared."""
    words = action.replace("-", "_")
    return script.call(words, f"{kind}s.act", f"{kind}s.{words}", subject, roles,
                       {"action": words, f"{kind}_id": "=" + object_id, "body": json.dumps(body, ensure_ascii=False)}, keep)


def department_steps(point: dict) -> list[tuple[str, dict]]:
    return [("sign", {}), ("contact", {"note": "已电话联系反映人"}), ("report-in", {"point": point | {"accuracy": 20}}), ("start", {}),
            ("submit", {"result": "级配碎石回填压实，沥青罩面", "reply": "路面已修复，可正常通行。", "cause_code": "ageing"})]


def department(script: Script, roles: dict, ticket: str, point: dict) -> Script:
    for action, body in department_steps(point):
        act(script, roles, "ticket", action, "sanitation-1", ticket, body)
    return script


def where(lon: float, lat: float) -> str:
    return RANDOM + f"\\set lon {round(lon * 1e6)} + random(-3000, 3000)\n\\set lat {round(lat * 1e6)} + random(-3000, 3000)\n"


def read_scripts(connection, roles: dict, as_json: bool) -> list[Script]:
    """pgbench cannot choose from a list of ids, so the case is looked up within the statement."""
    connection.execute("CREATE TABLE IF NOT EXISTS bench_cases (n integer PRIMARY KEY, id uuid NOT NULL)")
    connection.execute(
        """INSERT INTO bench_cases SELECT row_number() OVER (ORDER BY md5(id::text)), id FROM cases
        WHERE tenant = %s AND policy_version <> %s ORDER BY md5(id::text) LIMIT %s ON CONFLICT DO NOTHING""",
        (TENANT, POOL_VERSION, READ_CASES))
    most = connection.execute("SELECT max(n) FROM bench_cases").fetchone()[0]
    connection.execute("GRANT SELECT ON bench_cases TO whistled; ANALYZE bench_cases")
    script = Script(f"\\set n random(1, {most})\n", json=as_json)
    return [script.call("get", "cases.get", "cases.get", "dispatcher-1", roles, {"case_id": "=(SELECT b.id FROM bench_cases b WHERE b.n = :n)"})]


def list_script(roles: dict, as_json: bool, **given) -> list[Script]:
    return [Script(json=as_json).call("list", "tickets.list", "tickets.list", LISTED, roles, {"sort": "issued", "limit": "21"} | given)]


def transition_scripts(connection, roles: dict, as_json: bool) -> list[Script]:
    connection.execute("CREATE SEQUENCE bench_ticket; GRANT USAGE ON SEQUENCE bench_ticket TO whistled")
    connection.execute(
        """CREATE TABLE bench_pool AS SELECT row_number() OVER (ORDER BY md5(t.id::text)) AS n, t.id
        FROM tickets t JOIN cases c ON c.tenant = t.tenant AND c.id = t.case_id
        WHERE c.tenant = %s AND c.policy_version = %s AND t.state = 'issued'""", (TENANT, POOL_VERSION))
    connection.execute("ALTER TABLE bench_pool ADD PRIMARY KEY (n); GRANT SELECT ON bench_pool TO whistled")
    lon, lat = points(connection, 1)[0]
    script = Script("SELECT id FROM bench_pool WHERE n = (SELECT nextval('bench_ticket')) \\gset\n", json=as_json)
    return [department(script, roles, ":id", {"lon": lon, "lat": lat})]


def loop_scripts(connection, roles: dict, as_json: bool) -> list[Script]:
    made = []
    for lon, lat in points(connection, 10):
        grid = connection.execute("SELECT grid_at(%s, ST_SetSRID(ST_MakePoint(%s, %s), 4326))", (TENANT, lon, lat)).fetchone()[0]
        community, here = f"community-{grid[:2].lower()}-1", {"lon": lon, "lat": lat, "accuracy": 15}
        script = created(Script(f"{RANDOM}\\set lon {round(lon * 1e6)} + random(-300, 300)\n\\set lat {round(lat * 1e6)} + random(-300, 300)\n", json=as_json),
                         roles, POOL_CATEGORY, keep="c_")
        act(script, roles, "case", "accept", "dispatcher-1", ":c_id", {})
        act(script, roles, "case", "register", "dispatcher-1", ":c_id", {"level": "complex"})
        act(script, roles, "case", "whistle", "dispatcher-1", ":c_id", {"kind": "everyday", "tickets": [
            {"organisation": "sanitation", "role": "lead", "task": "清运垃圾，向反映人说明处理情况"}]})
        script.text += f"SELECT id FROM tickets WHERE tenant = '{TENANT}' AND case_id = :c_id \\gset t_\n"
        department(script, roles, ":t_id", {"lon": lon, "lat": lat})
        act(script, roles, "ticket", "approve", "dispatcher-1", ":t_id", {"rating": 5, "feedback": {}})
        script.call("get", "cases.get", "cases.get", community, roles, {"case_id": "=:c_id"})
        act(script, roles, "case", "check", community, ":c_id", {"pass": True, "point": here})
        made.append(act(script, roles, "case", "rate", "resident-1", ":c_id",
                        {"contacted": True, "solved": "yes", "satisfied": 5, "comment": "当天就修好了"}))
    return made


def scripts_of(name: str, connection, as_json: bool = False) -> tuple[list[Script], int]:
    """With the number of requests that one run of a script stands for."""
    roles = contract_roles()
    if name == "read":
        return read_scripts(connection, roles, as_json), 1
    if name == "list":
        return list_script(roles, as_json), 1
    if name == "pull":
        last = connection.execute("SELECT last_position FROM feed_positions WHERE tenant = %s", (TENANT,)).fetchone()[0]
        return list_script(roles, as_json, cursor=f"feed|{last}"), 1
    if name == "transition":
        return transition_scripts(connection, roles, as_json), 5
    if name == "loop":
        return loop_scripts(connection, roles, as_json), 13
    return [created(Script(where(lon, lat), json=as_json), roles, category)
            for (lon, lat), category in zip(points(connection, len(INTAKE_CATEGORIES)), INTAKE_CATEGORIES)], 1


def grouped(script: Script, requests: int) -> Script:
    """As many runs of it in one transaction as make a group."""
    return replace(script, text="BEGIN;\n" + script.text * (GROUP // requests) + "COMMIT;\n")


def write_scripts(folder: Path, scripts: list[Script]) -> list[str]:
    """A variable has one value in a run of pgbench: each script gets names of its own."""
    words: list[str] = []
    for n, script in enumerate(scripts):
        own = "|".join(map(re.escape, script.variables)) or "(?!)"
        (folder / f"{n}.sql").write_text(re.sub(rf":({own})\b", rf":s{n}_\1", script.text))
        words += ["-f", str(folder / f"{n}.sql")]
        for name, value in script.variables.items():
            words += ["-D", f"s{n}_{name}={value}"]
    return words


PROGRESS = re.compile(r"^progress: ([0-9.]+) s, ([0-9.]+) tps, lat ([0-9.]+) ms", re.MULTILINE)
FAILED = re.compile(r"(?:error|ERROR|aborted|FATAL)[^\n]*")


def run_pgbench(cluster: Cluster, database: str, schema: str, scripts: list[Script], clients: int, warm_s: float, run_s: float) -> dict:
    """With the service's settings of a session. Each connection makes its plans first: those seconds do not count, as for a service."""
    warm, seconds = max(1, round(warm_s)), max(1, round(run_s))
    with tempfile.TemporaryDirectory(prefix="whistled-limit-") as folder:
        options = f"-c search_path={schema},whistled,public -c TimeZone=Asia/Shanghai -c jit=off -c plan_cache_mode=force_generic_plan"
        command = [str(pgbench()), "-n", "-M", "prepared", "-c", str(clients), "-j", "2", "-T", str(warm + seconds), "-P", "1",
                   *write_scripts(Path(folder), scripts),
                   cluster.postgres.url("whistled", database) + "&options=" + options.replace(" ", "%20").replace("=", "%3D")]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        time.sleep(warm)
        meter = Meter({"postgres": cluster.process_id})
        meter.start()
        out, err = process.communicate(timeout=warm + seconds + 120)
        used = meter.stop()
    ticks = [(float(at), float(tps), float(ms)) for at, tps, ms in PROGRESS.findall(err)]
    counted = [tick for tick in ticks if tick[0] > warm + 0.5] or ticks[-1:]
    if process.returncode != 0 or FAILED.search(err) or not counted:
        raise RuntimeError(f"pgbench: {err[-2000:]}")
    tps = statistics.mean(tps for _, tps, _ in counted)
    return {"tps": tps, "latency_ms": statistics.mean(ms for *_, ms in counted), "postgres_s": used["postgres"] / meter.seconds,
            "transactions": int(re.search(r"actually processed: (\d+)", out)[1])}


def best_clients(cluster: Cluster, database: str, seconds: float) -> int:
    """By intake, which suffers most from too few and too many."""
    with cluster.owner(database) as connection:
        schema = connection.execute("SELECT current_schema()").fetchone()[0]
        scripts, _ = scripts_of("intake", connection)
    rates = {clients: run_pgbench(cluster, database, schema, scripts, clients, WARM_S, seconds)["tps"] for clients in CLIENTS}
    return max(rates, key=rates.get)


def measure(cluster: Cluster, database: str, name: str, clients: int, plan: dict, as_json: bool = False, in_groups: bool = False) -> dict:
    with cluster.owner(database) as connection:
        schema = connection.execute("SELECT current_schema()").fetchone()[0]
        scripts, requests = scripts_of(name, connection, as_json)
        if in_groups:
            scripts, requests = [grouped(script, requests) for script in scripts], requests * (GROUP // requests)
        before = connection.execute("SELECT count(*) FROM case_history").fetchone()[0]
    found = run_pgbench(cluster, database, schema, scripts, clients, plan["warm_s"] + WARM_S, plan["run_s"])
    with cluster.owner(database) as connection:
        written = connection.execute("SELECT count(*) FROM case_history").fetchone()[0] - before
    # A refusal is a row like any other: that something was done is seen in what it left.
    if name in WRITES and written < found["transactions"] * requests:
        raise RuntimeError(f"pgbench, {name}: {written} events of {found['transactions']} runs with {requests} requests each")
    return {"rate": found["tps"] * requests, "cpu_us": {"postgres": 1e6 * found["postgres_s"] / (found["tps"] * requests)},
            "latency": {"mean_us": found["latency_ms"] * 1000 / requests}, "clients": clients}
