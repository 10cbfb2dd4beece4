"""Scenes in which people meet over one case, and everything that somebody can do there: what tests/db/test_pairs.py pairs."""

from datetime import timedelta

from psycopg.types.json import Jsonb

from .machine import ROLES, Machine, Row, at_source, done, local, registered, tickets_for, whistled, worked
from .world import PEOPLE

NOBODY = "00000000-0000-7000-8000-000000000000"


class Scene:
    """A case as it stands when two arrive, a bystander that it may go up in, and the answers both sides know."""

    def __init__(self, m: Machine, case, other):
        self.m, self.case, self.other = m, case, other
        self.now = m.clock.now + timedelta(seconds=1)
        self.tickets = m.tickets(case)
        rows = m.all("SELECT id, kind, ticket_id FROM requests WHERE case_id = %s AND state = 'pending' ORDER BY id", case["id"])
        self.requests = {row["kind"]: row for row in rows}
        self.steps = [row["step_id"] for row in m.all("SELECT step_id FROM plan_steps WHERE case_id = %s ORDER BY n", case["id"])]
        waits = m.one("SELECT id FROM supervisions WHERE case_id = %s AND replied_at IS NULL", case["id"])
        self.supervision = str(waits["id"] if waits else NOBODY)

    def call(self, connection, act) -> Row:
        """What one session says: an action, without If-Match, so that the state alone can refuse it."""
        door, subject, action, thing, body = act(self)
        head = [self.m.tenant, subject, PEOPLE[subject][1], ROLES, None, None]
        if door == "ask":
            sql, values = "request_ask", [*head, action, None, None, self.now, thing, Jsonb({"reason": "r"} | body)]
        elif door == "tick":
            return Row(connection.execute("SELECT case_ticked(%s, %s, %s) AS moved", (self.m.tenant, thing, self.now)).fetchone())
        else:
            sql, values = f"{door}_act", [*head, action, None, None, None, self.now, thing, Jsonb(body)]
        return Row(connection.execute(f"SELECT * FROM {sql}({', '.join(['%s'] * len(values))})", values).fetchone())


def on_case(subject: str, action: str, **body):
    return lambda s: ("case", subject, action, s.case["id"], {name: v(s) if callable(v) else v for name, v in body.items()})


def on_ticket(n: int, subject: str, action: str, **body):
    def act(s):
        thing = s.tickets[n]["id"] if n < len(s.tickets) else NOBODY
        return "ticket", subject, action, thing, {name: v(s) if callable(v) else v for name, v in body.items()}

    return act


def on_request(kind: str, subject: str, action: str, **body):
    return lambda s: ("request", subject, action, s.requests[kind]["id"] if kind in s.requests else NOBODY,
                      {name: v(s) if callable(v) else v for name, v in body.items()})


def asked(about: str, n: int, subject: str, **body):
    def act(s):
        thing = s.case["id"] if about == "case" else s.tickets[n]["id"] if n < len(s.tickets) else NOBODY
        return "ask", subject, about, thing, {name: v(s) if callable(v) else v for name, v in body.items()}

    return act


def step_of(n: int):
    return lambda s: str(s.steps[n]) if n < len(s.steps) else NOBODY


def plan_steps(s) -> list[dict]:
    return [{"what": "w", "due_at": local(s.now + timedelta(days=n)), "who": {"kind": "role", "id": "dispatcher"}} for n in (1, 2)]


def rework(s) -> list[dict]:
    return [{"ticket_id": str(t["id"])} for t in s.tickets if t["state"] == "closed" and t["role"] == "lead"]


POINT = Machine.point
REVIEW = lambda s: str((s.now + timedelta(days=2)).date())  # noqa: E731

ACTIONS = {
    "accept": on_case("dispatcher", "accept"), "accept by the grid": on_case("grid1", "accept"),
    "reject": on_case("dispatcher", "reject", code="not_ours", basis="b", reason="r"),
    "object": on_case("citizen", "object", reason="r"), "withdraw": on_case("citizen", "withdraw", reason="r"),
    "merge": on_case("dispatcher", "merge", into=lambda s: str(s.other["id"]), reason="r"),
    "merge in": lambda s: ("case", "dispatcher", "merge", s.other["id"], {"into": str(s.case["id"]), "reason": "r"}),
    "edit": on_case("dispatcher", "edit", reason="r", category="pothole_photo"),
    "ask_verification": on_case("dispatcher", "ask_verification", grid_worker=lambda s: s.m.person("grid1")),
    "report_verification": on_case("grid1", "report_verification", found=True),
    "register": on_case("dispatcher", "register", level="complex"), "reclass": on_case("leader", "reclass", level="major", reason="r"),
    "start_source": on_case("grid1", "start_source"), "start_source by another": on_case("community_xf", "start_source"),
    "reassign": on_case("dispatcher", "reassign", handler=lambda s: s.m.person("community_xf"), reason="r"),
    "arrive": on_case("grid1", "arrive", point=POINT), "source_done": on_case("grid1", "source_done", result="r", reply="p"),
    "whistle": on_case("dispatcher", "whistle", kind="everyday", tickets=tickets_for("city")),
    "whistle for help": on_case("dispatcher", "whistle", kind="everyday", tickets=[{"organisation": "water", "role": "assist", "task": "t"}]),
    "emergency": on_case("leader", "whistle", kind="emergency", reason="r", tickets=tickets_for("water")),
    "plan": on_case("dispatcher", "plan", steps=plan_steps),
    "step_done": on_case("dispatcher", "step_done", step_id=step_of(0)), "step_waive": on_case("leader", "step_waive", step_id=step_of(1), reason="r"),
    "feedback": on_case("dispatcher", "feedback"),
    "pass": on_case("supervisor", "check", point=POINT, **{"pass": True}),
    "fail": on_case("leader2", "check", point=POINT, reason="r", rework_tickets=rework, **{"pass": False}),
    "callback": on_case("supervisor", "callback", reached=False),
    "rate": on_case("citizen", "rate", contacted=True, solved="no", satisfied=1),
    "rate by callback": on_case("supervisor", "callback", reached=True, contacted=True, solved="yes", satisfied=5),
    "resume": on_case("dispatcher", "resume"), "comment": on_case("dispatcher", "comment", text="t", visibility="public"),
    "urge": on_case("citizen", "urge"), "supervise": on_case("leader", "supervise", opinion="o"),
    "reply_supervision": on_case("dispatcher", "reply_supervision", supervision_id=lambda s: s.supervision, text="t"),
    "supervise a ticket": on_ticket(0, "leader", "supervise", opinion="o"),
    "answer for a ticket": on_ticket(0, "city", "reply_supervision", supervision_id=lambda s: s.supervision, text="t"),
    "sign": on_ticket(0, "city", "sign"), "sign by another": on_ticket(0, "city2", "sign"), "sign the second": on_ticket(1, "water", "sign"),
    "contact": on_ticket(0, "city", "contact"), "report_in": on_ticket(0, "city", "report_in", point=POINT), "start": on_ticket(0, "city", "start"),
    "submit": on_ticket(0, "city", "submit", result="r", reply="p"), "submit the second": on_ticket(1, "water", "submit", result="r"),
    "approve": on_ticket(0, "dispatcher", "approve", rating=4), "approve the second": on_ticket(1, "dispatcher2", "approve", rating=4),
    "approve and feed back": on_ticket(0, "dispatcher", "approve", rating=4, feedback={}),
    "rework": on_ticket(0, "dispatcher2", "rework", reason="r"),
    "recall": on_ticket(0, "dispatcher", "recall", reason="r", new_lead={"organisation": "water"}),
    "recall and retake": on_ticket(0, "dispatcher2", "recall", reason="r", retake=lambda s: s.m.person("grid1")),
    "recall the second": on_ticket(1, "dispatcher", "recall", reason="r"),
    "ask whistle": asked("case", 0, "grid1", kind="whistle", tickets=tickets_for("city")),
    "ask hard": asked("case", 0, "dispatcher", kind="hard_whistle", tickets=[{"organisation": "water", "role": "lead", "task": "t"}]),
    "ask suspend": asked("case", 0, "dispatcher", kind="suspend", review_date=REVIEW), "ask void": asked("case", 0, "dispatcher", kind="void"),
    "ask reopen": asked("case", 0, "supervisor", kind="reopen"),
    "ask return": asked("ticket", 0, "city", kind="return", basis="law"),
    "ask delay": asked("ticket", 0, "city", kind="delay", until=lambda s: local(s.now + timedelta(days=9))),
    "grant whistle": on_request("whistle", "dispatcher", "approve"), "refuse whistle": on_request("whistle", "dispatcher2", "decline", reason="r"),
    "grant hard": on_request("hard_whistle", "leader", "approve"), "grant hard too": on_request("hard_whistle", "leader2", "approve"),
    "grant suspend": on_request("suspend", "leader", "approve"), "refuse suspend": on_request("suspend", "leader2", "decline", reason="r"),
    "take suspend back": on_request("suspend", "dispatcher", "withdraw"),
    "grant void": on_request("void", "leader", "approve"), "refuse void": on_request("void", "leader2", "decline", reason="r"),
    "grant plan": on_request("plan", "leader", "approve"), "refuse plan": on_request("plan", "leader2", "decline", reason="r"),
    "grant reopen": on_request("reopen", "supervisor", "approve", rework_tickets=rework),
    "grant reopen to the grid": on_request("reopen", "supervisor2", "approve", handler=lambda s: s.m.person("grid1")),
    "grant return": on_request("return", "dispatcher", "approve", new_lead={"organisation": "water"}),
    "refuse return": on_request("return", "dispatcher2", "decline", reason="r"), "take return back": on_request("return", "city", "withdraw"),
    "grant delay": on_request("delay", "leader", "approve"), "review": on_request("emergency_review", "leader2", "approve"),
    "tick": lambda s: ("tick", "dispatcher", "", s.case["id"], {}),
}  # fmt: skip


def verifying(m):
    case = done(m.create())
    done(m.case("dispatcher", "accept", case))
    return done(m.case("dispatcher", "ask_verification", case, grid_worker=m.person("grid1")))


def requested(m, case, kind: str, subject: str = "dispatcher", **body):
    done(m.ask(subject, "case", case, kind=kind, **body))
    return case


def planned(m, in_force: bool):
    case = whistled(m, level="major")
    done(m.case("dispatcher", "plan", case, steps=[
        {"what": "w", "due_at": local(m.clock.now + timedelta(days=n)), "who": {"kind": "role", "id": "dispatcher"}} for n in (1, 2)]))
    if in_force:
        done(m.decide("leader", "approve", m.pending(case, "plan")))
    return case


def working(m, until: str = "submitted", *organisations):
    """Whistled for, and the lead's ticket at that state."""
    case = whistled(m, *(organisations or ("city",)))
    for state, action, body in (("signed", "sign", {}), ("reported_in", "report_in", {"point": POINT}), ("in_progress", "start", {}),
                                ("submitted", "submit", {"result": "r", "reply": "p"})):
        done(m.ticket("city", action, m.tickets(case)[0], **body))
        if state == until:
            break
    return case


def second_works(m, until: str):
    """The lead's ticket stands submitted, and the other's is at that state."""
    case = working(m, "submitted", "city", "water")
    second = m.tickets(case)[1]
    done(m.ticket("water", "sign", second))
    done(m.ticket("water", "report_in", second, point=POINT))
    done(m.ticket("water", "start", second))
    if until == "submitted":
        done(m.ticket("water", "submit", second, result="r"))
    return case


def finished(m, until: str = "handling"):
    case = whistled(m)
    worked(m, "city", m.tickets(case)[0])
    done(m.ticket("dispatcher", "approve", m.tickets(case)[0], rating=4))
    for state, subject, action, body in (("checking", "dispatcher", "feedback", {}),
                                         ("evaluating", "supervisor", "check", {"point": POINT, "pass": True}),
                                         ("closed", "citizen", "rate", {"contacted": True, "solved": "no", "satisfied": 1})):
        if until == "handling":
            break
        done(m.case(subject, action, case, **body))
        if state == until:
            break
    return case


def suspended(m):
    case = requested(m, whistled(m, "city", "water"), "suspend", review_date=str((m.clock.now + timedelta(days=2)).date()))
    done(m.decide("leader", "approve", m.pending(case, "suspend")))
    return case


def returning(m):
    case = whistled(m)
    done(m.ask("city", "ticket", m.tickets(case)[0], kind="return", basis="law"))
    return case


def delaying(m):
    case = working(m, "in_progress")
    done(m.ask("city", "ticket", m.tickets(case)[0], kind="delay", until=local(m.clock.now + timedelta(days=2))))
    return case


def emergency(m):
    case = done(m.create())
    return done(m.case("leader", "whistle", case, kind="emergency", reason="r", tickets=tickets_for("city")))


def rejected(m):
    case = done(m.create())
    return done(m.case("dispatcher", "reject", case, code="not_ours", basis="b", reason="r"))


def supervised(m, on_ticket: bool):
    case = whistled(m)
    if on_ticket:
        done(m.ticket("leader", "supervise", m.tickets(case)[0], opinion="o"))
    else:
        done(m.case("leader", "supervise", case, opinion="o", addressee={"kind": "role", "id": "dispatcher"}))
    return case


SCENES = {
    "received": lambda m: done(m.create()),
    "accepted": lambda m: done(m.case("dispatcher", "accept", done(m.create()))),
    "verifying": verifying,
    "registered": lambda m: registered(m),
    "at source": lambda m: at_source(m, "source_handling"),
    "whistled": lambda m: whistled(m, "city", "water"),
    "signed": lambda m: working(m, "signed"),
    "reported in": lambda m: working(m, "reported_in"),
    "in progress": lambda m: working(m, "in_progress"),
    "submitted": lambda m: working(m, "submitted"),
    "second in progress": lambda m: second_works(m, "in_progress"),
    "second submitted": lambda m: second_works(m, "submitted"),
    "checking": lambda m: finished(m, "checking"),
    "source checked": lambda m: at_source(m),
    "all closed": lambda m: finished(m),
    "evaluating": lambda m: finished(m, "evaluating"),
    "unsatisfied": lambda m: finished(m, "closed"),
    "satisfied": lambda m: done(m.case("citizen", "rate", finished(m, "evaluating"), contacted=True, solved="yes", satisfied=5)),
    "suspended": suspended,
    "rejected": rejected,
    "plan asked": lambda m: planned(m, False),
    "plan in force": lambda m: planned(m, True),
    "whistle asked": lambda m: requested(m, registered(m), "whistle", "grid1", tickets=tickets_for("city")),
    "hard asked": lambda m: requested(m, registered(m), "hard_whistle", tickets=tickets_for("city")),
    "suspend asked": lambda m: requested(m, whistled(m), "suspend", review_date=str((m.clock.now + timedelta(days=2)).date())),
    "void asked": lambda m: requested(m, working(m, "submitted"), "void"),
    "return asked": returning,
    "delay asked": delaying,
    "emergency": emergency,
    "supervised": lambda m: supervised(m, False),
    "ticket supervised": lambda m: supervised(m, True),
}
