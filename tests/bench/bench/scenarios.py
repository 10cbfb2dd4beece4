"""What is measured: the requests of each operation, for the load generator, with rows that vary them."""

import json
import random
from dataclasses import dataclass, field
from pathlib import Path

import requests

from support import tokens

from .cluster import Cluster
from .multiply import CITIZENS
from .stories import GRIDS, TENANT, centres, token_of
from .street import POOL_CATEGORY, POOL_VERSION

LISTED = "housing-1"  # whose tickets are listed
POINT_DEGREES = 0.003  # a report lies so near to the middle of its grid
INTAKE_CATEGORIES = ("street-lamp", "pothole", "manhole", "street-stall", "road-dirt", "illegal-parking", "no-water", "pruning")
DESCRIPTION = "新风路12号门前路面塌了一个坑，直径约半米，早晚高峰电动车多，怕有人摔倒，请尽快派人处理。"
READERS = (("dispatcher-1", 4), ("resident", 2), ("grid", 2), ("department", 2))


@dataclass
class Operation:
    """`requests` is how many of them one iteration has; `once`: each row serves one iteration and no second."""

    name: str
    title: str
    steps: list[str]
    rows: list[tuple] = field(default_factory=list)
    once: bool = False

    def write(self, folder: Path) -> tuple[Path, Path | None]:
        scenario, rows = folder / f"{self.name}.scenario", folder / f"{self.name}.rows"
        scenario.write_text("\n".join(self.steps) + "\n")
        if not self.rows:
            return scenario, None
        rows.write_text("\n".join("\t".join(map(str, row)) for row in self.rows) + "\n")
        return scenario, rows


def step(name: str, status: int, method: str, path: str, token: str, body=None, takes=(), **headers) -> str:
    lines = [f"step {name} {status}", f"line {method} {path} HTTP/1.1", f"line Authorization: Bearer {token}"]
    lines += [f"line {header.replace('_', '-')}: {value}" for header, value in headers.items()]
    if body is not None:
        text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
        lines += ["line Content-Type: application/json", f"body {text}"]
    return "\n".join(lines + [f"take {take}" for take in takes])


def resident_token(n: int) -> str:
    return tokens.mint(f"resident-{n}", ["citizen"], TENANT)


def points(connection, n: int, seed: int = 5341) -> list[tuple]:
    """Places all over the street: longitude, latitude."""
    chance, where = random.Random(seed), centres(connection)
    found = []
    for i in range(n):
        lon, lat = where[GRIDS[i % len(GRIDS)]]
        found.append((round(lon + chance.uniform(-1, 1) * POINT_DEGREES, 6), round(lat + chance.uniform(-1, 1) * POINT_DEGREES, 6)))
    return found


def report_body(category: str) -> str:
    """Its point are the row's first columns."""
    return ('{"description": "%s", "title": "新风路路面塌陷", "kind": "problem", "category": "%s", '
            '"location": {"lon": ${1}, "lat": ${2}}, "address": "新风路12号门前，湖畔饺子馆对面", '
            '"reporter": {"name": "吕秀英", "phone": "13900000701", "contactable": true}}') % (DESCRIPTION, category)


def intake(connection) -> Operation:
    rows = [(lon, lat, INTAKE_CATEGORIES[i % len(INTAKE_CATEGORIES)], resident_token(1 + i % CITIZENS))
            for i, (lon, lat) in enumerate(points(connection, 4000))]
    create = step("create", 201, "POST", "/v1/cases", "${4}", report_body("${3}"), Idempotency_Key="${n}")
    return Operation("intake", "Intake: POST /v1/cases with Idempotency-Key", [create], rows)


def readers(connection, n: int) -> list[tuple]:
    """Cases of the street, each with somebody who sees it: dispatcher, its resident, its grid worker, its department."""
    found = connection.execute(
        """SELECT c.id, c.area, p.subject, c.lead_org FROM cases c LEFT JOIN people p ON p.tenant = c.tenant AND p.id = c.reporters[1]
        WHERE c.tenant = %s AND c.policy_version <> %s ORDER BY md5(c.id::text) LIMIT %s""", (TENANT, POOL_VERSION, n)).fetchall()
    people = dict(connection.execute(
        """SELECT DISTINCT ON (organisation_code) organisation_code, subject FROM people
        WHERE 'department' = ANY (roles) ORDER BY organisation_code, subject"""))
    wheel = [kind for kind, share in READERS for _ in range(share)]
    rows, known = [], {}
    for i, (case, area, resident, lead) in enumerate(found):
        subject = {"resident": resident, "grid": area and f"grid-{area.lower()}", "department": people.get(lead)}.get(
            wheel[i % len(wheel)]) or "dispatcher-1"
        if subject not in known:
            known[subject] = tokens.mint(subject, ["citizen"], TENANT) if subject == resident else token_of(subject)
        rows.append((case, known[subject]))
    return rows


def read(connection) -> Operation:
    get = step("get", 200, "GET", "/v1/cases/${1}", "${2}")
    return Operation("read", "Read one case: GET /v1/cases/{case_id}", [get], readers(connection, 10000))


def listing() -> Operation:
    get = step("list", 200, "GET", "/v1/tickets?limit=20", token_of(LISTED))
    return Operation("list", "List 20 tickets of a department, newest: GET /v1/tickets", [get])


def pull(base: str) -> Operation:
    """The cursor is where the feed ends; it is sealed with a key of the database, so that any copy and any peer takes it."""
    token, session, cursor, before = token_of(LISTED), requests.Session(), None, ""
    session.trust_env = False
    while cursor != before:  # a page looks at so much of the feed and no more
        before, where = cursor, {"cursor": cursor} if cursor else {"updated_after": "2100-01-01T00:00:00Z"}
        reply = session.get(base + "/v1/tickets", params=where, headers={"Authorization": f"Bearer {token}"}, timeout=30)
        reply.raise_for_status()
        cursor = reply.json()["next_cursor"]
    get = step("pull", 200, "GET", f"/v1/tickets?cursor={cursor}", token)
    return Operation("pull", "Pull, nothing new: GET /v1/tickets?cursor=…", [get])


def ticket_step(action: str, token: str, body, etag: str = "${etag}") -> str:
    headers = {"If_Match": etag} if action != "contact" else {}
    return step(action, 200, "POST", f"/v1/tickets/${{ticket}}/{action}", token, body, ["etag header ETag"], **headers)


def department_steps(token: str) -> list[str]:
    at = '{"point": {"lon": ${1}, "lat": ${2}, "accuracy": 20}}'
    return [
        ticket_step("sign", token, {}, '"1"'),
        ticket_step("contact", token, {"note": "已电话联系反映人"}),
        ticket_step("report-in", token, at),
        ticket_step("start", token, {}),
        ticket_step("submit", token, {"result": "级配碎石回填压实，沥青罩面", "reply": "路面已修复，可正常通行。", "cause_code": "ageing"}),
    ]


def transitions(connection) -> Operation:
    rows = connection.execute(
        """SELECT ST_X(c.point), ST_Y(c.point), t.id FROM tickets t JOIN cases c ON c.tenant = t.tenant AND c.id = t.case_id
        WHERE c.tenant = %s AND c.policy_version = %s AND t.state = 'issued' ORDER BY md5(t.id::text)""",
        (TENANT, POOL_VERSION)).fetchall()
    steps = [text.replace("${ticket}", "${3}") for text in department_steps(token_of("sanitation-1"))]
    return Operation("transition", "Ticket transitions: sign, contact, report-in, start, submit", steps, rows, once=True)


def whole_loop(connection) -> Operation:
    """Category with somebody on scene and no photo; the community reads the case before it checks, for its ETag."""
    path, etag = "/v1/cases/${case}", ["etag header ETag"]
    dispatcher, community = token_of("dispatcher-1"), {grid: token_of(f"community-{grid[:2].lower()}-1") for grid in GRIDS}
    rows = [(lon, lat, community[GRIDS[i % len(GRIDS)]], resident_token(1 + i % CITIZENS))
            for i, (lon, lat) in enumerate(points(connection, 4000, seed=12273))]
    tickets = [{"organisation": "sanitation", "role": "lead", "task": "清运垃圾，向反映人说明处理情况"}]
    here = '"point": {"lon": ${1}, "lat": ${2}, "accuracy": 15}'
    steps = [
        step("create", 201, "POST", "/v1/cases", "${4}", report_body(POOL_CATEGORY), ['case text "id":"', *etag], Idempotency_Key="${n}"),
        step("accept", 200, "POST", path + "/accept", dispatcher, {}, etag, If_Match="${etag}"),
        step("register", 200, "POST", path + "/register", dispatcher, {"level": "complex"}, etag, If_Match="${etag}"),
        step("whistle", 200, "POST", path + "/whistle", dispatcher, {"kind": "everyday", "tickets": tickets},
             ['ticket text "tickets":[{"id":"'], If_Match="${etag}"),
        *department_steps(token_of("sanitation-1")),
        ticket_step("approve", dispatcher, {"rating": 5, "feedback": {}}),
        step("reread", 200, "GET", path, "${3}", None, etag),
        step("check", 200, "POST", path + "/check", "${3}", '{"pass": true, ' + here + "}", etag, If_Match="${etag}"),
        step("rate", 200, "POST", path + "/rate", "${4}",
             {"contacted": True, "solved": "yes", "satisfied": 5, "comment": "当天就修好了"}, etag, If_Match="${etag}"),
    ]
    return Operation("loop", "The whole closed loop, 13 requests", steps, rows)


READS, WRITES = ("read", "list", "pull"), ("transition", "loop", "intake")
ORDER = READS + WRITES


def all_operations(cluster: Cluster, database: str, base: str) -> dict[str, Operation]:
    """In the order in which they are measured: reads before what writes."""
    with cluster.owner(database) as connection:
        made = [read(connection), listing(), pull(base), transitions(connection), whole_loop(connection), intake(connection)]
    return {operation.name: operation for operation in made}
