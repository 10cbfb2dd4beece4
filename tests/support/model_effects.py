"""The other half of the model of case and ticket: what an action does that nothing refuses."""

from .model_rules import FINISH, FINISH_FLOOR, LEVELS, PLAN_ENDS, POSTS, WEEKEND, WORKING_DAYS, Request, Rules, Supervision, Ticket, role


class Case(Rules):
    # What it does

    def created(self, at_once: dict) -> str | None:
        """Registered and begun in the call that brought it in: each by its own rule, or all refused."""
        for action in ["accept", "register", "start_source", "arrive"] if at_once else []:
            if action in ("accept", "register") or at_once.get("arrived" if action == "arrive" else action):
                body = {"level": at_once.get("level", "ordinary")}
                if code := self.code(self.creator, action, body):
                    return code
                self.does(self.creator, action, body)
        return None

    def does(self, who: str, action: str, body: dict, target: "Rules | None" = None) -> None:
        doer = getattr(self, f"do_{action}", None)
        if doer:
            doer(who, body, target)
        if action in ("start_source", "source_done", "report_verification", "plan", "step_done", "arrive"):
            self.workers.add(who)
        self.expire()

    def expire(self) -> None:
        for request in list(self.requests):
            waits = "suspended" in (self.state, request.ticket is not None and self.tickets[request.ticket].state)
            if not waits and not self.stands(request):
                self.requests.remove(request)

    def do_accept(self, who, body, target):
        self.state = "accepted"

    do_report_verification = do_accept

    def do_ask_verification(self, who, body, target):
        self.state = "verifying"

    def do_reject(self, who, body, target):
        self.state = "rejected"

    def do_object(self, who, body, target):
        self.state, self.objected, self.evaluated, self.fixed = "received", True, False, False
        self.next_round()
        self.levelled("ordinary")

    def next_round(self) -> None:
        self.round += 1
        self.rated, self.wished, self.before = set(), set(), None

    def do_withdraw(self, who, body, target):
        left = [r for r in self.reporters if r not in self.withdrawn]
        out = who if role(who) == "citizen" else left[0] if left else None
        if len(left) < 2:
            self.state = "voided"
        else:
            self.withdrawn.add(out)
            self.contactable = self.on_record() not in self.silent

    def do_merge(self, who, body, target):
        self.state = "merged"
        if not target.reporters:
            target.contactable = self.contactable
        moved = [r for r in self.reporters if r not in self.withdrawn and r not in target.reporters]
        target.reporters += moved
        target.silent |= self.silent & {*moved}
        target.arrivals |= self.arrivals
        target.workers |= self.arrivals
        self.arrivals = set()

    def do_register(self, who, body, target):
        self.state = "registered"
        self.levelled(body["level"])

    def do_reclass(self, who, body, target):
        self.levelled(body["level"])

    def levelled(self, level: str) -> None:
        self.level = level
        if not self.fixed:
            self.resolve = LEVELS.get(level, None if self.steps is None else PLAN_ENDS)

    def do_edit(self, who, body, target):
        self.area = self.edited_area(body)
        self.at = body.get("at", self.at)
        if "category" in body:
            self.on_scene, self.photo = body["category"] != "advice", body["category"] == "pothole_photo"
        if "contactable" in body:
            self.contactable = body["contactable"]
            (self.silent.discard if self.contactable else self.silent.add)(self.on_record())

    def do_supervise(self, who, body, target):
        """By default whoever handles it."""
        if self.state in ("whistled", "handling"):
            handler = ("organisation", self.lead().organisation)
        else:
            handler = ("person", self.handler) if self.handler else ("role", "dispatcher")
        self.supervisions.append(Supervision(None, body["to"] or handler))

    def do_reply_supervision(self, who, body, target):
        self.supervisions[body["n"]].replied = True

    def do_start_source(self, who, body, target):
        self.state, self.handler = "source_handling", who

    def do_reassign(self, who, body, target):
        self.handler = body["who"]

    def do_arrive(self, who, body, target):
        self.arrivals.add(who)
        self.area, self.at = (self.area if self.at else self.area or "XF-01"), self.at or "XF-01"

    def do_source_done(self, who, body, target):
        self.state, self.before = "checking", "source_handling"

    def do_feedback(self, who, body, target):
        self.state, self.before = "checking", "handling"

    def do_whistle(self, who, body, target):
        if body["kind"] == "emergency":
            if self.state == "suspended":
                self.do_resume(who, body, target)
            if self.state in ("received", "accepted", "verifying"):
                self.state = "registered"
                self.levelled(body.get("level", "complex"))
        self.blown(body["kind"], body["tickets"])
        if body["kind"] == "emergency" and not self.pending("emergency_review"):
            self.requests.append(Request("emergency_review", None))

    def blown(self, kind: str, tickets: list[dict]) -> None:
        self.handler = None
        if self.state not in ("whistled", "handling"):
            self.state = "handling" if self.signed_round == self.round else "whistled"
        whistle = [False]
        for ticket in tickets:
            self.issued(whistle, kind, ticket["role"], ticket["organisation"])

    def issued(self, whistle: list, kind: str, role_: str, organisation: str) -> None:
        if role_ == "lead" and self.lead():
            self.lead().role = "assist"
        self.tickets.append(Ticket(whistle, kind, role_, organisation))
        self.finish_of(self.tickets[-1])

    def finish_of(self, ticket: Ticket) -> None:
        """Its kind's time, not beyond the case's due, not under the floor."""
        ends = [due for due in (FINISH.get(ticket.kind, self.resolve), self.resolve) if due is not None]
        ticket.finish = max(min(ends), FINISH_FLOOR) if ends else None

    def do_plan(self, who, body, target):
        self.requests.append(Request("plan", who, body=body))

    def do_step_done(self, who, body, target):
        self.steps[body["step"]] = True

    do_step_waive = do_step_done

    def do_check(self, who, body, target):
        if body["pass"]:
            asked = any(r != self.handler for r in self.asked())
            self.state, self.evaluated, self.before = "evaluating" if asked else "closed", asked, None
            return
        self.state, self.before = self.before, None
        self.worked_again(body["again"], body["fresh"])

    def worked_again(self, again: list[int], fresh: list[dict]) -> None:
        for n in again:
            self.tickets[n].state = "in_progress"
            self.finish_of(self.tickets[n])
        whistle = [False]
        for ticket in fresh:
            self.issued(whistle, "everyday", ticket["role"], ticket["organisation"])

    def do_rate(self, who, body, target):
        self.rated.add(who)
        self.state = "closed"
        if body["bad"]:
            self.wished.add(who)
            if not self.pending("reopen"):
                self.requests.append(Request("reopen", None))
            self.pending("reopen").joined.add(who)

    def do_callback(self, who, body, target):
        if body["reached"]:
            self.do_rate(self.called_raters()[0], body, target)

    def do_urge(self, who, body, target):
        self.urged.add(who)

    def do_resume(self, who, body, target):
        self.state, self.before = self.before, None
        for ticket in self.tickets:
            if ticket.state == "suspended":
                ticket.state, ticket.before = ticket.before
                self.counted_anew(ticket)

    def counted_anew(self, ticket: Ticket) -> None:
        """Of working days, with the working time that was left: none on a weekend. What ends with the case stays with it."""
        if ticket.kind in FINISH and ticket.finish != self.resolve and WEEKEND[0] < ticket.finish <= WEEKEND[1]:
            ticket.finish = WEEKEND[0]

    # … to a ticket

    def ticket_does(self, who: str, action: str, n: int, body: dict) -> None:
        ticket = self.tickets[n]
        if action in ("sign", "contact", "report_in", "start", "submit"):
            ticket.workers.add(who)
            self.workers.add(who)
        if action == "sign":
            ticket.state, self.signed_round = "signed", self.round
            self.state = "handling" if self.state == "whistled" else self.state
        elif action in ("report_in", "start", "submit", "approve", "rework"):
            ticket.state = {"report_in": "reported_in", "start": "in_progress", "submit": "submitted", "approve": "closed", "rework": "in_progress"}[action]
            if action == "approve" and body["feedback"]:
                self.do_feedback(who, body, None)
        elif action == "recall":
            ticket.state = "recalled"
            self.take_over(ticket, body)
        elif action == "supervise":
            self.supervisions.append(Supervision(n, ("organisation", ticket.organisation)))
        elif action == "reply_supervision":
            self.supervisions[body["n"]].replied = True
        self.expire()

    def take_over(self, ticket: Ticket, body: dict) -> None:
        """A lead went back, and says what takes its place."""
        if ticket.role != "lead":
            return
        if "new_lead" in body:
            self.issued(ticket.whistle, ticket.kind, "lead", body["new_lead"])
        elif "promote" in body:
            self.tickets[body["promote"]].role = "lead"
        else:
            self.state, self.handler = "source_handling", body["retake"]

    # … by asking and deciding

    def ask(self, who: str, kind: str, body: dict, n: int | None = None) -> None:
        self.requests.append(Request(kind, who, n, body))
        if kind == "reopen":
            self.wished.add(who) if role(who) == "citizen" else None
        if kind == "return":
            self.tickets[n].before, self.tickets[n].state = self.tickets[n].state, "return_requested"
        self.expire()

    def decide(self, who: str, action: str, request: Request, body: dict) -> None:
        if action == "approve" and request.kind == "hard_whistle":
            request.posts.add(POSTS[who])
            if request.posts != set(POSTS.values()):
                return
        self.requests.remove(request)
        if action == "approve":
            getattr(self, f"granted_{request.kind}")(request, body)
        elif request.kind == "return":
            ticket = self.tickets[request.ticket]
            ticket.final = ticket.final or action == "decline"
            if ticket.state == "suspended":
                ticket.before = (ticket.before[1], None)
            else:
                ticket.state, ticket.before = ticket.before, None
        self.expire()

    def granted_whistle(self, request, body):
        self.blown("everyday", body.get("tickets", request.body["tickets"]))

    def granted_hard_whistle(self, request, body):
        self.blown("hard", body.get("tickets", request.body["tickets"]))

    def granted_emergency_review(self, request, body):
        pass

    def granted_plan(self, request, body):
        kept = {step: True for step, done in (self.steps or {}).items() if done}  # steps done stay done
        self.steps, self.steps_named = kept | {self.steps_named: False, self.steps_named + 1: False}, self.steps_named + 2
        self.resolve, self.fixed = PLAN_ENDS, False
        for ticket in self.open_tickets():
            if ticket.kind == "emergency":
                ticket.finish = max(self.resolve, FINISH_FLOOR)

    def granted_delay(self, request, body):
        ticket = self.tickets[request.ticket]
        ticket.finish, ticket.delays = request.body["until"], ticket.delays + 1
        if ticket.role == "lead" and self.resolve is not None and ticket.finish > self.resolve:
            self.resolve, self.fixed = ticket.finish, True

    def granted_suspend(self, request, body):
        self.before, self.state = self.state, "suspended"
        for ticket in self.open_tickets():
            if ticket.state != "submitted":
                ticket.state, ticket.before = "suspended", (ticket.state, ticket.before)

    def granted_void(self, request, body):
        self.state = "voided"
        for ticket in self.open_tickets():
            ticket.state = "recalled"

    def granted_reopen(self, request, body):
        self.next_round()
        self.evaluated, self.handler = False, body.get("handler")
        self.state = "source_handling" if self.handler else "handling"
        self.resolve, self.fixed = WORKING_DAYS[3], True
        self.worked_again(body.get("again", []), body.get("fresh", []))

    def granted_return(self, request, body):
        ticket = self.tickets[request.ticket]
        ticket.state, ticket.whistle[0] = "returned", True
        for other in self.tickets:
            other.final = other.final or other.whistle is ticket.whistle
        self.take_over(ticket, body)
