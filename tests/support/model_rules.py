"""Case and ticket as a model of their own, written from the rules of the two machines and from nothing in db/: what an action is
answered. model_effects.py says where it leaves everything. Time stands still at a Wednesday, 10:00: nothing falls due, no window closes
(see countdown.py); due times are minutes from there."""

from .world import PEOPLE

OPEN_TICKET = {"issued", "send_failed", "signed", "reported_in", "in_progress", "submitted", "return_requested", "suspended"}
WORKING = {"received", "accepted", "verifying", "registered", "source_handling", "whistled", "handling"}
IN_WORK = {"registered", "source_handling", "whistled", "handling"}
OPEN = WORKING | {"checking", "evaluating", "suspended"}
GRIDS = {"grid1": {"XF-01"}, "grid2": {"XF-02"}, "grid3": {"CA-01"}, "community_xf": {"XF-01", "XF-02"}, "community_ca": {"CA-01"}}
POSTS = {"leader": "secretary", "leader2": "street_head"}
STAFF = {"dispatcher", "leader", "supervisor", "community", "grid_worker", "window_clerk", "department"}
REPORTERS = {"citizen", "dispatcher", "grid_worker", "community", "window_clerk"}
FIELD = {"grid_worker", "community"}

# action: from, and the roles of its operation
CASE = {
    "accept": ({"received"}, {"dispatcher", "window_clerk"} | FIELD), "reject": ({"received", "accepted", "verifying"}, {"dispatcher"}),
    "object": ({"rejected"}, REPORTERS), "withdraw": ({"received", "accepted", "verifying", "registered"}, REPORTERS),
    "merge": ({"received", "accepted", "verifying", "registered", "source_handling"}, {"dispatcher"}),
    "ask_verification": ({"accepted"}, {"dispatcher"}), "report_verification": ({"verifying"}, FIELD),
    "register": ({"accepted"}, {"dispatcher"} | FIELD), "reclass": (IN_WORK, {"dispatcher", "leader"}),
    "start_source": ({"registered"}, FIELD), "reassign": ({"source_handling"}, {"dispatcher", "community"}),
    "arrive": (WORKING, FIELD | {"department"}), "source_done": ({"source_handling"}, FIELD),
    "whistle": (IN_WORK, {"dispatcher", "leader", "community"}), "plan": (IN_WORK, FIELD | {"department", "dispatcher"}),
    "step_done": (IN_WORK, STAFF), "step_waive": (IN_WORK, {"leader"}), "feedback": ({"handling"}, {"dispatcher"}),
    "check": ({"checking"}, {"supervisor", "leader"} | FIELD), "callback": ({"evaluating"}, {"supervisor"}),
    "rate": ({"evaluating", "closed"}, REPORTERS), "resume": ({"suspended"}, {"dispatcher"}), "comment": (OPEN, STAFF),
    "urge": (OPEN, REPORTERS), "supervise": (OPEN, {"leader", "supervisor"}), "reply_supervision": (OPEN, STAFF), "edit": (OPEN, {"dispatcher"} | FIELD),
}  # fmt: skip
TICKET = {
    "sign": ({"issued", "send_failed"}, {"department"}), "contact": ({"signed", "reported_in", "in_progress"}, {"department"}),
    "report_in": ({"signed"}, {"department"}), "start": ({"reported_in"}, {"department"}), "submit": ({"in_progress"}, {"department"}),
    "approve": ({"submitted"}, {"dispatcher", "community"}), "rework": ({"submitted"}, {"dispatcher", "community"}),
    "recall": (OPEN_TICKET - {"submitted"}, {"dispatcher"}), "supervise": (OPEN_TICKET, {"leader", "supervisor"}),
    "reply_supervision": (OPEN_TICKET, {"department"}),
}  # fmt: skip
# kind: while, asked by, decided by
REQUESTS = {
    "whistle": ({"registered", "source_handling"}, FIELD, "dispatcher"), "hard_whistle": (IN_WORK, {"dispatcher"}, "leader"),
    "suspend": (IN_WORK, FIELD | {"department", "dispatcher"}, "leader"), "void": (OPEN, {"dispatcher"}, "leader"),
    "reopen": ({"closed"}, {"citizen", "supervisor"}, "supervisor"), "plan": (IN_WORK, set(), "leader"),
    "emergency_review": (None, set(), "leader"), "return": ({"issued", "send_failed", "signed"}, {"department"}, "dispatcher"),
    "delay": ({"signed", "reported_in", "in_progress"}, {"department"}, "by its turn"),
}  # fmt: skip
LEVELS = {"ordinary": 30, "complex": 240}  # to the resolve due; major has none until a plan is in force
PLAN_ENDS = 3 * 1440  # the last step of every plan of the crowd
WORKING_DAYS = {3: 5 * 1440, 5: 7 * 1440}  # over the weekend
WEEKEND = (3720, 6600)  # from Saturday to Monday, 00:00
FINISH = {"everyday": WORKING_DAYS[3], "hard": WORKING_DAYS[5]}
FINISH_FLOOR = 60
ASK_ROLES = {"citizen", "grid_worker", "community", "department", "dispatcher", "supervisor"}


def role(who: str) -> str:
    return PEOPLE[who][1][0]


class Ticket:
    def __init__(self, whistle: list, kind: str, role_: str, organisation: str):
        self.whistle, self.kind, self.role, self.organisation = whistle, kind, role_, organisation  # whistle: [a return was approved]
        self.state, self.before, self.final, self.workers, self.called = "issued", None, whistle[0], set(), False
        self.finish, self.delays = None, 0

    def open(self) -> bool:
        return self.state in OPEN_TICKET

    def back(self) -> bool:
        return self.state in ("returned", "recalled")


class Request:
    def __init__(self, kind: str, asker: str | None, ticket: int | None = None, body=None):
        self.kind, self.asker, self.ticket, self.body, self.posts = kind, asker, ticket, body or {}, set()
        self.joined: set = set()  # reporters whose unsatisfied rating it is


class Supervision:
    """Of the case, or of its ticket n; whom it addresses, as kind and id."""

    def __init__(self, ticket: int | None, addressee: tuple[str, str]):
        self.ticket, self.addressee, self.replied = ticket, addressee, False

    def addresses(self, who: str) -> bool:
        kind, party = self.addressee
        return {"person": who, "role": role(who), "organisation": PEOPLE[who][2]}[kind] == party


class Rules:
    """What the street knows of one case. `code` methods say why not, effects come after."""

    def __init__(self, creator: str, area: str | None, on_scene: bool):
        self.creator, self.area, self.at, self.state, self.level = creator, area, area, "received", "ordinary"  # at: where its point lies
        self.on_scene, self.photo = on_scene, False
        self.reporters = [creator] if role(creator) == "citizen" else []
        self.contactable, self.silent = bool(self.reporters), set()  # the reporter on record; those who want no call
        self.withdrawn, self.rated, self.urged, self.workers, self.arrivals = set(), set(), set(), set(), set()
        self.handler, self.before, self.round, self.signed_round, self.objected, self.evaluated = None, None, 1, 0, False, False
        self.tickets: list[Ticket] = []
        self.requests: list[Request] = []
        self.wished: set = set()  # reporters who asked for a reopening of this closure
        self.steps: dict | None = None  # of the plan in force, by a number that no other step gets: done or waived
        self.steps_named = 0
        self.supervisions: list[Supervision] = []
        self.resolve, self.fixed = LEVELS["ordinary"], False  # due; fixed: by a reopening or a delay, no level changes it

    # What it is to somebody

    def category(self) -> str:
        return "advice" if not self.on_scene else "pothole_photo" if self.photo else "pothole"

    def lead(self) -> Ticket | None:
        return next((t for t in self.tickets if t.role == "lead" and not t.back()), None)

    def open_tickets(self) -> list[Ticket]:
        return [t for t in self.tickets if t.open()]

    def own(self, who: str) -> bool:
        return self.area in GRIDS.get(who, ())

    def sees_field(self, who: str) -> bool:
        if role(who) not in FIELD:
            return role(who) == "window_clerk" and self.creator == who
        if self.own(who) or self.area is None and self.state in WORKING:
            return True
        same = self.state == "checking" and self.area is not None and any(g[:2] == self.area[:2] for g in GRIDS[who])
        return role(who) == "grid_worker" and (self.creator == who or self.handler == who or who in self.workers or same)

    def sees(self, who: str) -> bool:
        return (role(who) in ("dispatcher", "leader", "supervisor") or self.sees_field(who) or who in self.reporters
                or role(who) == "department" and self.works(PEOPLE[who][2]))

    def works(self, organisation: str) -> bool:
        return any(t.organisation == organisation and not t.back() for t in self.tickets)

    def sees_ticket(self, who: str, ticket: Ticket) -> bool:
        return (role(who) in ("dispatcher", "leader", "supervisor") or self.sees_field(who)
                or role(who) == "department" and ticket.organisation == PEOPLE[who][2])

    def reporter(self, who: str) -> bool:
        return who in self.reporters and who not in self.withdrawn

    def on_record(self) -> str:
        """The first reporter who has not withdrawn."""
        return next(r for r in self.reporters if r not in self.withdrawn)

    def asked(self) -> list[str]:
        """Reporters who may be asked whether it is solved."""
        return [r for r in self.reporters if r not in self.withdrawn and r not in self.silent]

    def raters(self) -> list[str]:
        return [r for r in self.reporters if r not in self.withdrawn and r not in self.rated]

    def called_raters(self) -> list[str]:
        return [r for r in self.raters() if r in self.asked()]

    def plan_carried_out(self) -> bool:
        return self.level != "major" or self.steps is not None and all(self.steps.values())

    def pending(self, kind: str, ticket: int | None = None) -> Request | None:
        return next((r for r in self.requests if r.kind == kind and r.ticket == ticket), None)

    def may_handle(self, who: str) -> bool:
        return self.area in GRIDS.get(who, ())

    # Why not: an action on the case

    def code(self, who: str, action: str, body: dict, target: "Rules | None" = None) -> str | None:
        source, roles = CASE[action]
        if action == "whistle" and body["kind"] == "emergency":
            source = WORKING | {"suspended"}
        if role(who) not in roles:
            return "insufficient_role"
        if not self.sees(who):
            return "not_found"
        if self.state not in source:
            return "invalid_transition"
        return self.world(who, action, body, target) or self.person(who, action, body) or self.row(who, action, body)

    def world(self, who: str, action: str, body: dict, target) -> str | None:
        if action == "object" and self.objected or action == "urge" and who in self.urged:
            return "already_done"
        if action == "merge" and (target is self or target.state not in WORKING | {"suspended"}):
            return "target_state"
        if action == "whistle":
            return self.lead_free(body["tickets"])
        if action == "plan" and self.level != "major":
            return "not_major"
        if action == "plan" and self.pending("plan"):
            return "request_pending"
        if action in ("step_done", "step_waive"):
            return "plan_missing" if self.steps is None else "already_done" if self.steps.get(body["step"]) else None
        if action == "feedback":
            return "open_tickets" if self.open_tickets() else "lead_not_closed" if not self.lead() else None if self.plan_carried_out() else "plan_missing"
        if action == "source_done" and not self.plan_carried_out():
            return "plan_missing"
        if action == "callback" and not self.called_raters():
            return "already_done"
        if action == "rate" and who in self.reporters and who not in self.raters():
            return "already_done"
        return "window_over" if action == "rate" and self.state == "closed" and not self.evaluated else None

    def lead_free(self, tickets) -> str | None:
        lead = self.lead()
        return "lead_not_closed" if any(t["role"] == "lead" for t in tickets) and lead and lead.state != "closed" else None

    def person(self, who: str, action: str, body: dict) -> str | None:
        mine, r = self.own(who), role(who)
        if action == "check":
            return self.checker(who)
        if action == "whistle" and body["kind"] == "everyday" and r != "dispatcher":
            return "insufficient_role"
        if action == "arrive":
            if r == "department":
                return None if any(t.open() and t.organisation == PEOPLE[who][2] for t in self.tickets) else "not_handler"
            return None if mine or self.area is None or self.handler == who else "not_in_area"
        if action == "source_done":
            return None if self.handler == who else "not_handler"
        if action == "plan":
            lead = self.lead()
            mine = r == "dispatcher" or self.handler == who or r == "department" and lead and lead.organisation == PEOPLE[who][2]
            return None if mine else "not_handler"
        if action in ("rate", "urge"):
            return None if self.reporter(who) else "not_handler"
        if action == "reply_supervision":
            return None if self.waiting(who, None) else "not_handler"
        if action == "edit" and r in FIELD:
            return None if mine and self.edited_area(body) in GRIDS[who] else "not_in_area"
        if action == "step_done":
            return None if who == "dispatcher" and not all(self.steps.values()) else "not_handler"  # whom all steps name
        if action in ("object", "withdraw") and r == "citizen":
            return None if self.reporter(who) else "not_handler"
        if action in ("accept", "object", "withdraw") and r == "window_clerk":
            return None if self.creator == who else "not_handler"
        if r in FIELD and action not in ("comment",) and not mine:
            return "not_in_area"
        return "level_not_allowed" if action == "register" and r in FIELD and body["level"] != "ordinary" else None

    def edited_area(self, body: dict) -> str | None:
        """The area follows the point; where that lies in none, or there is none, it is as somebody says."""
        if not {"at", "area"} & {*body}:
            return self.area
        at = body.get("at", self.at)
        return at if at not in (None, "away") else body.get("area", None if at else self.area)

    def waiting(self, who: str, ticket: int | None) -> list[Supervision]:
        return [s for s in self.supervisions if s.ticket == ticket and not s.replied and s.addresses(who)]

    def drawn_supervisions(self, person) -> list[tuple]:
        """As they are stored; `person` gives somebody's id."""
        return [(-1 if s.ticket is None else s.ticket, s.addressee[0], person(s.addressee[1]) if s.addressee[0] == "person" else s.addressee[1], s.replied)
                for s in self.supervisions]

    def answerable(self, who: str, ticket: int | None, n: int) -> str | None:
        known = 0 <= n < len(self.supervisions) and self.supervisions[n] in self.waiting(who, ticket)
        return None if known else "unknown_reference"

    def checker(self, who: str) -> str | None:
        if who in self.workers:
            return "worked_on_it"
        if role(who) == "community" and not self.own(who):
            return "not_in_area"
        near = self.area is not None and any(g[:2] == self.area[:2] for g in GRIDS.get(who, ()))
        return "not_in_area" if role(who) == "grid_worker" and (self.own(who) or not near) else None

    def row(self, who: str, action: str, body: dict) -> str | None:
        if action == "whistle":
            return self.lead_named(body["tickets"])
        if action == "check":
            return self.checked_row(body)
        if action == "edit":
            return "unknown_reference" if body.get("area") == "nowhere" or body.get("category") == "nothing" else None
        if action == "reply_supervision":
            return self.answerable(who, None, body["n"])
        if action == "source_done" and self.photo:
            return "photo_missing"
        if action == "supervise" and body["to"] and body["to"][0] == "organisation":
            return None if self.works(body["to"][1]) else "unknown_reference"
        if action == "ask_verification" and self.area not in GRIDS.get(body["who"], ()) or action == "ask_verification" and role(body["who"]) != "grid_worker":
            return "unknown_reference"
        if action == "reassign" and (not self.may_handle(body["who"]) or body["who"] == self.handler):
            return "unknown_reference"
        return "unknown_reference" if action in ("step_done", "step_waive") and body["step"] not in self.steps else None

    def lead_named(self, tickets) -> str | None:
        leads = sum(t["role"] == "lead" for t in tickets)
        if leads > 1 or not leads and not self.lead():
            return "lead_not_named"
        return "unknown_reference" if any(t["organisation"] == "nowhere" for t in tickets) else None

    def checked_row(self, body: dict) -> str | None:
        if self.on_scene and self.at and body["far"]:
            return "too_far"
        if body["pass"] or self.before == "source_handling":
            return "invalid_value" if body["again"] or body["fresh"] else None
        return self.rework_named(body["again"], body["fresh"])

    def rework_named(self, again: list[int], fresh: list[dict]) -> str | None:
        """The lead among those opened again, or a new one: one of both."""
        if any(n >= len(self.tickets) or self.tickets[n].state != "closed" for n in again):
            return "unknown_reference"
        leads = sum(self.tickets[n] is self.lead() for n in again) + sum(t["role"] == "lead" for t in fresh)
        return None if leads == 1 else "lead_not_named"

    # Why not: a ticket

    def ticket_code(self, who: str, action: str, n: int, body: dict) -> str | None:
        ticket, (source, roles) = self.tickets[n], TICKET[action]
        if role(who) not in roles:
            return "insufficient_role"
        if not self.sees_ticket(who, ticket):
            return "not_found"
        if action == "start" and not self.on_scene:
            source = source | {"signed"}
        called = ticket.role == "lead" and self.contactable
        if ticket.state not in source or action == "contact" and not called or (
                action == "recall" and self.state == "suspended" and ticket.role == "lead"):
            return "invalid_transition"
        if action == "recall":
            return self.replaced(ticket, body)
        if role(who) == "department" and ticket.organisation != PEOPLE[who][2]:
            return "not_handler"
        if role(who) == "community" and not self.own(who):
            return "not_in_area"
        if action == "reply_supervision":
            return self.answerable(who, n, body["n"]) if self.waiting(who, n) else "not_handler"
        if action == "submit" and self.photo:
            return "photo_missing"
        return self.fed_back_with(who, ticket) if action == "approve" and body["feedback"] else None

    def fed_back_with(self, who: str, ticket: Ticket) -> str | None:
        """The feedback that an approval carries, as if the ticket were closed already."""
        if self.state != "handling":
            return "invalid_transition"
        if any(t is not ticket for t in self.open_tickets()):
            return "open_tickets"
        return "plan_missing" if not self.plan_carried_out() else None if role(who) == "dispatcher" else "insufficient_role"

    def replaced(self, ticket: Ticket, body: dict) -> str | None:
        if "retake" in body and any(t is not ticket for t in self.open_tickets()):
            return "open_tickets"
        if ticket.role != "lead":
            return None
        if len(body) != 1:
            return "lead_not_named"
        assist = "promote" in body and body["promote"] < len(self.tickets) and self.tickets[body["promote"]]
        known = "new_lead" in body or "retake" in body and self.may_handle(body["retake"]) or assist and assist.role == "assist" and assist.open()
        return None if known else "unknown_reference"

    # Why not: asking and deciding

    def ask_code(self, who: str, kind: str, body: dict, n: int | None = None) -> str | None:
        ticket, (states, askers, _) = None if n is None else self.tickets[n], REQUESTS[kind]
        if role(who) not in ({"department"} if ticket else ASK_ROLES):
            return "insufficient_role"
        if not (self.sees_ticket(who, ticket) if ticket else self.sees(who)):
            return "not_found"
        if (self.ticket_stands(kind, ticket) if ticket else self.state) not in states:
            return "invalid_transition"
        if kind == "return" and (ticket.final or ticket.kind == "emergency"):
            return "already_done" if ticket.final else "window_over"
        if kind == "delay" and (ticket.delays > 1 or ticket.finish is None):
            return "already_done" if ticket.delays > 1 else "window_over"  # nothing is due: an emergency without a plan
        if kind in ("whistle", "hard_whistle") and self.lead_free(body["tickets"]):
            return "lead_not_closed"
        if kind == "reopen" and who in self.wished:
            return "already_done"
        if self.pending(kind, n):
            return "request_pending"
        return self.asker(who, kind, askers, ticket) or self.ask_row(kind, ticket, body)

    def ask_row(self, kind: str, ticket, body: dict) -> str | None:
        if kind == "delay":
            return self.delayed_to(ticket, body["until"])
        return self.lead_named(body["tickets"]) if "tickets" in body else None

    def delayed_to(self, ticket: Ticket, until: int) -> str | None:
        """Later than it is; an assist does not outlast the case."""
        beyond = ticket.role == "assist" and self.resolve is not None and until > self.resolve
        return "out_of_range" if beyond or until <= ticket.finish else None

    @staticmethod
    def ticket_stands(kind: str, ticket: Ticket) -> str:
        """Where a ticket is to a request: asked for its return, it is where it was."""
        return ticket.before if kind == "return" and ticket.state == "return_requested" else ticket.state

    def asker(self, who: str, kind: str, askers: set, ticket) -> str | None:
        r, lead = role(who), self.lead()
        if r not in askers:
            return "insufficient_role"
        if ticket and ticket.organisation != PEOPLE[who][2] or kind == "reopen" and r == "citizen" and not self.reporter(who):
            return "not_handler"
        if kind == "whistle" and not self.own(who):
            return "not_in_area"
        if kind == "suspend" and r != "dispatcher":
            return None if self.handler == who or r == "department" and lead and lead.organisation == PEOPLE[who][2] else "not_handler"
        return None

    def decide_code(self, who: str, action: str, request: Request, body: dict) -> str | None:
        r, ticket = role(who), None if request.ticket is None else self.tickets[request.ticket]
        if r not in ({"dispatcher", "leader", "supervisor"} if action != "withdraw" else STAFF | {"citizen"}):
            return "insufficient_role"
        mine = request.asker == who or who in request.joined
        if not (self.sees_ticket(who, ticket) if ticket else self.sees(who) and role(who) != "citizen" or self.sees(who) and mine):
            return "not_found"
        if request not in self.requests or action != "withdraw" and not self.stands(request):
            return "invalid_transition"
        if action == "approve" and (code := self.decide_world(who, request, ticket, body)):
            return code
        if action == "withdraw":
            return None if request.asker == who else "not_handler"
        if r != self.decider(request, ticket):
            return "not_decider"
        return "own_request" if request.asker == who else self.decide_row(request, ticket, body) if action == "approve" else None

    def decider(self, request: Request, ticket) -> str:
        if request.kind == "reopen" and request.asker and role(request.asker) == "supervisor":
            return "leader"
        if request.kind == "delay":
            return "leader" if ticket.role == "lead" or ticket.delays else "dispatcher"
        return REQUESTS[request.kind][2]

    def stands(self, request: Request) -> bool:
        """Whether its subject is where it may be decided."""
        states = REQUESTS[request.kind][0]
        if request.ticket is not None:
            return self.ticket_stands(request.kind, self.tickets[request.ticket]) in states
        return states is None or self.state in states and (request.kind != "plan" or self.level == "major")

    def decide_world(self, who: str, request: Request, ticket, body: dict) -> str | None:
        if request.kind in ("whistle", "hard_whistle") and self.lead_free(body.get("tickets", request.body["tickets"])):
            return "lead_not_closed"
        if request.kind == "return" and ticket.final:
            return "already_done"
        if ticket and ticket.role == "lead" and "retake" in body and any(t is not ticket for t in self.open_tickets()):
            return "open_tickets"
        return "already_done" if request.kind == "hard_whistle" and POSTS.get(who) in request.posts else None

    def decide_row(self, request: Request, ticket, body: dict) -> str | None:
        if request.kind in ("whistle", "hard_whistle"):
            return self.lead_named(body.get("tickets", request.body["tickets"]))
        if request.kind == "delay":
            return self.delayed_to(ticket, request.body["until"])
        if request.kind == "return":
            return self.replaced(ticket, body) if ticket.role == "lead" else None
        if request.kind == "reopen":
            if "handler" not in body:
                return self.rework_named(body["again"], body["fresh"])
            return None if self.may_handle(body["handler"]) else "unknown_reference"
        return None
