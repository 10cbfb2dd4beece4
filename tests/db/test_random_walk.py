"""People do things at random, legal and not: whatever is refused changes nothing, and the auditor finds nothing.

WHISTLED_WALK_STEPS and WHISTLED_SEED make it longer or another one."""

import os
import random
from datetime import timedelta

import pytest
from support.machine import local
from support.world import PEOPLE

STEPS = int(os.environ.get("WHISTLED_WALK_STEPS", "250"))
SEED = int(os.environ.get("WHISTLED_SEED", "20240513"))
SUBJECTS = ["citizen", "citizen2", "grid1", "grid2", "grid3", "community_xf", "clerk", "dispatcher", "dispatcher2", "leader",
            "leader2", "supervisor", "city", "city2", "water"]
BUSY = ["dispatcher", "grid1", "community_xf", "citizen", "supervisor", "leader"]
RARE = {"withdraw": 0.03, "merge": 0.03, "reject": 0.03, "comment": 0.05, "urge": 0.05, "supervise": 0.05, "edit": 0.1,
        "whistle": 0.5, "check": 2, "rate": 2, "feedback": 2, "source_done": 2}
ENDED = ("voided", "merged")
SNAPSHOT = """
    SELECT md5(c::text)
        || (SELECT coalesce(md5(string_agg(t::text, '' ORDER BY n)), '') FROM tickets t WHERE t.case_id = c.id)
        || (SELECT coalesce(md5(string_agg(r::text, '' ORDER BY id)), '') FROM requests r WHERE r.case_id = c.id)
        || (SELECT count(*) FROM case_history e WHERE e.case_id = c.id) || (SELECT count(*) FROM breaches)
        || (SELECT count(*) FROM deadline_changes)
        || (SELECT count(*) FROM outbox) + (SELECT count(*) FROM feed) AS everything
    FROM cases c WHERE id = %s"""


class Walker:
    def __init__(self, m, seed: int):
        self.m, self.chance, self.cases = m, random.Random(seed), []

    def some(self, *choices):
        return self.chance.choice(choices)

    def tickets(self) -> list[dict]:
        leads = self.some(0, 1, 1, 1, 2)
        roles = ["lead"] * leads + ["assist"] * self.some(0, 1, 1)
        return [{"organisation": self.some("city", "water"), "role": role, "task": "t"} for role in roles or ["assist"]]

    def ids(self, table: str, case) -> list[str]:
        column = {"plan_steps": "step_id"}.get(table, "id")
        rows = self.m.all(f"SELECT {column} AS id FROM {table} WHERE case_id = %s", case["id"])
        return [str(row["id"]) for row in rows] or ["00000000-0000-7000-8000-000000000000"]

    def person(self, *subjects) -> str:
        return self.m.person(self.some(*subjects))

    def again(self, case) -> list[dict]:
        closed = self.m.all("SELECT id FROM tickets WHERE case_id = %s AND state = 'closed'", case["id"])
        return [{"ticket_id": str(t["id"])} for t in closed if self.chance.random() < 0.8]

    def steps(self) -> list[dict]:
        who = self.some({"kind": "role", "id": "leader"}, {"kind": "organisation", "id": "city"},
                        {"kind": "person", "id": self.m.person("dispatcher")})
        due = self.m.clock.now + timedelta(hours=self.chance.randint(-1, 60))
        return [{"what": "w", "due_at": local(due), "who": who}]

    def instead(self) -> dict:
        """What takes the place of a lead that went back."""
        return self.some({}, {"new_lead": {"organisation": "water"}}, {"retake": self.person("grid1", "grid3")})

    def case_body(self, action: str, case) -> dict:
        point = self.m.point | ({"lat": 41.7} if self.chance.random() < 0.1 else {})
        rating = {"contacted": True, "solved": self.some("yes", "partly", "no"), "satisfied": self.some(1, 3, 5)}
        makers = {
            "reject": lambda: {"code": "not_ours", "basis": "b"},
            "register": lambda: {"level": self.some("ordinary", "ordinary", "complex", "major")},
            "reclass": lambda: {"level": self.some("ordinary", "complex", "major")},
            "arrive": lambda: {"point": point},
            "source_done": lambda: {"result": "r", "reply": "p"},
            "whistle": lambda: {"kind": self.some("everyday", "emergency"), "tickets": self.tickets()},
            "plan": lambda: {"steps": self.steps()},
            "step_done": lambda: {"step_id": self.some(*self.ids("plan_steps", case))},
            "step_waive": lambda: {"step_id": self.some(*self.ids("plan_steps", case))},
            "check": lambda: {"pass": self.chance.random() < 0.6, "point": point, "rework_tickets": self.again(case)},
            "rate": lambda: rating,
            "callback": lambda: rating | {"reached": self.some(True, False)},
            "comment": lambda: {"text": "t", "visibility": self.some("public", "internal")},
            "edit": lambda: {"location": {"lon": self.some(125.705, 125.715, 126.0), "lat": 41.605}},
            "ask_verification": lambda: {"grid_worker": self.person("grid1", "grid2")},
            "report_verification": lambda: {"found": True},
            "reassign": lambda: {"handler": self.person("grid1", "grid2", "community_xf")},
            "supervise": lambda: {"opinion": "o"},
            "reply_supervision": lambda: {"supervision_id": self.some(*self.ids("supervisions", case)), "text": "t"},
            "merge": lambda: {"into": str(self.some(*self.cases)["id"])},
        }
        return {"reason": "r"} | makers.get(action, dict)()

    def ticket_body(self, action: str) -> dict:
        return {
            "report_in": {"point": self.m.point}, "submit": {"result": "r", "reply": "p"},
            "approve": {"rating": 3} | ({"feedback": {}} if self.chance.random() < 0.5 else {}),
            "recall": {"reason": "r"} | self.instead(), "supervise": {"opinion": "o"},
        }.get(action, {"reason": "r"})

    def allowed(self, machine: str, subject: str, thing) -> list[str]:
        roles = PEOPLE[subject][1]
        rows = {"case": "x) AS a FROM cases x", "ticket": "x, c) AS a FROM tickets x JOIN cases c ON c.id = x.case_id"}
        sql = f"SELECT {machine}_allowed_actions(me(%s, %s, %s, %s, NULL, NULL), {rows[machine]} WHERE x.id = %s"
        return self.m.one(sql, self.m.tenant, subject, roles, roles, thing["id"])["a"]

    def act_on_case(self, case):
        subject = self.some(*SUBJECTS, *BUSY, *BUSY)
        allowed = self.allowed("case", subject, case)
        if allowed and self.chance.random() < 0.8:
            action = self.chance.choices(allowed, [RARE.get(a, 1) for a in allowed])[0]
        else:
            action = self.some(*self.actions("case"))
        reply = self.m.case(subject, action, case, **self.case_body(action, case))
        if reply.code in (None, "invalid_transition") and action in self.offered("case") and action != "whistle":
            assert (reply.code is None) == (action in allowed), (subject, action, reply.code, allowed)
        return reply

    def act_on_ticket(self, case):
        ticket = self.some(*self.m.tickets(case))
        subject = self.some("dispatcher", "community_xf", ticket["organisation"], ticket["organisation"], "water")
        allowed = self.allowed("ticket", subject, ticket)
        action = self.some(*(allowed if allowed and self.chance.random() < 0.8 else self.actions("ticket")))
        return self.m.ticket(subject, action, ticket, **self.ticket_body(action))

    def ask(self, case):
        kind = self.some("whistle", "hard_whistle", "suspend", "suspend", "reopen", "return", "delay", "delay")
        day = (self.m.clock.now + timedelta(days=self.chance.randint(0, 4))).date()
        until = self.m.clock.now + timedelta(hours=self.chance.randint(1, 100))
        body = {"kind": kind, "tickets": self.tickets(), "review_date": str(day), "until": local(until)}
        tickets = self.m.tickets(case)
        if kind not in ("return", "delay"):
            return self.m.ask(self.some(*SUBJECTS), "case", case, **body)
        if tickets:
            ticket = self.some(*tickets)
            return self.m.ask(ticket["organisation"], "ticket", ticket, **body)

    def decide(self, case):
        sql = "SELECT * FROM requests WHERE case_id = %s ORDER BY state = 'pending' DESC LIMIT 3"
        requests = self.m.all(sql, case["id"])
        if not requests:
            return None
        request = self.some(*requests)
        body = {"reopen": self.some({"handler": self.m.person("grid1")}, {"rework_tickets": self.again(case)}),
                "return": self.instead()}.get(request["kind"], {})
        action = self.some("approve", "approve", "decline", "withdraw")
        subject = self.some("leader", "leader2", "dispatcher", "dispatcher2", "supervisor", "city")
        return self.m.decide(subject, action, request, **({"reason": "r"} if action == "decline" else body))

    def actions(self, machine: str) -> list[str]:
        sql = "SELECT DISTINCT action FROM {}_transitions WHERE who <> '{{system}}' AND action <> 'create'"
        rows = self.m.all(sql.format(machine))
        return sorted(row["action"] for row in rows)

    def offered(self, machine: str) -> set[str]:
        return {row["action"] for row in self.m.all(f"SELECT action FROM {machine}_transitions WHERE offered")}

    def step(self):
        self.m.clock.forward(seconds=self.some(1, 5, 30, 300, 1800, 7200))
        if self.chance.random() < 0.5:
            self.m.tick()
        live = [c for c in self.cases if self.m.stored(c)["state"] not in ENDED]
        if len(live) < 3:
            created = self.m.create(self.some("citizen", "citizen2", "dispatcher"), at=self.some("XF-01", "XF-02", None),
                                    category=self.some("litter", "pothole", "advice"), address="a")
            assert created.code is None
            self.cases.append(created)
            return
        case = self.some(*live)
        ways = [self.act_on_case, self.ask, self.decide] + ([self.act_on_ticket] if self.m.tickets(case) else [])
        before = self.m.one(SNAPSHOT, case["id"])
        reply = self.chance.choices(ways, [5, 1, 1, 5][:len(ways)])[0](case)
        if reply and reply.code:
            assert self.m.one(SNAPSHOT, case["id"]) == before, f"{reply.code} changed something"


@pytest.mark.parametrize("walk", range(3))
def test_walk(m, walk):
    walker = Walker(m, SEED + walk)
    for _ in range(STEPS):
        walker.step()
    assert not m.audit()
