"""Does a peer do the same? The same requests to it and to whistled: replies and the rows they leave must mean the same.

Reads go to both on one database, at the same time. Writes go to each in turn, on cases of its own; ids, numbers and times
differ then by their nature: ids are compared by the order in which they appear, times by how far they lie from the intake.
"""

import json
import re
import time
from datetime import datetime

import psycopg
import requests

from support import tokens

from .cluster import Cluster
from .scenarios import DESCRIPTION, LISTED, POOL_CATEGORY, readers, resident_token
from .stories import TENANT, token_of
from .targets import Peer

TOLERANCE_S = 5
SAMPLE = 200
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
NUMBER = re.compile(r"[A-Z]{2,4}\d{8}-\d{6}")
HEADERS = ("Content-Type", "Cache-Control", "Vary", "X-Content-Type-Options", "WWW-Authenticate", "Content-Language", "Idempotent-Replayed", "Retry-After")
TABLES = {
    "cases": ("id", "id"), "case_texts": ("case_id", "case_id"), "case_reporters": ("case_id", "n"), "case_history": ("case_id", "seq"),
    "outbox": ("case_id", "event_seq"), "tickets": ("case_id", "n"), "whistles": ("case_id", "blown_at"), "requests": ("case_id", "asked_at"),
    "checks": ("case_id", "at"), "ratings": ("case_id", "reporter"), "deadline_changes": ("case_id", "changed_at"), "breaches": ("case_id", "due"),
    "accountability": ("case_id", "found_at"), "supervisions": ("case_id", "raised_at"), "arrivals": ("case_id", "at"),
    "idempotency_keys": ("object_id", "operation"),
}
# The drainer moves its rows to the feed, at its own time.
DRAINED = """(SELECT tenant, case_id, event_seq, ticket_id, organisations, grid, at FROM outbox
    UNION ALL SELECT tenant, case_id, event_seq, ticket_id, organisations, grid, at FROM feed) AS outbox"""
# A sequence's value; a key of its own for each.
IGNORED = {("cases", "serial"), ("idempotency_keys", "key"), ("idempotency_keys", "fingerprint")}


class Differs(Exception):
    """A peer does not do the same."""


class Normal:
    """One side's values, as they compare with the other's."""

    def __init__(self, epoch: datetime | None = None):
        self.epoch, self.ids = epoch, {}

    def of(self, value):
        if isinstance(value, dict):
            return {name: self.of(inner) for name, inner in sorted(value.items()) if name != "instance"}
        if isinstance(value, (list, tuple)):
            return [self.of(inner) for inner in value]
        if isinstance(value, datetime):
            return self.moment(value)
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return float(value)
        return value if value is None or isinstance(value, bool) else self.text(str(value))

    def moment(self, value: datetime):
        return ("time", (value - self.epoch).total_seconds() if self.epoch else value.timestamp())

    def text(self, value: str):
        if MOMENT.fullmatch(value):
            return self.moment(datetime.fromisoformat(value.replace("Z", "+00:00")))
        if self.epoch is None:
            return value
        value = NUMBER.sub("NUMBER", value)
        return UUID.sub(lambda m: m[0] if m[0].startswith("01930000-") else self.ids.setdefault(m[0], f"id-{len(self.ids)}"), value)


def differences(a, b, path: str = "") -> list[str]:
    if isinstance(a, tuple) and isinstance(b, tuple):
        return [] if abs(a[1] - b[1]) <= TOLERANCE_S else [f"{path}: {a[1]} and {b[1]} s"]
    if isinstance(a, dict) and isinstance(b, dict):
        return [line for name in sorted(a.keys() | b.keys())
                for line in (differences(a[name], b[name], f"{path}/{name}") if name in a and name in b
                             else [f"{path}/{name}: only {'whistled' if name in a else 'the peer'} has it: {a.get(name, b.get(name))!r}"])]
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        return [line for i, (x, y) in enumerate(zip(a, b)) for line in differences(x, y, f"{path}/{i}")]
    if isinstance(a, float) and isinstance(b, float) and abs(a - b) < 1e-6:
        return []
    return [] if a == b else [f"{path}: {a!r} and {b!r}"]


class Side:
    """One service, spoken to as anybody."""

    def __init__(self, base: str):
        self.base, self.session = base, requests.Session()
        self.session.trust_env = False

    def call(self, method: str, path: str, token: str | None, body=None, **headers) -> requests.Response:
        sent = {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
        if token:
            sent["Authorization"] = f"Bearer {token}"
        if body is not None:
            sent["Content-Type"] = "application/json"
        data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        return self.session.request(method, self.base + path, data=data, headers=sent, timeout=30)


def shown(reply: requests.Response, normal: Normal) -> dict:
    """What a client sees, but for what differs by nature: request ids, and the hash behind a tag's version."""
    etag = reply.headers.get("ETag", "").strip('"').split(".")[0]
    headers = {name: (reply.headers.get(name) or "").split(", error_description")[0] for name in HEADERS}
    return {"status": reply.status_code, "version": etag, "headers": headers,
            "location": normal.of(reply.headers.get("Location")), "link": reply.headers.get("Link"), "body": normal.of(reply.json())}


def same(what: str, a: requests.Response, b: requests.Response, ours: Normal, theirs: Normal) -> None:
    if found := differences(shown(a, ours), shown(b, theirs)):
        raise Differs(f"{what}:\n  " + "\n  ".join(found[:12]) + f"\nwhistled: {a.status_code} {a.text[:600]}\npeer: {b.status_code} {b.text[:600]}")


def rows_of(connection: psycopg.Connection, case: str, epoch: datetime) -> dict:
    normal, found = Normal(epoch), {}
    for table, (key, order) in TABLES.items():
        rows = DRAINED if table == "outbox" else table
        cursor = connection.execute(f"SELECT * FROM {rows} WHERE {key} = %s ORDER BY {order}", (case,))
        names = [column.name for column in cursor.description]
        # What a text holds twice may stand twice among its grams.
        found[table] = [normal.of({name: sorted(set(value)) if name == "grams" else value for name, value in zip(names, row)
                                   if (table, name) not in IGNORED}) for row in cursor]
    return found


class Comparison:
    def __init__(self, peer: Peer, cluster: Cluster, database: str):
        self.ours, self.theirs = Side(peer.jobs.base), Side(peer.base)
        self.connection = cluster.owner(database)
        self.name = peer.name

    def read(self, path: str, token: str | None, what: str = "") -> None:
        a, b = (side.call("GET", path, token) for side in (self.ours, self.theirs))
        same(f"{self.name}: GET {path} {what}", a, b, Normal(), Normal())

    def reads(self) -> None:
        rows = readers(self.connection, SAMPLE)
        for case, token in rows:
            self.read(f"/v1/cases/{case}", token)
        for subject in ("dispatcher-1", "leader-secretary", "supervisor-1", "auditor-1", "grid-xf-01", "community-xf-1", "clerk-xf", "housing-1",
                        "fire-1", "citizen-1", "resident-1"):
            roles = {"auditor-1": ["auditor"], "clerk-xf": ["window_clerk"]}.get(subject)
            token = tokens.mint(subject, roles, TENANT) if roles else token_of(subject)
            for case, _ in rows[:60]:
                self.read(f"/v1/cases/{case}", token, subject)
        for subject in (LISTED, "sanitation-1", "fire-1", "urban-1", "health-1"):
            for query in ("", "?limit=20", "?limit=1", "?limit=200"):
                self.read(f"/v1/tickets{query}", token_of(subject), subject)

    def feed(self) -> None:
        """A cursor of ours is one of theirs: from the end nothing, from further back the same tickets."""
        token = token_of("sanitation-1")
        reply = self.ours.call("GET", "/v1/tickets?updated_after=2100-01-01T00:00:00Z", token)
        self.read(f"/v1/tickets?cursor={reply.json()['next_cursor']}", token)
        forged = reply.json()["next_cursor"][:-2] + "AA"
        a, b = (side.call("GET", f"/v1/tickets?cursor={forged}", token) for side in (self.ours, self.theirs))
        if (a.status_code, a.json()["code"]) != (b.status_code, b.json()["code"]):
            raise Differs(f"{self.name}: a forged cursor: {a.status_code} and {b.status_code} {b.text[:300]}")

    def refusals(self) -> None:
        case = self.connection.execute("SELECT id FROM cases WHERE state = 'closed' ORDER BY id LIMIT 1").fetchone()[0]
        path, stranger = f"/v1/cases/{case}", tokens.mint("nobody", ["dispatcher"], TENANT)
        dispatcher, grid = token_of("dispatcher-1"), token_of("grid-lm-01")
        body = {"description": "x", "kind": "problem", "category": "litter", "address": "y"}
        for what, method, target, token, sent, headers in (
            ("no token", "GET", path, None, None, {}),
            ("a forged token", "GET", path, dispatcher[:-4] + "AAAA", None, {}),
            ("an unknown person", "GET", path, stranger, None, {}),
            ("a role that may not", "POST", f"{path}/rate", token_of("housing-1"), {}, {"If_Match": '"1"'}),
            ("nothing there", "GET", "/v1/cases/01930000-0000-7000-8000-000000000000", dispatcher, None, {}),
            ("in English", "GET", "/v1/cases/01930000-0000-7000-8000-000000000000", dispatcher, None, {"Accept_Language": "en"}),
            ("without If-Match", "POST", f"{path}/accept", dispatcher, {}, {}),
            ("a stale version", "POST", f"{path}/accept", dispatcher, {}, {"If_Match": '"999"'}),
            ("a wrong state", "POST", f"{path}/accept", dispatcher, {}, {"If_Match": "*"}),
            ("an unknown category", "POST", "/v1/cases", token_of("citizen-1"), body | {"category": "no-such-thing"}, {}),
            ("no place", "POST", "/v1/cases", token_of("citizen-1"), {k: v for k, v in body.items() if k != "address"}, {}),
            ("fields wrong", "POST", "/v1/cases", token_of("citizen-1"), {"kind": "x", "description": "", "what": 1, "location": {"lon": 181}}, {}),
            ("no JSON", "POST", "/v1/cases", token_of("citizen-1"), b"{", {}),
            ("out of sight", "POST", f"{path}/accept", grid, {}, {"If_Match": "*"}),
        ):
            a, b = (side.call(method, target, token, sent, **headers) for side in (self.ours, self.theirs))
            for reply in (a, b):  # the order of a body's faults is nobody's promise
                if "errors" in reply.json():
                    reply.faults = sorted((f["pointer"], f["code"]) for f in reply.json()["errors"])
            if getattr(a, "faults", None) and a.faults == getattr(b, "faults", None) and a.status_code == b.status_code:
                continue
            same(f"{self.name}: {what}", a, b, Normal(), Normal())

    def story(self, side: Side, key: str, point: tuple[float, float], staff: bool) -> list:
        """The loop's requests with (what, reply, rows) after each; on the way, some that are refused."""
        lon, lat = point
        here, done = {"lon": lon, "lat": lat, "accuracy": 15}, []
        normal, case, epoch = None, None, None
        dispatcher, department, community = token_of("dispatcher-1"), token_of("sanitation-1"), token_of("community-xf-1")
        reporter = token_of("grid-xf-01") if staff else resident_token(7)
        body = {"description": DESCRIPTION, "title": "路面塌陷 Pothole", "kind": "problem", "category": POOL_CATEGORY, "location": {"lon": lon, "lat": lat},
                "address": "新风路12号门前", "reporter": {"name": "吕秀英", "phone": "13900000701", "contactable": True}, "tags": ["petition", "accident"]}

        def keep(what: str, reply: requests.Response) -> requests.Response:
            nonlocal normal, case, epoch
            if case is None and reply.status_code == 201:
                case, epoch = reply.json()["id"], datetime.fromisoformat(reply.json()["received_at"])
                normal = Normal(epoch)
            done.append((what, shown(reply, normal or Normal()), rows_of(self.connection, case, epoch) if case else {}))
            return reply

        def act(what: str, path: str, token: str, sent: dict, etag: str | None) -> str:
            return keep(what, side.call("POST", path, token, sent, If_Match=etag)).headers.get("ETag", "")

        etag = keep("create", side.call("POST", "/v1/cases", reporter, body, Idempotency_Key=key)).headers.get("ETag")
        if case is None:
            return done
        keep("create again", side.call("POST", "/v1/cases", reporter, body, Idempotency_Key=key))
        keep("key reused", side.call("POST", "/v1/cases", reporter, body | {"title": "x"}, Idempotency_Key=key))
        path = f"/v1/cases/{case}"
        etag = act("accept", f"{path}/accept", dispatcher, {"note": "已受理"}, etag)
        act("accept again", f"{path}/accept", dispatcher, {}, etag)
        act("level not allowed", f"{path}/register", token_of("grid-xf-01"), {"level": "complex"}, etag)
        etag = act("register", f"{path}/register", dispatcher, {"level": "complex"}, etag)
        wanted = [{"organisation": "sanitation", "role": "lead", "task": "清运垃圾"}, {"organisation": "fire", "role": "assist", "task": "现场配合"}]
        act("no lead", f"{path}/whistle", dispatcher, {"kind": "everyday", "tickets": wanted[1:]}, etag)
        act("unknown department", f"{path}/whistle", dispatcher, {"kind": "everyday", "tickets": [wanted[0] | {"organisation": "nobody"}]}, etag)
        whistled = keep("whistle", side.call("POST", f"{path}/whistle", dispatcher, {"kind": "everyday", "tickets": wanted}, If_Match=etag))
        tickets = [f"/v1/tickets/{t['id']}" for t in whistled.json().get("tickets", [])]
        for ticket, token in zip(tickets, (department, token_of("fire-1"))):
            act("not the department", f"{ticket}/sign", token_of("health-1"), {}, '"1"')
            etag = act("sign", f"{ticket}/sign", token, {}, '"1"')
            act("sign again", f"{ticket}/sign", token, {}, '"1"')
            if token == department:
                etag = act("contact", f"{ticket}/contact", token, {"note": "已联系"}, None)
            etag = act("report-in", f"{ticket}/report-in", token, {"point": here}, etag)
            etag = act("start", f"{ticket}/start", token, {"note": "开工"}, etag)
            if token == department:
                act("no reply", f"{ticket}/submit", token, {"result": "x"}, etag)
            etag = act("submit", f"{ticket}/submit", token, {"result": "已清运", "reply": "已处理", "cause_code": "ageing"}, etag)
        act("open tickets", f"{tickets[0]}/approve", dispatcher, {"rating": 5, "feedback": {}}, "*")
        act("approve", f"{tickets[1]}/approve", dispatcher, {"rating": 4, "note": "好"}, "*")
        act("approve with feedback", f"{tickets[0]}/approve", dispatcher, {"rating": 5, "feedback": {}}, etag and "*")
        etag = keep("reread", side.call("GET", path, community)).headers.get("ETag")
        act("too far", f"{path}/check", community, {"pass": True, "point": here | {"lon": lon + 0.02}}, etag)
        etag = act("check", f"{path}/check", community, {"pass": True, "point": here}, etag)
        if not staff:
            etag = act("rate", f"{path}/rate", reporter, {"contacted": True, "solved": "yes", "satisfied": 5, "comment": "好"}, etag)
            act("rate again", f"{path}/rate", reporter, {"contacted": True, "solved": "yes", "satisfied": 5}, etag)
        else:
            self.ours.call("POST", f"{path}/callback", token_of("supervisor-1"),
                           {"reached": True, "contacted": True, "solved": "yes", "satisfied": 5}, If_Match=etag)
        return done

    def quiet_place(self, north: bool) -> tuple[float, float]:
        """In the corner of a grid, where nobody has reported anything."""
        lon, lat = self.connection.execute(
            "SELECT ST_X(ST_Centroid(geometry)), ST_Y(ST_Centroid(geometry)) FROM areas WHERE code = 'XF-01'").fetchone()
        return round(lon + 0.0034, 6), round(lat + (0.0036 if north else -0.0036), 6)

    def writes(self) -> None:
        """At one place, one after the other: the first case has ended when the second comes, so that it is no duplicate."""
        for staff in (False, True):
            point = self.quiet_place(north=not staff)
            told = [self.story(side, f"compare-{self.name}-{n}-{staff}-{time.time()}", point, staff) for n, side in enumerate((self.ours, self.theirs))]
            if len(told[0]) < 20:
                raise Differs(f"whistled itself refused: {told[0]}")
            for (what, ours, our_rows), (_, theirs, their_rows) in zip(*told):
                for part, a, b in (("reply", ours, theirs), ("rows", our_rows, their_rows)):
                    if found := differences(a, b):
                        raise Differs(f"{self.name}: {what}, {part}:\n  " + "\n  ".join(found[:12]) + f"\n  {str(theirs)[:1200]}")

    def duplicates(self) -> None:
        """Reports of one thing: each is told of those before. Where there are many that would be any twenty of them."""
        lon, lat = self.quiet_place(north=True)
        body = {"description": "x", "kind": "problem", "category": POOL_CATEGORY, "location": {"lon": lon, "lat": lat}}
        made = [side.call("POST", "/v1/cases", token_of("dispatcher-1"), body).json() for side in (self.ours, self.ours, self.theirs)]
        wanted = {"count": 2, "ids": [made[1]["id"], made[0]["id"]]}
        if made[2]["duplicates"] != wanted:
            raise Differs(f"{self.name}: duplicates: {made[2]['duplicates']} instead of {wanted}")

    def all(self) -> None:
        self.reads()
        self.feed()
        self.refusals()
        self.writes()
        self.duplicates()
        self.connection.close()

