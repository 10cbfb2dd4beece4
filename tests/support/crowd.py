"""Many clients at once doing things at random, legal and not, over HTTP; the model says what each should have been answered and
where it left everything. Whoever meets others at the same case at the same moment may be served in any order: one of them must
explain all answers and what is stored."""

import copy
import http.client
import itertools
import json
import random
import threading
from collections import Counter
from datetime import datetime
from urllib.parse import urlsplit

import psycopg
from psycopg.rows import dict_row

from . import tokens
from .model_effects import Case
from .model_rules import CASE, GRIDS, REQUESTS, TICKET, role
from .world import LOCAL, PEOPLE, Street, person_uuid

NOW = datetime(2027, 3, 3, 10, 0, tzinfo=LOCAL)
WHO = [*GRIDS, "citizen", "citizen2", "clerk", "dispatcher", "dispatcher2", "leader", "leader2", "supervisor", "city", "city2", "water"]
NEAR, FAR = Street.point("XF-01"), {"lon": 125.7, "lat": 41.9, "accuracy": 10}
ENDED = ("merged", "voided")
# What is allowed nearly always, or ends everything, would crowd out the rest.
SELDOM = {"comment": 0.03, "supervise": 0.03, "urge": 0.1, "arrive": 0.2, "withdraw": 0.04, "reject": 0.05, "merge": 0.1, "void": 0.02, "recall": 0.1,
          "reclass": 0.2, "suspend": 0.2, "contact": 0.3, "plan": 0.5, "callback": 0.3, "reassign": 0.2}
STORED = """
    SELECT c.state, c.level, c.handler, c.round, c.version,
        (SELECT json_agg(json_build_array(t.state, t.role, t.organisation, t.final, t.id, t.version) ORDER BY t.n) FROM tickets t
            WHERE t.tenant = c.tenant AND t.case_id = c.id) AS tickets,
        (SELECT json_agg(json_build_array(r.kind, r.ticket_id, r.id, r.version) ORDER BY r.id) FROM requests r
            WHERE r.tenant = c.tenant AND r.case_id = c.id AND r.state = 'pending') AS requests,
        (SELECT json_agg(p.step_id ORDER BY p.n) FROM plan_steps p
            WHERE p.tenant = c.tenant AND p.case_id = c.id AND p.request_id = c.plan_request) AS steps
    FROM cases c WHERE c.tenant = %s AND c.id = %s"""


class Known:
    """A case of the model, with what the wire calls it."""

    def __init__(self, model: Case, case_id: str):
        self.model, self.id, self.lock, self.row, self.ended = model, case_id, threading.Lock(), {}, []


class Op:
    """One request: what it says to the model, and what it says on the wire."""

    def __init__(self, who: str, door: str, action: str, body: dict, n=None, request=None, target=None, stale=False):
        self.who, self.door, self.action, self.body, self.n, self.request, self.target, self.stale = who, door, action, body, n, request, target, stale

    def code(self, case: Case, requests: list):
        request = self.request if self.request is None else requests[self.request]
        if self.door == "case":
            return case.code(self.who, self.action, self.body, self.target and self.target.model)
        if self.door == "ticket":
            return case.ticket_code(self.who, self.action, self.n, self.body)
        return case.ask_code(self.who, self.action, self.body, self.n) if self.door == "ask" else case.decide_code(self.who, self.action, request, self.body)

    def unseen(self, case: Case, code: str | None) -> bool:
        """Refused before any version is looked at."""
        if self.door == "case":
            return role(self.who) not in CASE[self.action][1] or not case.sees(self.who)
        if self.door == "ticket":
            return role(self.who) not in TICKET[self.action][1] or not case.sees_ticket(self.who, case.tickets[self.n])
        return code in ("not_found", "insufficient_role")

    def apply(self, case: Case, requests: list):
        if self.door == "case":
            case.does(self.who, self.action, self.body, self.target and self.target.model)
        elif self.door == "ticket":
            case.ticket_does(self.who, self.action, self.n, self.body)
        elif self.door == "ask":
            case.ask(self.who, self.action, self.body, self.n)
        else:
            case.decide(self.who, self.action, requests[self.request], self.body)

    def __repr__(self):
        return f"{self.who} {self.door} {self.action} {self.n if self.n is not None else ''} {self.body}"


class Crowd:
    """What all clients share."""

    def __init__(self, base: str, url: str, tenant: str, seed: int, steps: int):
        self.base, self.url, self.tenant, self.seed, self.left = base, url, tenant, seed, steps
        self.cases: list[Known] = []
        self.answers: Counter = Counter()
        self.met, self.replays, self.faults, self.guard = 0, 0, [], threading.Lock()
        self.tokens = {who: tokens.mint(who, PEOPLE[who][1], tenant) for who in WHO}

    def run(self, clients: int) -> None:
        threads = [threading.Thread(target=self.client, args=(n,)) for n in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def client(self, n: int) -> None:
        try:
            client = CrowdClient(self, n)
            while self.left > 0 and not self.faults:
                client.step()
        except Exception as fault:  # a thread's end must not pass in silence
            self.faults.append(repr(fault))


class Wire:
    """One connection to the service."""

    def __init__(self, crowd: Crowd):
        self.crowd, address = crowd, urlsplit(crowd.base)
        self.line = http.client.HTTPConnection(address.hostname, address.port, timeout=60)

    def send(self, who: str, path: str, body: dict, version=None, key: str | None = None) -> None:
        headers = {"Authorization": f"Bearer {self.crowd.tokens[who]}", "Content-Type": "application/json", "Whistled-Now": NOW.isoformat()}
        if version is not None:
            headers["If-Match"] = f'"{version}"'
        if key:
            headers["Idempotency-Key"] = key
        self.line.request("POST", path, json.dumps(body), headers)

    def receive(self) -> tuple[str | None, dict, bool]:
        reply = self.line.getresponse()
        content = json.loads(reply.read())
        assert reply.status < 500, (reply.status, content)
        code = None if reply.status < 300 else content["errors"][0]["code"] if reply.status == 422 and content.get("errors") else content["code"]
        return code, content, reply.headers.get("Idempotent-Replayed") == "true"


class CrowdClient:
    def __init__(self, crowd: Crowd, n: int):
        self.crowd, self.chance = crowd, random.Random(f"{crowd.seed}/{n}")
        self.name, self.keys = n, itertools.count()
        self.wires = [Wire(crowd) for _ in range(3)]
        self.db = psycopg.connect(crowd.url, autocommit=True, row_factory=dict_row)
        self.db.execute("SET search_path = whistled, public")
        self.doer = {"kind": "person", "id": person_uuid(crowd.tenant, "dispatcher")}
        self.people = {person_uuid(crowd.tenant, who): who for who in WHO}

    def step(self) -> None:
        if len(self.crowd.cases) < 32 or self.chance.random() < 0.02:
            self.create()
            return
        known = self.chance.choice(self.crowd.cases)
        if known.lock.acquire(blocking=False):
            try:
                self.meet(known)
            finally:
                known.lock.release()

    def create(self) -> None:
        who = self.chance.choice(["citizen", "citizen", "citizen2", "grid1", "community_xf", "clerk", "dispatcher"])
        area, category = self.chance.choice(["XF-01", "XF-01", "XF-01", "XF-02", None]), self.chance.choice(["pothole", "advice"])
        body = {"description": "d", "kind": "problem", "category": category, "address": "a"}
        if area:
            body["location"] = {name: Street.point(area)[name] for name in ("lon", "lat")}
        self.wires[0].send(who, "/v1/cases", body)
        code, reply, _ = self.wires[0].receive()
        assert code is None, reply
        known = Known(Case(who, area, category == "pothole"), reply["id"])
        self.refresh(known)
        with self.crowd.guard:
            self.crowd.answers["create"] += 1
            self.crowd.left -= 1
            self.crowd.cases.append(known)

    def refresh(self, known: Known) -> None:
        known.row = self.db.execute(STORED, (self.crowd.tenant, known.id)).fetchone()

    # One to three at the same case

    def meet(self, known: Known) -> None:
        ops = [self.some_op(known) for _ in range(self.chance.choice([1, 1, 1, 2, 2, 3]))]
        target = next((op.target for op in ops if op.target), None)
        if target and (target is known or not target.lock.acquire(blocking=False)):
            return
        try:
            self.serve(known, ops, target)
        finally:
            if target:
                target.lock.release()

    def serve(self, known: Known, ops: list[Op], target: Known | None) -> None:
        if target:
            ops = [op for op in ops if op.target in (None, target)]
            self.refresh(target)
        keys = [f"{self.name}-{next(self.keys)}" for _ in ops]
        sent = [self.wire(known, op) for op in ops]
        for wire, op, key, (path, body, version) in zip(self.wires, ops, keys, sent):
            wire.send(op.who, path, body, version, key)
        answers = [wire.receive()[0] for wire, _ in zip(self.wires, ops)]
        self.explain(known, ops, answers, target)
        if answers[0] is None and self.chance.random() < 0.1:
            self.again(known, ops[0], keys[0], sent[0])
        if known.model.state in ENDED and known.row["state"] in ENDED and self.chance.random() < 0.3:
            with self.crowd.guard:
                self.crowd.cases.remove(known)
        with self.crowd.guard:
            self.crowd.met += len(ops) > 1
            self.crowd.answers.update(f"{op.door} {op.action}: {answer or 'done'}" for op, answer in zip(ops, answers))
            self.crowd.left -= len(ops)

    def again(self, known: Known, op: Op, key: str, sent) -> None:
        """The same request under the same key: no second effect."""
        before = self.db.execute("SELECT event_seq FROM cases WHERE tenant = %s AND id = %s", (self.crowd.tenant, known.id)).fetchone()
        self.wires[0].send(op.who, sent[0], sent[1], sent[2], key)
        code, reply, replayed = self.wires[0].receive()
        assert replayed and code is None or code == "not_found", (op, code, reply)
        assert before == self.db.execute("SELECT event_seq FROM cases WHERE tenant = %s AND id = %s", (self.crowd.tenant, known.id)).fetchone()
        with self.crowd.guard:
            self.crowd.replays += 1

    def explain(self, known: Known, ops: list[Op], answers: list, target: Known | None) -> None:
        """The order in which the model answers the same and comes to what is stored."""
        self.refresh(known)
        if len(ops) == 1:
            orders = [(0,)]
        else:
            orders = itertools.permutations(range(len(ops)))
        said = []
        for order in orders:
            model, other = copy.deepcopy((known.model, target.model if target else None))
            told = self.walk(model, other, [ops[i] for i in order], [answers[i] for i in order])
            if told is None and self.same(model, known.row):
                known.model = model
                if target:
                    target.model = other
                    self.refresh(target)
                    assert self.same(other, target.row), (ops, "the target", self.drawn(other), target.row)
                return
            said.append((order, told, self.drawn(model)))
        raise AssertionError(f"{ops}: {answers}; the model: {said}; stored: {known.row}; before: {self.drawn(known.model)}")

    def walk(self, model: Case, other: Case | None, ops: list[Op], answers: list):
        """Plays them in this order; None when every answer is the model's, else the first that is not."""
        requests, moved = list(model.requests), False
        for op, answer in zip(ops, answers):
            mine = copy.copy(op)
            mine.target = type("Other", (), {"model": other}) if op.target else None
            code = mine.code(model, requests)
            if not op.unseen(model, code):
                if answer == "precondition_failed" and (op.stale or moved):
                    continue
                if op.stale:
                    return op, "precondition_failed"
            if code != answer:
                return op, code
            if code is None:
                mine.apply(model, requests)
                moved = True
        return None

    # What is stored, as the model says it

    def drawn(self, model: Case):
        tickets = [[t.state, t.role, t.organisation, t.final] for t in model.tickets]
        return model.state, model.level, model.handler, model.round, tickets, sorted((r.kind, -1 if r.ticket is None else r.ticket) for r in model.requests)

    def same(self, model: Case, row: dict) -> bool:
        numbers = {t[4]: n for n, t in enumerate(row["tickets"] or [])}
        stored = (row["state"], row["level"], self.people.get(str(row["handler"])), row["round"], [t[:4] for t in row["tickets"] or []],
                  sorted((r[0], numbers.get(r[1], -1)) for r in row["requests"] or []))
        return self.drawn(model) == stored

    # Something to do

    def tickets(self) -> list[dict]:
        roles = self.chance.choice([["lead"], ["lead"], ["lead", "assist"], ["assist"], ["lead", "lead"]])
        return [{"role": r, "organisation": self.chance.choice(["city", "water"] if self.chance.random() < 0.97 else ["nowhere"])} for r in roles]

    def some_op(self, known: Known) -> Op:
        """Three times out of four something that the model would allow, if there is any near."""
        for _ in range(60 if self.chance.random() < 0.8 else 1):
            op = self.any_op(known)
            if self.chance.random() < SELDOM.get(op.action, 1) and op.code(known.model, known.model.requests) is None:
                break
        op.stale = op.door != "ask" and self.chance.random() < 0.03 and self.wire(known, op)[2] is not None
        return op

    def any_op(self, known: Known) -> Op:
        model, who = known.model, self.chance.choice(WHO)
        doors = ["case"] * 4 + ["ticket"] * (5 * bool(model.tickets)) + ["ask", "decide"] * 2
        door = self.chance.choice(doors)
        if door == "ticket":
            n, action = self.chance.randrange(len(model.tickets)), self.chance.choice([*TICKET])
            body = self.instead() if action == "recall" else {"feedback": self.chance.random() < 0.4} if action == "approve" else {}
            return Op(who, door, action, body, n)
        if door == "decide" and model.requests:
            request = self.chance.randrange(len(model.requests))
            action = self.chance.choice(["approve", "approve", "decline", "withdraw"])
            kind = model.requests[request].kind
            body = self.instead() if kind == "return" and action == "approve" else {}
            if kind == "reopen" and action == "approve":
                body = self.chance.choice([{"again": self.again_of(model)}, {"handler": self.chance.choice([*GRIDS])}])
            return Op(who, door, action, body, request=request)
        if door in ("ask", "decide"):
            kind = self.chance.choice([k for k in REQUESTS if REQUESTS[k][1]])
            n = self.chance.randrange(len(model.tickets)) if kind == "return" and model.tickets else None
            if kind != "return" or n is not None:
                return Op(who, "ask", kind, {"tickets": self.tickets()} if "whistle" in kind else {}, n)
        action = self.chance.choice([*CASE])
        target = self.chance.choice(self.crowd.cases) if action == "merge" else None
        return Op(who, "case", action, self.case_body(action, model), target=target)

    def again_of(self, model: Case) -> list[int]:
        return [n for n, t in enumerate(model.tickets) if t.state == "closed" and self.chance.random() < 0.8]

    def instead(self) -> dict:
        return self.chance.choice([{}, {"new_lead": self.chance.choice(["city", "water"])}, {"promote": self.chance.randrange(3)},
                                   {"retake": self.chance.choice(["grid1", "grid2", "community_xf"])}])

    def case_body(self, action: str, model: Case) -> dict:
        some = self.chance
        return {
            "register": lambda: {"level": some.choice(["ordinary", "complex", "major"])}, "reclass": lambda: {"level": some.choice(["ordinary", "complex", "major"])},
            "ask_verification": lambda: {"who": some.choice([*GRIDS])}, "reassign": lambda: {"who": some.choice([*GRIDS])},
            "whistle": lambda: {"kind": some.choice(["everyday", "everyday", "emergency"]), "tickets": self.tickets()},
            "step_done": lambda: {"step": some.randrange(3)}, "step_waive": lambda: {"step": some.randrange(3)},
            "check": lambda: {"pass": some.random() < 0.6, "far": some.random() < 0.1, "again": self.again_of(model)},
            "rate": lambda: {"bad": some.random() < 0.5},
        }.get(action, dict)()

    # … and how that is said on the wire: path, body, version

    def wire(self, known: Known, op: Op) -> tuple[str, dict, int | None]:
        row, path = known.row, op.action.replace("_", "-")
        if op.door == "case":
            version = None if op.action in ("arrive", "plan", "comment", "urge", "supervise", "callback") else row["version"] - op.stale
            return f"/v1/cases/{known.id}/{path}", self.wire_case(known, op), version
        if op.door == "ticket":
            version = None if op.action in ("contact", "supervise") else row["tickets"][op.n][5] - op.stale
            return f"/v1/tickets/{row['tickets'][op.n][4]}/{path}", self.wire_ticket(row, op), version
        if op.door == "ask":
            about = f"tickets/{row['tickets'][op.n][4]}" if op.n is not None else f"cases/{known.id}"
            more = {"basis": "b"} if op.action == "return" else {"review_date": "2027-03-08"} if op.action == "suspend" else {}
            return f"/v1/{about}/requests", {"kind": op.action, "reason": "r"} | more | self.wire_tickets(op.body), None
        request = known.model.requests[op.request]
        stored = next(r for r in row["requests"] if r[0] == request.kind and (request.ticket is None or row["tickets"][request.ticket][4] == r[1]))
        body = {"reason": "r"} if op.action == "decline" else self.wire_instead(row, op.body)
        return f"/v1/requests/{stored[2]}/{op.action}", body, stored[3] - op.stale

    def wire_tickets(self, body: dict) -> dict:
        return {"tickets": [t | {"task": "t"} for t in body["tickets"]]} if "tickets" in body else {}

    def wire_ids(self, row: dict, again: list[int]) -> list[dict]:
        return [{"ticket_id": row["tickets"][n][4]} for n in again]

    def wire_instead(self, row: dict, body: dict) -> dict:
        told = {}
        if "new_lead" in body:
            told["new_lead"] = {"organisation": body["new_lead"]}
        if "promote" in body:
            n = body["promote"]
            told["promote"] = row["tickets"][n][4] if n < len(row["tickets"]) else person_uuid("nowhere", str(n))
        if "retake" in body:
            told["retake"] = person_uuid(self.crowd.tenant, body["retake"])
        if "handler" in body:
            told["handler"] = person_uuid(self.crowd.tenant, body["handler"])
        return told | ({"rework_tickets": self.wire_ids(row, body["again"])} if "again" in body else {})

    def wire_ticket(self, row: dict, op: Op) -> dict:
        return {
            "report_in": {"point": NEAR}, "submit": {"result": "r", "reply": "p"}, "rework": {"reason": "r"}, "supervise": {"opinion": "o"},
            "approve": {"rating": 4} | ({"feedback": {}} if op.body.get("feedback") else {}),
        }.get(op.action) or ({"reason": "r"} | self.wire_instead(row, op.body) if op.action == "recall" else {})

    def wire_case(self, known: Known, op: Op) -> dict:
        b, row, steps = op.body, known.row, known.row["steps"] or []
        step = {"step_id": steps[b["step"]] if b.get("step", 9) < len(steps) else person_uuid("no step", "x")}
        reason = {"reason": "r"}
        return {
            "reject": lambda: {"code": "not_ours", "basis": "b"} | reason, "object": lambda: reason, "withdraw": lambda: reason,
            "merge": lambda: {"into": op.target.id} | reason, "register": lambda: b, "reclass": lambda: b | reason,
            "ask_verification": lambda: {"grid_worker": person_uuid(self.crowd.tenant, b["who"])}, "report_verification": lambda: {"found": True},
            "reassign": lambda: {"handler": person_uuid(self.crowd.tenant, b["who"])} | reason, "arrive": lambda: {"point": NEAR},
            "source_done": lambda: {"result": "r", "reply": "p"}, "step_done": lambda: step, "step_waive": lambda: step | reason,
            "whistle": lambda: {"kind": b["kind"]} | self.wire_tickets(b) | (reason if b["kind"] == "emergency" else {}),
            "plan": lambda: {"steps": [{"what": "w", "due_at": f"2027-03-0{n}T10:00:00+08:00", "who": self.doer} for n in (5, 6)]},
            "check": lambda: {"pass": b["pass"], "point": FAR if b["far"] else self.point(known)} | (reason if not b["pass"] else {}) | (
                {"rework_tickets": self.wire_ids(row, b["again"])} if b["again"] else {}),
            "rate": lambda: {"contacted": True, "solved": "no" if b["bad"] else "yes", "satisfied": 1 if b["bad"] else 5},
            "callback": lambda: {"reached": False}, "comment": lambda: {"text": "t", "visibility": "public"}, "supervise": lambda: {"opinion": "o"},
        }.get(op.action, dict)()

    @staticmethod
    def point(known: Known) -> dict:
        return Street.point(known.model.area or "XF-01")
