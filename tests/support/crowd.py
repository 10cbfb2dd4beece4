"""Many clients at once doing things at random, legal and not, over HTTP; the model says what each should have been answered and
where it left everything. Whoever meets others at the same case at the same moment may be served in any order: one of them must
explain all answers and what is stored."""

import copy
import http.client
import itertools
import json
import threading
from collections import Counter
from datetime import datetime
from urllib.parse import urlsplit

import psycopg
from psycopg.rows import dict_row

from . import tokens
from .crowd_chance import WHO, Chance, Op, Seen
from .crowd_words import Words, place, stands
from .model_effects import Case
from .world import LOCAL, PEOPLE, person_uuid

NOW = datetime(2027, 3, 3, 10, 0, tzinfo=LOCAL)
ENDED = ("merged", "voided")
STORED = """
    SELECT c.state, c.level, c.handler, c.round, c.version, c.area, c.category, c.reporter_contactable AS contactable,
        json_build_object('lon', st_x(c.point), 'lat', st_y(c.point)) AS point,
        round(extract(epoch FROM c.resolve_due_at - %s) / 60)::integer AS resolve,
        (SELECT json_agg(json_build_array(p.person_id, p.withdrawn_at IS NOT NULL) ORDER BY p.n) FROM case_reporters p
            WHERE p.tenant = c.tenant AND p.case_id = c.id) AS reporters,
        (SELECT json_agg(json_build_array(t.state, t.role, t.organisation, t.final, t.id, t.version,
                round(extract(epoch FROM t.finish_due_at - %s) / 60)::integer, t.kind) ORDER BY t.n) FROM tickets t
            WHERE t.tenant = c.tenant AND t.case_id = c.id) AS tickets,
        (SELECT json_agg(json_build_array(r.kind, r.ticket_id, r.id, r.version) ORDER BY r.id) FROM requests r
            WHERE r.tenant = c.tenant AND r.case_id = c.id AND r.state = 'pending') AS requests,
        (SELECT json_agg(json_build_array(s.ticket_id, s.addressee_kind, s.addressee, s.replied_at IS NOT NULL, s.id)) FROM supervisions s
            WHERE s.tenant = c.tenant AND s.case_id = c.id) AS supervisions,
        (SELECT json_agg(p.step_id ORDER BY p.n) FROM plan_steps p
            WHERE p.tenant = c.tenant AND p.case_id = c.id AND p.request_id = c.plan_request) AS steps
    FROM cases c WHERE c.tenant = %s AND c.id = %s"""


class Known:
    """A case of the model, with what the wire calls it."""

    def __init__(self, model: Case, case_id: str):
        self.model, self.id, self.lock, self.row = model, case_id, threading.Lock(), {}


class Crowd:
    """What all clients share."""

    def __init__(self, base: str, url: str, tenant: str, seed: int, steps: int):
        self.base, self.url, self.tenant, self.seed, self.left = base, url, tenant, seed, steps
        self.cases: list[Known] = []
        self.answers: Counter = Counter()
        self.seen = Seen()
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

    def send(self, who: str, method: str, path: str, body: dict, version=None, key: str | None = None) -> None:
        headers = {"Authorization": f"Bearer {self.crowd.tokens[who]}", "Content-Type": "application/json", "Whistled-Now": NOW.isoformat()}
        if version is not None:
            headers["If-Match"] = f'"{version}"'
        if key and method == "POST":
            headers["Idempotency-Key"] = key
        self.line.request(method, path, json.dumps(body), headers)

    def receive(self) -> tuple[str | None, dict, bool]:
        reply = self.line.getresponse()
        content = json.loads(reply.read())
        assert reply.status < 500, (reply.status, content)
        code = None if reply.status < 300 else content["errors"][0]["code"] if reply.status == 422 and content.get("errors") else content["code"]
        return code, content, reply.headers.get("Idempotent-Replayed") == "true"


class CrowdClient:
    def __init__(self, crowd: Crowd, n: int):
        self.crowd, self.chance = crowd, Chance(f"{crowd.seed}/{n}", crowd.seen, crowd.cases)
        self.random, self.words = self.chance.random, Words(crowd.tenant, NOW)
        self.name, self.keys = n, itertools.count()
        self.wires = [Wire(crowd) for _ in range(3)]
        self.db = psycopg.connect(crowd.url, autocommit=True, row_factory=dict_row)
        self.db.execute("SET search_path = whistled, public")
        self.people = {person_uuid(crowd.tenant, who): who for who in WHO}

    def step(self) -> None:
        if len(self.crowd.cases) < 32 or self.random.random() < 0.02:
            self.create()
            return
        known = self.chance.known()
        if known.lock.acquire(blocking=False):
            try:
                self.meet(known)
            finally:
                known.lock.release()

    def create(self) -> None:
        who = self.random.choice(["citizen", "citizen", "citizen2", "grid1", "community_xf", "clerk", "dispatcher"])
        area, category = self.random.choice(["XF-01", "XF-01", "XF-01", "XF-02", None]), self.random.choice(["pothole", "advice"])
        at_once = {name: True for name in self.random.choice([(), (), (), ("register",), ("register", "start_source"), ("register", "start_source", "arrived")])}
        if at_once and self.random.random() < 0.3:
            at_once["level"] = "complex"
        body = {"description": "d", "kind": "problem", "category": category, "address": "a"} | ({"location": place(area)} if area else {})
        self.wires[0].send(who, "POST", "/v1/cases", body | at_once)
        code, reply, _ = self.wires[0].receive()
        model = Case(who, area, category == "pothole")
        told = model.created(at_once)
        assert code == told, (who, area, at_once, code, told)
        with self.crowd.guard:
            self.crowd.answers[f"create: {code or 'done'}"] += 1
            self.crowd.left -= 1
        if code is None:
            known = Known(model, reply["id"])
            self.refresh(known)
            assert self.same(model, known.row), (who, area, at_once, known.row)
            with self.crowd.guard:
                self.crowd.cases.append(known)

    def refresh(self, known: Known) -> None:
        known.row = self.db.execute(STORED, (NOW, NOW, self.crowd.tenant, known.id)).fetchone()

    # One to three at the same case

    def meet(self, known: Known) -> None:
        ops = [self.some_op(known) for _ in range(self.random.choice([1, 1, 1, 2, 2, 3]))]
        target = next((op.target for op in ops if op.target), None)
        if target and (target is known or not target.lock.acquire(blocking=False)):
            return
        try:
            self.serve(known, ops, target)
        finally:
            if target:
                target.lock.release()

    def some_op(self, known: Known) -> Op:
        op = self.chance.op(known)
        op.stale = op.door != "ask" and self.random.random() < 0.03 and self.words.said(known, op)[3] is not None
        return op

    def serve(self, known: Known, ops: list[Op], target: Known | None) -> None:
        if target:
            ops = [op for op in ops if op.target in (None, target)]
            self.refresh(target)
        keys = [f"{self.name}-{next(self.keys)}" for _ in ops]
        sent = [self.words.said(known, op) for op in ops]
        for wire, op, key, said in zip(self.wires, ops, keys, sent):
            wire.send(op.who, *said, key)
        answers = [wire.receive()[0] for wire, _ in zip(self.wires, ops)]
        self.explain(known, ops, answers, target)
        if answers[0] is None and ops[0].action != "edit" and self.random.random() < 0.1:
            self.again(known, ops[0], keys[0], sent[0])
        if known.model.state in ENDED and known.row["state"] in ENDED and self.random.random() < 0.3:
            with self.crowd.guard:
                self.crowd.cases.remove(known)
        with self.crowd.guard:
            self.crowd.met += len(ops) > 1
            self.crowd.answers.update(f"{op.door} {op.action}: {answer or 'done'}" for op, answer in zip(ops, answers))
            self.crowd.left -= len(ops)

    def again(self, known: Known, op: Op, key: str, sent) -> None:
        """The same request under the same key: no second effect."""
        before = self.db.execute("SELECT event_seq FROM cases WHERE tenant = %s AND id = %s", (self.crowd.tenant, known.id)).fetchone()
        self.wires[0].send(op.who, *sent, key)
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
            tale: list = []
            told = self.walk(model, other, [ops[i] for i in order], [answers[i] for i in order], tale)
            if told is None and self.same(model, known.row):
                known.model = model
                with self.crowd.guard:
                    for pair, answer in tale:
                        self.crowd.seen.note(pair, answer)
                if target:
                    target.model = other
                    self.refresh(target)
                    assert self.same(other, target.row), (ops, "the target", self.drawn(other), target.row)
                return
            said.append((order, told, self.drawn(model)))
        raise AssertionError(f"{ops}: {answers}; the model: {said}; stored: {known.row}; before: {self.drawn(known.model)}")

    def walk(self, model: Case, other: Case | None, ops: list[Op], answers: list, tale: list):
        """Plays them in this order; None when every answer is the model's, else the first that is not."""
        requests, moved = list(model.requests), False
        for op, answer in zip(ops, answers):
            mine = copy.copy(op)
            mine.target = type("Other", (), {"model": other}) if op.target else None
            code = mine.code(model, requests)
            tale.append((mine.pair(model, requests), answer))
            if not op.unseen(model, code):
                # What went up in another moves along when that one does, whoever is at it here.
                if answer == "precondition_failed" and (op.stale or moved or model.state == "merged"):
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
        tickets = [[t.state, t.role, t.organisation, t.final, t.finish, t.kind] for t in model.tickets]
        requests = sorted((r.kind, -1 if r.ticket is None else r.ticket) for r in model.requests)
        return (model.state, model.level, model.handler, model.round, model.area, model.at, model.category(), model.contactable,
                [(r, r in model.withdrawn) for r in model.reporters], model.resolve, tickets, requests,
                sorted(model.drawn_supervisions(self.words.person)))

    def same(self, model: Case, row: dict) -> bool:
        numbers = {t[4]: n for n, t in enumerate(row["tickets"] or [])}
        stored = (row["state"], row["level"], self.people.get(str(row["handler"])), row["round"], row["area"],
                  stands(row["point"]), row["category"], row["contactable"],
                  [(self.people[person], gone) for person, gone in row["reporters"] or []], row["resolve"],
                  [t[:4] + t[6:] for t in row["tickets"] or []], sorted((r[0], numbers.get(r[1], -1)) for r in row["requests"] or []),
                  sorted((numbers.get(r[0], -1), *r[1:4]) for r in row["supervisions"] or []))
        return self.drawn(model) == stored
