"""The clocks of a case as somebody would keep them who lets one second after the other pass: written from the rules, apart from
the procedures. It knows no due times: a clock has so many seconds left, which run down while it runs, every second or those of
working days. When they are used up it is due, and a second later it is breached."""

from datetime import date, datetime, time, timedelta

from .world import LOCAL

DAY = 86400
LEVELS = {"ordinary": 30 * 60, "complex": 4 * 3600}
# kind: clock: seconds, working days as (n,), or None for what the case has left.
TIMES = {
    "everyday": {"sign": 3600, "contact": DAY, "report": (3,), "finish": (3,)},
    "emergency": {"sign": 600, "report": 1800, "finish": None},
    "hard": {"sign": 3600, "contact": DAY, "report": (3,), "finish": (5,)},
}
FLOORS = {"sign": 600, "contact": 3600, "report": 1800, "finish": 3600}
STAGES = {"resolve": (80, 100, 120), "plan": (80, 100, 120), "finish": (80, 100, 120), "arrive": (100,), "sign": (100,)}


class Calendar:
    def __init__(self, holidays: set[date], workdays: set[date]):
        self.holidays, self.workdays = holidays, workdays

    def works(self, day: date) -> bool:
        return day in self.workdays or day.weekday() < 5 and day not in self.holidays


def midnight_after(moment: datetime) -> datetime:
    return datetime.combine(moment.date() + timedelta(days=1), time(), LOCAL)


class Countdown:
    """One run of one clock. `spent` and `total` are what the stages are per cent of."""

    def __init__(self, name: str, run: int, left: int, fired: set, spent: int = 0, works: bool = False):
        self.name, self.run, self.left, self.fired, self.spent, self.works = name, run, left, fired, spent, works
        self.met, self.due, self.total = False, None, 0

    def passes(self, seconds: int, working: bool, now: datetime) -> None:
        self.spent += seconds
        if working or not self.works:
            self.left -= seconds
            if self.left <= 0 and self.due is None:
                self.due = now + timedelta(seconds=self.left)

    def ahead(self, working: bool) -> int:
        """For how long nothing happens to it: until it is due, breached, or a stage comes."""
        waits = [-(-self.total * stage // 100) - self.spent for stage in STAGES.get(self.name, ()) if stage not in self.fired]
        if working or not self.works:
            waits.append(self.left or 1)
        return min((wait for wait in waits if wait > 0), default=DAY)


class Ticket:
    def __init__(self, n: int, kind: str, role: str):
        self.n, self.kind, self.role, self.state, self.clocks = n, kind, role, "issued", {}
        self.run, self.fired, self.spent, self.delays, self.paused = 1, set(), 0, 0, False

    def open(self) -> bool:
        return self.state != "closed"


class Countdowns:
    """A case with its tickets. `stride` is how many seconds may pass at once when nothing can happen in between."""

    def __init__(self, calendar: Calendar, now: datetime, on_scene: bool, stride: int = DAY):
        self.calendar, self.now, self.stride, self.state, self.level, self.registered = calendar, now, stride, "received", "ordinary", False
        self.fired = {name: set() for name in ("arrive", "resolve", "plan")}
        self.runs = {"resolve": 1, "plan": 1}
        self.clocks: dict[str, Countdown] = {}
        self.tickets: list[Ticket] = []
        self.round, self.spent, self.review, self.before = 1, 0, None, None
        self.fixed, self.planned, self.plan_left, self.first_left = False, False, None, None
        self.breaches: list[tuple] = []
        self.reminders: list[tuple] = []
        self.start("resolve", LEVELS["ordinary"])
        if on_scene:
            self.clocks["arrive"] = self.totalled(Countdown("arrive", 1, 300, self.fired["arrive"]))

    # What runs

    def submitted(self) -> bool:
        return self.state in ("checking", "evaluating", "closed") or (
            self.state == "handling" and not any(t.open() and t.state != "submitted" for t in self.tickets))

    def counting(self):
        """Every clock that runs down now, with the number of its ticket, and whether it is looked at."""
        for clock in self.clocks.values():
            if not clock.met and (self.state != "suspended" or clock.name == "arrive"):
                yield clock, None, not self.submitted()
        for ticket in self.tickets:
            if ticket.open() and not ticket.paused:
                yield from ((clock, ticket.n, ticket.state != "submitted") for clock in ticket.clocks.values() if not clock.met)

    # Time passes

    def passes(self, seconds: int) -> None:
        while seconds:
            working = self.calendar.works(self.now.date())
            ends = [self.seconds_to(end) for end in (self.review, midnight_after(self.now)) if end]
            step = min([seconds, self.stride, *ends, *(c.ahead(working) for c, _, _ in self.counting())])
            self.step(step, working)
            seconds -= step

    def step(self, seconds: int, working: bool) -> None:
        self.now += timedelta(seconds=seconds)
        if self.state != "suspended":
            self.spent += seconds
            self.plan_left = None if self.plan_left is None else self.plan_left - seconds
            self.first_left = None if self.first_left is None else self.first_left - seconds
        for ticket in self.tickets:
            ticket.spent += 0 if ticket.paused else seconds
        for clock, _, _ in self.counting():
            clock.passes(seconds, working, self.now)
        self.look(None)
        if self.review and self.now >= self.review:
            self.resume() if self.state == "suspended" else self.closes()

    def look(self, at: datetime | None) -> None:
        """Writes down what has come: at its own time, or at the moment of the action that brought it about."""
        for clock, ticket, seen in self.counting():
            if not seen:
                continue
            name = "late_registration" if clock.name == "resolve" and not self.registered else clock.name
            if clock.left < 0 and name not in clock.fired:
                clock.fired.add(name)
                due = self.due(clock)
                self.breaches.append((ticket, name, clock.run, due, at or due))
            for stage in STAGES.get(clock.name, ()):
                if stage not in clock.fired and clock.spent * 100 >= stage * clock.total:
                    clock.fired.add(stage)
                    self.reminders.append((ticket, clock.name, clock.run, stage, self.now))

    # When that will be

    def seconds_to(self, moment: datetime) -> int:
        return round((moment - self.now).total_seconds())

    def due(self, clock: Countdown) -> datetime:
        """Where it ends when nothing else happens."""
        if clock.due or clock.left < 0:
            return clock.due or self.now + timedelta(seconds=clock.left)
        return self.walk(clock.left) if clock.works else self.now + timedelta(seconds=clock.left)

    def walk(self, left: int) -> datetime:
        """The moment at which so many seconds of working days are over."""
        at = self.now
        while True:
            here = round((midnight_after(at) - at).total_seconds()) if self.calendar.works(at.date()) else 0
            if here and left <= here:
                return at + timedelta(seconds=left)
            at, left = midnight_after(at), left - here

    def working_seconds(self, last: datetime) -> int:
        """How many of the seconds until then lie on working days."""
        at, found = self.now, 0
        while at < last:
            end = min(last, midnight_after(at))
            found += round((end - at).total_seconds()) if self.calendar.works(at.date()) else 0
            at = end
        return found

    def totalled(self, clock: Countdown) -> Countdown:
        clock.total = clock.spent + self.seconds_to(self.due(clock))
        return clock

    # What people do: to the case

    def start(self, name: str, left: int, spent: int | None = None) -> None:
        spent = self.spent if spent is None else spent
        self.clocks[name] = self.totalled(Countdown(name, self.runs[name], left, self.fired[name], spent))

    def new_run(self, name: str) -> None:
        self.runs[name] += 1
        self.fired[name] = set()

    def levelled(self, level: str) -> None:
        again = level == "major" and "plan" in self.clocks and self.runs["plan"] > 1
        self.level = level
        if not self.fixed:
            self.clocks.pop("resolve", None)
            left = self.plan_left if level == "major" else LEVELS[level] - self.spent
            if left is not None:
                self.start("resolve", left)
        if level != "major":
            self.clocks.pop("plan", None)
        elif not again:
            self.first_left = DAY - self.spent
            self.start("plan", self.first_left)
            self.clocks["plan"].met = self.planned
        self.look(self.now)

    def register(self, level: str) -> None:
        self.registered = True
        self.levelled(level)

    def merged(self, began: datetime, earlier: datetime) -> None:
        if self.round == 1:
            self.spent += round((began - earlier).total_seconds())
            self.levelled(self.level)

    def plan(self) -> None:
        self.planned = True
        if "plan" in self.clocks:
            self.clocks["plan"].met = True

    def plan_approved(self, due: datetime) -> None:
        self.plan_left = self.seconds_to(due)
        self.start("resolve", self.plan_left)
        self.fixed = False
        for ticket in self.tickets:
            if ticket.kind == "emergency" and ticket.open():
                left = max(self.plan_left, FLOORS["finish"] - ticket.spent)
                ticket.clocks["finish"] = self.totalled(Countdown("finish", ticket.run, left, ticket.fired, ticket.spent))
        self.look(self.now)

    def plan_declined(self) -> None:
        if self.plan_left is None:
            self.new_run("plan")
            self.planned = False
            self.start("plan", max(4 * 3600, self.first_left or 0), spent=0)
            self.look(self.now)

    def suspend(self, review: date) -> None:
        self.review = datetime.combine(review, time(), LOCAL)
        case_due = self.due(self.clocks["resolve"]) if "resolve" in self.clocks else None
        for ticket in self.tickets:
            ticket.paused = ticket.open() and ticket.state != "submitted"
            for clock in ticket.clocks.values() if ticket.paused else ():
                self.counted_anew(ticket, clock, case_due)
        for name in ("resolve", "plan"):
            if name in self.clocks:
                self.clocks[name].due = None
        self.before, self.state = self.state, "suspended"

    def counted_anew(self, ticket: Ticket, clock: Countdown, case_due: datetime | None) -> None:
        """What is left is of working days, but for what ends with the case, stands at its floor, or is past."""
        due, floor = self.due(clock), self.now + timedelta(seconds=FLOORS[clock.name] - ticket.spent)
        clock.works = isinstance(TIMES[ticket.kind][clock.name], tuple) and due not in (case_due, floor) and due > self.now
        clock.left = self.working_seconds(due) if clock.works else self.seconds_to(due)
        clock.due = None

    def resume(self) -> None:
        self.state, self.review = self.before, None
        for ticket in self.tickets:
            for clock in ticket.clocks.values() if ticket.paused else ():
                self.totalled(clock)
            ticket.paused = False
        self.look(self.now)

    def closes(self) -> None:
        """Nobody rated it."""
        self.state, self.review = "closed", None

    def reopen(self) -> None:
        self.round += 1
        self.spent, self.fixed, self.first_left = 0, True, None
        self.clocks = {}
        self.new_run("resolve")
        self.new_run("plan")
        self.start("resolve", self.seconds_to(self.walk(3 * DAY)))

    # … and to its tickets

    def whistle(self, kind: str, roles, signed: bool) -> None:
        for role in roles:
            ticket = Ticket(len(self.tickets), kind, role)
            self.tickets.append(ticket)
            for name in TIMES[kind]:
                if name != "contact" or role == "lead":
                    self.ticket_clock(ticket, name)
        if self.state not in ("whistled", "handling"):
            self.state = "handling" if signed else "whistled"
        self.look(self.now)

    def ticket_clock(self, ticket: Ticket, name: str) -> None:
        """The kind's own time, not beyond the case's due, not under the floor."""
        given = TIMES[ticket.kind][name]
        works = isinstance(given, tuple)
        left = self.seconds_to(self.walk(given[0] * DAY)) if works else given
        cap = self.clocks["resolve"].left if "resolve" in self.clocks else None
        ends = min((seconds for seconds in (left, cap) if seconds is not None), default=None)
        if ends is None:
            return
        ends = max(ends, FLOORS[name])
        works = works and ends == left
        run, fired = (ticket.run, ticket.fired) if name == "finish" else (1, set())
        ticket.clocks[name] = self.totalled(Countdown(name, run, given[0] * DAY if works else ends, fired, works=works))

    def reopened(self, ticket: Ticket) -> None:
        ticket.state, ticket.run, ticket.spent, ticket.fired, ticket.clocks = "in_progress", ticket.run + 1, 0, set(), {}
        self.ticket_clock(ticket, "finish")

    def delayed(self, ticket: Ticket, until: datetime) -> None:
        clock = ticket.clocks["finish"]
        clock.left, clock.works, clock.due = self.seconds_to(until), False, None
        self.totalled(clock)
        ticket.delays += 1
        resolve = self.clocks.get("resolve")
        if ticket.role == "lead" and resolve and resolve.left >= 0 and self.seconds_to(until) > resolve.left:
            self.start("resolve", self.seconds_to(until))
            self.fixed = True
