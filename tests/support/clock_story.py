"""What happens to one case and its tickets, told to the procedures and to the simulation of support/countdown.py alike."""

import random
from collections import Counter
from datetime import datetime, timedelta
from functools import partial

from .countdown import DAY, LEVELS, Calendar, Countdowns, Ticket
from .machine import Machine, done, local, tickets_for
from .world import LOCAL

STEPS = 45
SEEN: Counter = Counter()  # what the stories were made of


class Story:
    """What happens to one case, told to the machine and to the simulation alike."""

    def __init__(self, m: Machine, seed: int, stride: int = DAY):
        self.m, self.chance = m, random.Random(seed)
        self.m.clock.forward(days=self.chance.randint(0, 6), seconds=self.chance.randrange(DAY // 2))
        self.m.clock.now = self.m.clock.now.replace(microsecond=0)
        self.elder_at = self.m.clock.now
        self.elder = done(m.create("citizen2", category="litter"))
        self.m.clock.forward(seconds=self.chance.randint(1, 1200))
        self.begins(self.chance.random() < 0.5, self.some_days(), stride)

    def begins(self, on_scene: bool, days: dict, stride: int = DAY) -> None:
        self.on_scene, self.signed_round, self.started, self.told, self.kept = on_scene, 0, self.m.clock.now, [], {}
        self.case = done(self.m.create(category="pothole" if on_scene else "advice"))
        self.sim = Countdowns(self.calendar(days), self.m.clock.now, on_scene, stride)

    def some_days(self) -> dict:
        """Two holidays, and weekends that are worked."""
        today = self.m.clock.now.date()
        days = [today + timedelta(days=n) for n in range(12)]
        off = set(self.chance.sample(days, 2))
        return dict.fromkeys(off, "holiday") | {
            day: "workday" for day in days if day.weekday() > 4 and self.chance.random() < 0.3 and day not in off}

    def calendar(self, days: dict) -> Calendar:
        """What was taken back says nothing."""
        today = self.m.clock.now.date()
        others = {day: "holiday" for day in (today + timedelta(days=n) for n in range(3)) if day not in days}
        for active, chosen in ((True, days), (False, others)):
            for day, kind in chosen.items():
                self.m.cursor.execute("INSERT INTO calendar_days (tenant, day, kind, active) VALUES (%s, %s, %s, %s)",
                                      (self.m.tenant, day, kind, active))
        return Calendar({d for d in days if days[d] == "holiday"}, {d for d in days if days[d] == "workday"})

    # Time

    def wait(self) -> None:
        """For a while, or until just before, at or after something that is to come."""
        seconds = self.chance.choice([1, 60, 600, 1800, 4000, 4 * 3600, 9 * 3600, 30 * 3600])
        dues = [self.sim.seconds_to(self.sim.due(clock)) for clock, _, _ in self.sim.counting()]
        ahead = [due + self.chance.choice([-1, 0, 0, 1]) for due in dues if 1 < due < 6 * DAY]
        if ahead and self.chance.random() < 0.4:
            seconds = self.chance.choice(ahead)
        self.pass_by(seconds)

    def pass_by(self, seconds: int, looked: bool = False) -> None:
        self.sim.passes(seconds)
        # What an action finds due it settles itself; only what time alone brings about needs the job.
        if self.sim.review or self.m.stored(self.case)["state"] == "suspended" or looked or self.chance.random() < 0.6:
            self.m.tick(seconds=seconds)
            self.compare()
        else:
            self.m.clock.forward(seconds=seconds)

    # Actions: those that are possible now, each with what it does

    def possible(self):
        s, open_, live = self.sim, [t for t in self.sim.tickets if t.open()], self.sim.state not in ("suspended", "checking", "evaluating", "closed")
        if s.state == "received":
            yield 3, self.accepted
        if s.state == "accepted":
            yield 4, self.registered
        if s.state == "registered":
            yield 2, self.at_source
        if s.state == "source_handling" and self.plan_carried_out():
            yield 1, self.source_done
        if live and "arrive" in s.clocks and not s.clocks["arrive"].met:
            yield 1, self.arrived
        if live and not any(t.role == "lead" and t.open() for t in s.tickets):
            yield 1, self.emergency
            if s.registered:
                yield 3, self.everyday
        if live and s.registered:
            yield 1, self.reclassed
            yield from self.possible_plans()
            stored = self.m.stored(self.case)
            if (stored["resolve_due_at"] or stored["plan_due_at"]) >= s.now:
                yield 2, self.suspended
        if s.state == "suspended":
            yield 1, self.resumed
            yield 0.3, self.emergency
        if not self.merged_already and (live or s.state == "suspended"):
            yield 0.5, self.merged
        if s.state != "suspended":
            yield from ((2, partial(self.worked, t)) for t in open_)
            yield from ((0.7, partial(self.delayed, t)) for t in open_ if t.state in ("signed", "reported_in", "in_progress") and t.delays < 2)
        if s.state == "handling" and not open_ and self.plan_carried_out():
            yield 6, self.fed_back
        if s.state == "checking":
            yield 3, self.checked
        if s.state == "closed":
            yield 3, self.reopened

    merged_already = False

    def possible_plans(self):
        pending = self.m.pending(self.case, "plan")
        if self.sim.level == "major":
            yield 2, partial(self.plan_decided, pending) if pending else self.planned

    def plan_carried_out(self) -> bool:
        stored = self.m.stored(self.case)
        return stored["level"] != "major" or stored["plan_request"] is not None and not stored["plan_parties"]

    def accepted(self):
        done(self.m.case("dispatcher", "accept", self.case))
        self.sim.state = "accepted"

    def registered(self, level: str | None = None):
        level = level or self.chance.choice(["ordinary", "complex", "complex", "major", "major"])
        done(self.m.case("dispatcher", "register", self.case, level=level))
        self.sim.state = "registered"
        self.sim.register(level)

    def reclassed(self, level: str | None = None):
        level = level or self.chance.choice([*LEVELS, "major", "major"])
        done(self.m.case("leader", "reclass", self.case, level=level, reason="r"))
        self.sim.levelled(level)

    def at_source(self):
        done(self.m.case("grid1", "start_source", self.case))
        self.sim.state = "source_handling"

    def source_done(self):
        done(self.m.case("grid1", "source_done", self.case, result="r", reply="p"))
        self.sim.before, self.sim.state = "source_handling", "checking"

    def arrived(self):
        done(self.m.case("grid1", "arrive", self.case, point=self.m.point))
        self.sim.clocks["arrive"].met = True

    def merged(self):
        self.merged_already = True
        done(self.m.case("dispatcher", "merge", self.elder, into=str(self.case["id"]), reason="r"))
        self.sim.merged(self.started, self.elder_at)

    def roles(self) -> list[str]:
        return ["lead"] + ["assist"] * self.chance.choice([0, 1, 1])

    def everyday(self, roles: list[str] | None = None):
        roles = roles or self.roles()
        done(self.m.case("dispatcher", "whistle", self.case, kind="everyday", tickets=tickets_for("city", "water")[:len(roles)]))
        self.whistled("everyday", roles)

    def emergency(self):
        roles = self.roles() if not any(t.role == "lead" and t.open() for t in self.sim.tickets) else []
        if not roles:
            return False
        done(self.m.case("leader", "whistle", self.case, kind="emergency", reason="r", tickets=tickets_for("city", "water")[:len(roles)]))
        if self.sim.state == "suspended":
            self.sim.resume()
        if not self.sim.registered:
            self.sim.register("complex")
        self.whistled("emergency", roles)

    def whistled(self, kind: str, roles: list[str]):
        for ticket in self.sim.tickets:
            ticket.role = "assist"  # a closed lead whose place the new one takes
        self.sim.whistle(kind, roles, self.signed_round == self.sim.round)

    def steps(self, seconds: int | None) -> tuple[datetime, list[dict]]:
        due = self.m.clock.now + timedelta(seconds=seconds or self.chance.randint(3600, 5 * DAY))
        who = {"kind": "role", "id": "dispatcher"}
        return due, [{"what": "w", "due_at": local(at), "who": who} for at in (due, due - timedelta(seconds=1800))]

    def planned(self, seconds: int | None = None):
        self.plan_due, steps = self.steps(seconds)
        done(self.m.case("dispatcher", "plan", self.case, steps=steps))
        self.sim.plan()

    def plan_approved(self):
        pending = self.m.pending(self.case, "plan")
        done(self.m.decide("leader", "approve", pending))
        self.sim.plan_approved(self.plan_due)
        for step in self.m.all("SELECT step_id FROM plan_steps WHERE request_id = %s AND waived_at IS NULL", pending["id"]):
            done(self.m.case("leader", "step_waive", self.case, step_id=str(step["step_id"]), reason="r"))

    def plan_declined(self):
        done(self.m.decide("leader", "decline", self.m.pending(self.case, "plan"), reason="r"))
        self.sim.plan_declined()

    def plan_decided(self, pending):
        if self.chance.random() < 0.6:
            self.plan_approved()
        elif self.chance.random() < 0.5:
            self.plan_declined()
        else:
            done(self.m.decide("dispatcher", "withdraw", pending))
            self.sim.plan_declined()

    def suspended(self, days: int | None = None):
        review = self.m.clock.now.date() + timedelta(days=days or self.chance.randint(1, 3))
        request = done(self.m.ask("dispatcher", "case", self.case, kind="suspend", review_date=str(review)))
        done(self.m.decide("leader", "approve", request))
        self.sim.suspend(review)

    def resumed(self):
        done(self.m.case("dispatcher", "resume", self.case))
        self.sim.resume()

    def row(self, ticket: Ticket):
        return self.m.tickets(self.case)[ticket.n]

    def worked(self, ticket: Ticket):
        """The next step of a ticket; for one submitted, the street's answer."""
        if ticket.state == "signed" and "contact" in ticket.clocks and not ticket.clocks["contact"].met and self.chance.random() < 0.3:
            self.contacted(ticket)
        elif ticket.state == "submitted":
            self.approved(ticket) if self.chance.random() < 0.6 else self.reworked(ticket)
        else:
            {"issued": self.signed, "signed": self.began, "reported_in": self.began, "in_progress": self.submitted}[ticket.state](ticket)

    def by_department(self, action: str, ticket: Ticket, **body):
        row = self.row(ticket)
        done(self.m.ticket(row["organisation"], action, row, **body))

    def signed(self, ticket: Ticket):
        self.by_department("sign", ticket)
        ticket.state, self.signed_round = "signed", self.sim.round
        ticket.clocks["sign"].met = True
        self.sim.state = "handling" if self.sim.state == "whistled" else self.sim.state

    def contacted(self, ticket: Ticket):
        self.by_department("contact", ticket)
        ticket.clocks["contact"].met = True

    def began(self, ticket: Ticket):
        """On scene by reporting in first."""
        if ticket.state == "signed" and self.on_scene:
            self.by_department("report_in", ticket, point=self.m.point)
            ticket.state = "reported_in"
        else:
            self.by_department("start", ticket)
            ticket.state = "in_progress"
        ticket.clocks["report"].met = True

    def submitted(self, ticket: Ticket):
        self.by_department("submit", ticket, result="r", reply="p")
        ticket.state = "submitted"
        if "contact" in ticket.clocks:
            ticket.clocks["contact"].met = True

    def approved(self, ticket: Ticket):
        done(self.m.ticket("dispatcher", "approve", self.row(ticket), rating=4))
        ticket.state = "closed"

    def reworked(self, ticket: Ticket):
        done(self.m.ticket("dispatcher", "rework", self.row(ticket), reason="r"))
        ticket.state = "in_progress"
        self.sim.look(self.sim.now)

    def delayed(self, ticket: Ticket, seconds: int | None = None):
        clock, resolve = ticket.clocks.get("finish"), self.sim.clocks.get("resolve")
        if not clock or self.sim.due(clock) < self.sim.now:
            return False
        until = self.sim.due(clock) + timedelta(seconds=seconds or self.chance.randint(1, 2 * DAY))
        if ticket.role == "assist" and resolve:
            until = min(until, self.sim.due(resolve))
        if until <= self.sim.due(clock):
            return False
        row = self.row(ticket)
        request = done(self.m.ask(row["organisation"], "ticket", row, kind="delay", until=local(until)))
        done(self.m.decide("dispatcher" if ticket.role == "assist" and not ticket.delays else "leader", "approve", request))
        self.sim.delayed(ticket, until)

    def fed_back(self):
        done(self.m.case("dispatcher", "feedback", self.case))
        self.sim.before, self.sim.state = "handling", "checking"

    def again(self) -> list[Ticket]:
        return [t for t in self.sim.tickets if t.role == "lead" or self.chance.random() < 0.5]

    def named(self, tickets: list[Ticket]) -> list[dict]:
        rows = self.m.tickets(self.case)
        return [{"ticket_id": str(rows[t.n]["id"])} for t in tickets]

    def checked(self):
        if self.chance.random() < 0.5:
            self.passed()
            self.rated()
        else:
            self.failed()

    def passed(self):
        done(self.m.case("supervisor", "check", self.case, point=self.m.point, **{"pass": True}))
        self.sim.state, self.sim.review = "evaluating", self.sim.now + timedelta(days=7)

    def rated(self):
        done(self.m.case("citizen", "rate", self.case, contacted=True, solved="no", satisfied=1))
        self.sim.state, self.sim.review = "closed", None

    def failed(self):
        again = self.again() if self.sim.before == "handling" else []
        more = {"rework_tickets": self.named(again)} if again else {}
        done(self.m.case("supervisor", "check", self.case, reason="r", point=self.m.point, **more, **{"pass": False}))
        self.back(self.sim.before, again)

    def back(self, state: str, again: list[Ticket]):
        self.sim.state = state
        for ticket in again:
            self.sim.reopened(ticket)
        self.sim.look(self.sim.now)

    def reopened(self):
        request = self.m.pending(self.case, "reopen")
        if request is None:
            return False
        again = self.again() if any(t.role == "lead" for t in self.sim.tickets) and self.chance.random() < 0.6 else []
        answer = {"rework_tickets": self.named(again)} if again else {"handler": self.m.person("grid1")}
        done(self.m.decide("supervisor", "approve", request, **answer))
        self.sim.reopen()
        self.back("handling" if again else "source_handling", again)

    def goes_on(self, seconds: int = 1000 * DAY) -> None:
        for _ in range(STEPS):
            if self.sim.now - self.started > timedelta(seconds=seconds):
                break
            for _ in range(self.chance.choice([1, 1, 2])):
                ways = list(self.possible())
                if ways:
                    action = self.chance.choices([way for _, way in ways], [weight for weight, _ in ways])[0]
                    self.told.append((str(self.m.clock.now), getattr(action, "func", action).__name__))
                    if action() is False:
                        self.m.tick()
                    self.compare()
            self.wait()
        SEEN.update(name for _, name in self.told)
        SEEN.update(f"breach of {clock}" for _, clock, *_ in self.sim.breaches)
        SEEN.update(f"{clock} at {stage}" for _, clock, _, stage, _ in self.sim.reminders)
        SEEN["stories"] += 1

    # Comparison

    def compare(self) -> None:
        stored = self.m.stored(self.case)
        assert stored["state"] == self.sim.state, self.told[-8:]
        assert sorted(self.raised(), key=str) == sorted(self.sim.reminders, key=str), self.told[-8:]
        assert sorted(self.breaches(), key=str) == sorted(self.sim.breaches, key=str), self.told[-8:]
        if self.sim.state != "suspended":
            self.compare_dues(stored, None, self.sim.clocks)
            for row, ticket in zip(self.m.tickets(self.case), self.sim.tickets, strict=True):
                if ticket.open():
                    self.compare_dues(row, ticket.n, ticket.clocks)

    def compare_dues(self, row, ticket, clocks) -> None:
        for name, clock in clocks.items():
            due = row[f"{name}_due_at"]
            if not clock.met:
                assert due == self.sim.due(clock), (ticket, name, self.told[-8:])
            elif ticket is not None:
                assert due == self.kept.setdefault((ticket, name), due), (ticket, name, "was met", self.told[-8:])

    def numbers(self) -> dict:
        return {self.case["id"]: None, None: None} | {row["id"]: n for n, row in enumerate(self.m.tickets(self.case))}

    def breaches(self) -> list[tuple]:
        numbers = self.numbers()
        rows = self.m.all("SELECT * FROM breaches WHERE case_id = %s", self.case["id"])
        return [(numbers[r["subject"]], r["clock"], r["run"], r["due"], r["breached_at"]) for r in rows]

    def raised(self) -> list[tuple]:
        """To the full second in which it comes: four fifths of some seconds are no seconds."""
        numbers = self.numbers()
        rows = self.m.all("SELECT * FROM supervisions WHERE case_id = %s", self.case["id"])
        return [(numbers[r["ticket_id"]], r["clock"], r["run"], r["stage"], second(r["raised_at"])) for r in rows]


def second(moment: datetime) -> datetime:
    whole = moment.astimezone(LOCAL).replace(microsecond=0)
    return whole if whole == moment else whole + timedelta(seconds=1)
