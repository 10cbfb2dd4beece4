"""The machines without a service around them: their procedures called as the statements call them."""

import itertools
import uuid
from datetime import datetime

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from .scans import Scans
from .world import GRIDS, PEOPLE, Clock, Street, build_world, person_uuid, place_uuid

ROLES = ["citizen", "client", "grid_worker", "community", "window_clerk", "dispatcher", "leader", "department", "property",
         "supervisor", "auditor", "admin"]
HERE = Street.point("XF-01")
TABLES = {"case": "cases", "ticket": "tickets", "request": "requests", "hazard": "hazards"}

_streets = itertools.count(1)


class Row(dict):
    """A reply, or a stored row; `code` is that of a refusal."""

    @property
    def code(self):
        return self.get("_code")

    @property
    def pointer(self):
        return self.get("_pointer")


class Machine:
    """One street of its own: people, categories, a clock, and every door of the machines."""

    point = HERE

    def __init__(self, connection: psycopg.Connection, url: str):
        self.tenant = f"machine-{next(_streets)}"
        build_world(url, self.tenant)
        self.clock = Clock()
        self.next_id = uuid.uuid4  # of a case
        self.cursor, self.scans = connection.cursor(row_factory=dict_row), Scans(connection)
        connection.execute("SET enable_seqscan = off")  # where one stays there is no index

    def all(self, sql: str, *values) -> list[Row]:
        return [Row(row) for row in self.cursor.execute(sql, values).fetchall()]

    def one(self, sql: str, *values) -> Row | None:
        rows = self.all(sql, *values)
        return rows[0] if rows else None

    def call(self, procedure: str, subject: str, *values) -> Row:
        values = [self.tenant, subject, PEOPLE[subject][1], ROLES, None, None, *values]
        with self.scans.found() as scanned:
            shown = ", (r.shown).*" if procedure in ("hazard_create", "hazard_get", "hazard_act") else ""
            row = self.one(f"SELECT r.*{shown} FROM {procedure}({', '.join(['%s'] * len(values))}) AS r", *values)
        assert not scanned, f"{procedure} of {values[6:]} scans {', '.join(scanned)}"
        return row

    def act(self, machine: str, subject: str, action: str, thing, /, stale: bool = False, **body) -> Row:
        """An action on a case, ticket or request, with the version it has now."""
        version = self.one(f"SELECT version FROM {TABLES[machine]} WHERE id = %s", thing["id"])["version"]
        return self.call(f"{machine}_act", subject, action, None, None, [version - 1 if stale else version], self.clock.now,
                         thing["id"], Jsonb(body))

    def case(self, subject: str, action: str, case, /, **body) -> Row:
        return self.act("case", subject, action, case, **body)

    def ticket(self, subject: str, action: str, ticket, /, **body) -> Row:
        return self.act("ticket", subject, action, ticket, **body)

    def decide(self, subject: str, action: str, request, /, **body) -> Row:
        return self.act("request", subject, action, request, **body)

    def ask(self, subject: str, about: str, thing, /, **body) -> Row:
        return self.call("request_ask", subject, about, None, None, self.clock.now, thing["id"],
                         Jsonb({"reason": "r"} | body))

    def create(self, subject: str = "citizen", at: str | None = "XF-01", **more) -> Row:
        body = {"description": "Something is in the way", "kind": "problem", "category": "pothole"}
        if at:
            lon, lat = GRIDS[at]
            body["location"] = {"lon": lon + 0.005, "lat": lat + 0.005}
        return self.call("case_create", subject, self.next_id(), None, None, self.clock.now, Jsonb(body | more))

    def found(self, place: str, same_day: bool = False, by: str = "grid1", **more) -> Row:
        """A hazard."""
        body = {"place_id": place_uuid(self.tenant, place), "category": "litter", "description": "d", "same_day_fixable": same_day}
        return self.call("hazard_create", by, uuid.uuid4(), None, None, self.clock.now, Jsonb(body | more))

    def hazard(self, subject: str, action: str, hazard, /, **body) -> Row:
        return self.act("hazard", subject, action, hazard, **body)

    def ledger(self, hazard) -> Row:
        return self.one("SELECT * FROM hazards WHERE id = %s", hazard["id"])

    def picture(self, subject: str) -> str:
        """Uploaded, hanging nowhere."""
        found = {"content_type": "image/png", "size": 68, "sha256": "00" * 32, "width": 1, "height": 1}
        return str(self.call("attachment_create", subject, uuid.uuid4(), Jsonb(found), None, None, self.clock.now)["id"])

    def tick(self, **how) -> int:
        """Time passes, then the clock job looks at this street until nothing is left."""
        self.clock.forward(**how)
        moved = 0
        for _ in range(1000):
            count = self.one("SELECT tenant_ticked(%s, %s, 100) AS n", self.tenant, self.clock.now)["n"]
            if not count:
                return moved
            moved += count
        raise AssertionError("the clock job always finds something to do")

    def stored(self, case) -> Row:
        return self.one("SELECT * FROM cases WHERE id = %s", case["id"])

    def tickets(self, case) -> list[Row]:
        return self.all("SELECT * FROM tickets WHERE case_id = %s ORDER BY n", case["id"])

    def events(self, case) -> list[Row]:
        return self.all("SELECT * FROM case_history WHERE case_id = %s ORDER BY seq", case["id"])

    def pending(self, case, kind: str) -> Row | None:
        return self.one("SELECT * FROM requests WHERE case_id = %s AND kind = %s AND state = 'pending'", case["id"], kind)

    def breaches(self, case) -> dict:
        rows = self.all("SELECT * FROM breaches WHERE case_id = %s", case["id"])
        return {(row["clock"], row["run"]): (row["due"], row["breached_at"]) for row in rows}

    def person(self, subject: str) -> str:
        return person_uuid(self.tenant, subject)

    def audit(self) -> list[Row]:
        return self.all("SELECT * FROM audit_objects(%s)", self.tenant)

    def count(self) -> None:
        """What happened has its place in the feed and is counted in the figures."""
        counted = """SELECT feed_last(%s) = coalesce((SELECT position FROM figure_positions WHERE tenant = %s), 0)
            AND NOT EXISTS (SELECT FROM outbox WHERE tenant = %s AND position IS NULL) AS all"""
        # The service's own jobs do the same, and one of both at a time.
        while not self.one(counted, *[self.tenant] * 3)["all"]:
            self.one("SELECT outbox_drain_tenant(%s, 1000), stats_tenant_ticked(%s, 100)", self.tenant, self.tenant)

    def miscounted(self) -> list[Row]:
        """Where the figures differ from what the base tables say."""
        self.count()
        return self.all("SELECT * FROM stats_differences(%s)", self.tenant)


def done(reply: Row) -> Row:
    assert reply.code is None, (reply.code, reply.pointer, reply.get("_detail"))
    return reply


def refused(reply: Row, code: str, pointer: str | None = None) -> Row:
    assert (reply.code, pointer and reply.pointer) == (code, pointer), (reply.code, reply.pointer)
    return reply


# Steps that stories share.


def registered(m: Machine, level: str = "complex", **more) -> Row:
    case = done(m.create(**more))
    done(m.case("dispatcher", "accept", case))
    return done(m.case("dispatcher", "register", case, level=level))


def at_source(m: Machine, until: str = "checking") -> Row:
    """Of grid worker one, from intake to that state."""
    case = done(m.create(category="litter"))
    for state, action, body in (("accepted", "accept", {}), ("registered", "register", {"level": "ordinary"}),
                                ("source_handling", "start_source", {}),
                                ("checking", "source_done", {"result": "r", "reply": "p"})):
        case = done(m.case("grid1", action, case, **body))
        if state == until:
            break
    return case


def tickets_for(*organisations) -> list[dict]:
    return [{"organisation": o, "role": "assist" if n else "lead", "task": "t"} for n, o in enumerate(organisations)]


def whistled(m: Machine, *organisations, level: str = "complex") -> Row:
    case = registered(m, level)
    return done(m.case("dispatcher", "whistle", case, kind="everyday", tickets=tickets_for(*(organisations or ("city",)))))


def worked(m: Machine, subject: str, ticket) -> Row:
    done(m.ticket(subject, "sign", ticket))
    done(m.ticket(subject, "report_in", ticket, point=m.point))
    done(m.ticket(subject, "start", ticket))
    return done(m.ticket(subject, "submit", ticket, result="r", reply="p"))


def local(moment: datetime) -> str:
    return moment.isoformat()
