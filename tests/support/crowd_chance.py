"""What somebody does next: at random, but what was seldom done so far rather than what was done often."""

import random
from collections import Counter

from .model_rules import CASE, GRIDS, REQUESTS, TICKET, WORKING
from .world import PEOPLE

WHO = [*GRIDS, "citizen", "citizen2", "clerk", "dispatcher", "dispatcher2", "leader", "leader2", "supervisor", "city", "city2", "water"]
# What ends a case, takes it back, or gives it ever more tickets would leave few for what comes late.
SELDOM = {"whistle": 0.3, "ask hard_whistle": 0.4, "approve hard_whistle": 0.4, "withdraw": 0.15, "reject": 0.25, "merge": 0.15, "approve void": 0.1, "recall": 0.5}
# Where a step leads, mostly: into a state that was seldom seen it is taken sooner.
LEADS = {
    "case": {"accept": "accepted", "ask_verification": "verifying", "register": "registered", "start_source": "source_handling",
             "source_done": "checking", "feedback": "checking", "check": "evaluating",
             "whistle": "whistled", "approve whistle": "whistled", "approve suspend": "suspended", "approve reopen": "handling",
             "reject": "rejected", "object": "received"},
    "ticket": {"sign": "signed", "report_in": "reported_in", "start": "in_progress", "submit": "submitted", "approve": "closed",
               "rework": "in_progress", "ask return": "return_requested", "approve return": "returned"},
}  # fmt: skip
# A review begins with a whistle: none waits where a case was not registered, or not begun.
REVIEWED = {"source_handling", "whistled", "handling", "checking", "evaluating", "closed", "suspended"}
DECISIONS = ("approve", "decline", "withdraw")


class Op:
    """One request: what it says to the model, and (crowd_words.py) what it says on the wire."""

    def __init__(self, who: str, door: str, action: str, body: dict, n=None, request=None, target=None, stale=False):
        self.who, self.door, self.action, self.body, self.n, self.request, self.target, self.stale = who, door, action, body, n, request, target, stale

    def code(self, case, requests: list):
        request = self.request if self.request is None else requests[self.request]
        if self.door == "case":
            return case.code(self.who, self.action, self.body, self.target and self.target.model)
        if self.door == "ticket":
            return case.ticket_code(self.who, self.action, self.n, self.body)
        return case.ask_code(self.who, self.action, self.body, self.n) if self.door == "ask" else case.decide_code(self.who, self.action, request, self.body)

    def unseen(self, case, code: str | None) -> bool:
        """Refused before any version is looked at."""
        if self.door == "case":
            return self.role_refused(CASE) or not case.sees(self.who)
        if self.door == "ticket":
            return self.role_refused(TICKET) or not case.sees_ticket(self.who, case.tickets[self.n])
        return code in ("not_found", "insufficient_role")

    def role_refused(self, table: dict) -> bool:
        return PEOPLE[self.who][1][0] not in table[self.action][1]

    def apply(self, case, requests: list):
        if self.door == "case":
            case.does(self.who, self.action, self.body, self.target and self.target.model)
        elif self.door == "ticket":
            case.ticket_does(self.who, self.action, self.n, self.body)
        elif self.door == "ask":
            case.ask(self.who, self.action, self.body, self.n)
        else:
            case.decide(self.who, self.action, requests[self.request], self.body)

    def pair(self, case, requests: list) -> tuple[str, str, str]:
        """The machine, its state, and the action as the coverage names it."""
        kind = requests[self.request].kind if self.door == "decide" else None
        n = requests[self.request].ticket if self.door == "decide" else self.n
        name = f"{self.action} {kind}" if kind else f"ask {self.action}" if self.door == "ask" else self.action
        return ("case", case.state, name) if n is None else ("ticket", case.tickets[n].state, name)

    def __repr__(self):
        return f"{self.who} {self.door} {self.action} {self.n if self.n is not None else ''} {self.body}"


def legal_pairs() -> set[tuple[str, str, str]]:
    """Every transition that the two machines and their requests have, by the state it starts from."""
    found = {("case", state, action) for action, (states, _) in CASE.items() for state in states}
    found |= {("case", state, "whistle") for state in WORKING | {"suspended"}}
    found |= {("ticket", state, action) for action, (states, _) in TICKET.items() for state in states} | {("ticket", "signed", "start")}
    for kind, (states, askers, _) in REQUESTS.items():
        machine = "ticket" if kind in ("return", "delay") else "case"
        found |= {(machine, state, f"ask {kind}") for state in states or () if askers}
        stands = {"return_requested"} if kind == "return" else states or REVIEWED
        found |= {(machine, state, f"{decision} {kind}") for state in stands for decision in DECISIONS}
    # Nobody asked for a review; who took a ticket back does not ask again.
    return {p for p in found if p[2] != "withdraw emergency_review" and p[1] != "send_failed"}


LEGAL = legal_pairs()


class Seen:
    """How often each action was done and refused in each state."""

    def __init__(self):
        self.done: Counter = Counter()
        self.refused: Counter = Counter()
        self.states: Counter = Counter()

    def note(self, pair: tuple[str, str, str], code: str | None) -> None:
        (self.refused if code else self.done)[pair] += 1
        self.states[pair[:2]] += 1

    def weight(self, pair: tuple[str, str, str]) -> float:
        target = LEADS[pair[0]].get(pair[2])
        usual = self.states.total() / 25
        lacking = min(30, max(0.3, usual / (1 + self.states[pair[0], target]))) if target else 1
        return SELDOM.get(pair[2], 1) / (1 + self.done[pair]) * lacking

    def lines(self):
        """State by action: done/refused; `·` where the machines do not know it, `!` where they do and nobody did it."""
        for machine in ("case", "ticket"):
            pairs = {p for p in {*self.done, *self.refused, *LEGAL} if p[0] == machine}
            for state in sorted({p[1] for p in pairs}):
                yield f"{machine} {state}"
                for pair in sorted(p for p in pairs if p[1] == state):
                    mark = "·" if pair not in LEGAL else " " if self.done[pair] else "!"
                    yield f"  {mark} {pair[2]:28} {self.done[pair]:7} done {self.refused[pair]:7} refused"


class Chance:
    """The choices of one client."""

    def __init__(self, seed: str, seen: Seen, cases: list):
        self.random, self.seen, self.cases = random.Random(seed), seen, cases

    def known(self):
        """A case in a state where little has happened yet."""
        some = [self.random.choice(self.cases) for _ in range(6)]
        return self.random.choices(some, [(1 + self.seen.states["case", k.model.state]) ** -2 for k in some])[0]

    def op(self, known) -> Op:
        """Four times out of five something that the model allows and few have done, if there is any near."""
        if self.random.random() < 0.8:
            for door, pair in self.rare(known.model):
                for who in self.random.sample(WHO, len(WHO)) * 2:
                    op = self.any_of(known, door, pair)
                    if op is None:
                        break
                    op.who = who
                    if op.code(known.model, known.model.requests) is None:
                        return op
        return self.any_op(known)

    def rare(self, model):
        """Some of the steps that lead on from here."""
        ways = [("case", pair) for pair in LEGAL_FROM.get(("case", model.state), ())]
        for n, ticket in enumerate(model.tickets):
            ways += [(n, pair) for pair in LEGAL_FROM.get(("ticket", ticket.state), ())]
        waiting = {(r.kind, r.ticket) for r in model.requests}
        ways = [(n, p) for n, p in ways if p[2].split()[0] not in DECISIONS or " " not in p[2] or (p[2].split()[1], None if n == "case" else n) in waiting]
        return self.random.choices(ways, [self.seen.weight(pair) for _, pair in ways], k=6) if ways else []

    def any_of(self, known, door, pair) -> Op | None:
        """That step by somebody."""
        model, n, (first, _, kind) = known.model, None if door == "case" else door, pair[2].partition(" ")
        if first == "ask" and kind:
            return self.ask(model, kind, n)
        if kind:
            found = [i for i, r in enumerate(model.requests) if r.kind == kind and r.ticket == n]
            return self.decide(model, first, found[0]) if found else None
        return self.case(model, pair[2]) if n is None else self.ticket(model, pair[2], n)

    def any_op(self, known) -> Op:
        model, choice = known.model, self.random.choice
        door = choice(["case"] * 4 + ["ticket"] * (5 * bool(model.tickets)) + ["ask", "decide"] * 2)
        if door == "ticket":
            return self.ticket(model, choice([*TICKET]), self.random.randrange(len(model.tickets)))
        if door == "decide" and model.requests:
            return self.decide(model, choice(DECISIONS), self.random.randrange(len(model.requests)))
        if door in ("ask", "decide"):
            kind = choice([k for k in REQUESTS if REQUESTS[k][1] and (model.tickets or k not in ("return", "delay"))])
            return self.ask(model, kind, self.random.randrange(len(model.tickets)) if kind in ("return", "delay") else None)
        return self.case(model, choice([*CASE]))

    # Each door's choices

    def who(self) -> str:
        return self.random.choice(WHO)

    def case(self, model, action: str) -> Op:
        target = self.random.choice(self.cases) if action == "merge" else None
        return Op(self.who(), "case", action, self.case_body(action, model), target=target)

    def ticket(self, model, action: str, n: int) -> Op:
        body = {"recall": lambda: self.instead(model), "approve": lambda: {"feedback": self.random.random() < 0.4},
                "reply_supervision": lambda: self.supervision(model, n)}.get(action, dict)()
        return Op(self.who(), "ticket", action, body, n)

    def ask(self, model, kind: str, n: int | None) -> Op:
        body = {"tickets": self.tickets()} if "whistle" in kind else {}
        if kind == "delay":
            dues = [due for due in (model.tickets[n].finish, model.resolve) if due is not None] or [60]
            body = {"until": self.random.choice(dues) + self.random.choice([-30, 0, 30, 30, 600])}
        return Op(self.who(), "ask", kind, body, n)

    def decide(self, model, action: str, n: int) -> Op:
        kind, body = model.requests[n].kind, {}
        if action == "approve" and kind == "return":
            body = self.instead(model)
        elif action == "approve" and kind == "reopen":
            body = self.random.choice([self.again(model), {"handler": self.random.choice([*GRIDS])}])
        elif action == "approve" and kind == "whistle" and self.random.random() < 0.4:
            body = {"tickets": self.tickets()}
        return Op(self.who(), "decide", action, body, request=n)

    def tickets(self) -> list[dict]:
        roles = self.random.choice([["lead"], ["lead"], ["lead", "assist"], ["assist"], ["lead", "lead"]])
        return [{"role": r, "organisation": self.random.choice(["city", "water"] if self.random.random() < 0.97 else ["nowhere"])} for r in roles]

    def again(self, model) -> dict:
        """Which closed tickets are opened again, and which are new."""
        closed = [n for n, t in enumerate(model.tickets) if t.state == "closed" and self.random.random() < 0.8]
        fresh = self.random.choice([[], [], [], ["assist"], ["lead"]])
        return {"again": closed, "fresh": [{"role": r, "organisation": self.random.choice(["city", "water"])} for r in fresh]}

    def instead(self, model) -> dict:
        return self.random.choice([{}, {"new_lead": self.random.choice(["city", "water"])}, {"promote": self.random.choice([*range(len(model.tickets)), 99])},
                                   {"retake": self.random.choice(["grid1", "grid2", "community_xf"])}])

    def supervision(self, model, n: int | None) -> dict:
        """Mostly one of this case or ticket that waits; else one that was answered, or none."""
        own = [i for i, s in enumerate(model.supervisions) if s.ticket == n]
        waiting = [i for i in own if not model.supervisions[i].replied]
        return {"n": self.random.choice(waiting * 4 + own + [-1])}

    def step(self, model) -> dict:
        return {"step": self.random.choice([*(model.steps or ()), *(model.steps or ()), -1])}

    def place(self) -> dict:
        grid = self.random.choice(["XF-01", "XF-01", "XF-01", "XF-02", "XF-02", "CA-01", "away"])
        return self.random.choice([{"at": grid}, {"at": grid}, {"area": None if grid == "away" else grid}, {"area": "nowhere"}])

    def edited(self, model) -> dict:
        category = self.random.choice(["pothole", "advice", "pothole", "advice", "pothole_photo", "nothing"])
        ways = [self.place(), self.place(), {"category": category}, {"category": category} | self.place()]
        if {*model.reporters} - model.withdrawn:
            ways.append({"contactable": self.random.random() < 0.7})
        return {"category": self.random.choice(["pothole", "advice"])} if model.photo else self.random.choice(ways)

    def case_body(self, action: str, model) -> dict:
        some, level = self.random, lambda: {"level": self.random.choice(["ordinary", "complex", "major"])}
        return {
            "register": level, "reclass": level, "edit": lambda: self.edited(model), "reply_supervision": lambda: self.supervision(model, None),
            "ask_verification": lambda: {"who": some.choice([*GRIDS])}, "reassign": lambda: {"who": some.choice([*GRIDS])},
            "whistle": lambda: some.choice([{"kind": "everyday"}, {"kind": "everyday"}, {"kind": "emergency"}, {"kind": "emergency"} | level()])
            | {"tickets": self.tickets()},
            "step_done": lambda: self.step(model), "step_waive": lambda: self.step(model),
            "check": lambda: {"pass": some.random() < 0.6, "far": some.random() < 0.1, "again": [], "fresh": []} | (
                self.again(model) if some.random() < 0.7 else {}),
            "rate": lambda: {"bad": some.random() < 0.5}, "callback": lambda: {"reached": some.random() < 0.5, "bad": some.random() < 0.5},
            "supervise": lambda: {"to": some.choice([None, None, ("role", "leader"), ("role", "dispatcher"), ("person", "grid1"),
                                                     ("organisation", "city"), ("organisation", "nowhere")])},
        }.get(action, dict)()


LEGAL_FROM: dict = {}
for _pair in sorted(LEGAL):
    LEGAL_FROM.setdefault(_pair[:2], []).append(_pair)
