"""Stories of the clocks that chance seldom tells: each goes where one line of the calendar or the clocks decides, and no other.
tests/mutants shows which. Every case comes in on a Wednesday at 10:00, unless it waits for another day."""

import random
from datetime import timedelta

from .clock_story import Story
from .countdown import DAY
from .machine import Machine, done

HOUR = 3600


class Scene(Story):
    def __init__(self, m: Machine, on_scene: bool = False, after: int = 0, elder: int = 0, **days: str):
        """`after` so many seconds, `elder` seconds after another case; days by how many there are from the day it comes in: `d1="holiday"`."""
        self.m, self.chance = m, random.Random(0)
        self.m.clock.forward(seconds=after)
        self.elder_at, self.elder = m.clock.now, done(m.create("citizen2", category="litter")) if elder else None
        self.m.clock.forward(seconds=elder)
        today = self.m.clock.now.date()
        self.begins(on_scene, {today + timedelta(days=int(n[1:])): kind for n, kind in days.items()})

    def then(self, *actions) -> "Scene":
        """One after the other: an action, with what it is told in a tuple; or so many seconds."""
        for action in actions:
            if isinstance(action, int):
                self.pass_by(action, looked=True)
                continue
            name, *told = action if isinstance(action, tuple) else (action,)
            self.told.append((str(self.m.clock.now), name))
            assert getattr(self, name)(*told) is not False, self.told[-8:]
            self.compare()
        return self

    def major(self, *actions) -> "Scene":
        """No due of the case's own: the tickets have their working days."""
        return self.then("accepted", ("registered", "major"), ("everyday", ["lead"])).then(*actions)

    def each(self, *names) -> "Scene":
        """Of the first ticket."""
        return self.then(*((name, self.sim.tickets[0]) for name in names))


def what_was_past_moves(m):
    """By the length of a suspension, though its days are working days."""
    s = Scene(m).major(("planned", 10 * DAY), "plan_approved").each("signed")
    s.then(6 * DAY, ("suspended", 3), 2 * DAY + HOUR, "resumed", 10 * DAY)


def what_is_due_at_that_moment_moves(m):
    """Due on Monday at 10:00, suspended then, taken up again on Saturday."""
    s = Scene(m).major(("planned", 20 * DAY), "plan_approved").each("signed", "began")
    s.then(5 * DAY, ("suspended", 10), 5 * DAY, "resumed", 3 * DAY)


def working_time_is_left(m):
    """From Thursday 9:00 to Monday 10:00 there are 49 hours, taken up again on Saturday."""
    Scene(m).major(23 * HOUR, ("suspended", 2), 10 * DAY)


def working_time_is_left_on_the_same_day(m):
    """Due on Wednesday 10:00, suspended at 8:00, taken up again on Friday."""
    s = Scene(m, d1="holiday", d2="holiday").major(("planned", 20 * DAY), "plan_approved").each("signed")
    s.then(7 * DAY - 2 * HOUR, ("suspended", 9), 2 * DAY, "resumed", 5 * DAY)


def days_end_at_midnight(m):
    """From Sunday noon three days are over with Wednesday; Thursday is none."""
    Scene(m, after=4 * DAY + 2 * HOUR, d4="holiday").major(9 * DAY)


def in_checking_nothing_is_late(m):
    """Refused, it is, and was."""
    s = Scene(m).then("accepted", ("registered", "ordinary"), "at_source", 600, "source_done", 7200, "failed", HOUR, "source_done", "passed")
    s.then(DAY, "rated", DAY)


def nobody_rates(m):
    s = Scene(m).then("accepted", ("registered", "complex"), "at_source", 600, "source_done", 600, "passed", 6 * DAY, 2 * DAY)
    assert s.m.stored(s.case)["closed_how"] == "unrated"


def five_minutes_run_on(m):
    """Not even a suspension moves them."""
    Scene(m, on_scene=True).then("accepted", ("registered", "complex"), 120, ("suspended", 1), 1200, "resumed", DAY)


def who_was_called_was_called(m):
    Scene(m).major(600).each("signed", "contacted").then(30 * HOUR)


def who_submits_need_not_call(m):
    Scene(m).major(600).each("signed", "began", "submitted", "reworked").then(30 * HOUR)


def who_begins_has_reported(m):
    Scene(m).major(600).each("signed", "began").then(8 * DAY)


def the_job_looks_in_vain(m):
    """At 24:10, for a call that was made just before; and does not lose the plan's last reminder, which is to come."""
    s = Scene(m).then("accepted", ("registered", "major"), 600, ("everyday", ["lead"])).each("signed")
    s.then(DAY - 300, ("contacted", s.sim.tickets[0]), 600, 8 * HOUR)


def what_ends_with_the_case_moves_with_it(m):
    """Over a weekend, though its days are working days."""
    s = Scene(m, after=2 * DAY).then("accepted", ("registered", "complex"), ("everyday", ["lead"])).each("signed")
    s.then(HOUR, ("suspended", 2), 5 * DAY)


def what_stands_at_its_floor_moves(m):
    s = Scene(m, after=2 * DAY).then("accepted", ("registered", "ordinary"), 600, ("everyday", ["lead"]), 300, ("suspended", 2), 5 * DAY)
    assert s.sim.breaches


def a_delay_within_the_plan(m):
    """Moves the ticket alone."""
    s = Scene(m).major(("planned", 10 * DAY), "plan_approved").each("signed")
    s.then(("delayed", s.sim.tickets[0], DAY), 5 * DAY, 7 * DAY)


def a_plan_refused_early(m):
    """Has what the first run gave."""
    Scene(m).major(HOUR, "planned", HOUR, "plan_declined", 30 * HOUR)


def a_plan_refused_after_a_suspension(m):
    """What the first run gave has moved by its length."""
    Scene(m).major(HOUR, ("suspended", 1), 15 * HOUR, "planned", HOUR, "plan_declined", 40 * HOUR)


def a_plan_handed_in_waits_for_nobody(m):
    """Its clock is met, and no suspension moves it."""
    s = Scene(m).major(HOUR, "planned", HOUR, ("suspended", 1), 15 * HOUR)
    assert s.m.stored(s.case)["plan_due_at"] == s.started + timedelta(days=1)


def a_major_case_known_late(m):
    """Is reminded of its plan by the time since it came in."""
    Scene(m).then("accepted", 10 * HOUR, ("registered", "major"), 9 * HOUR, HOUR, 12 * HOUR)


def an_elder_case_goes_up_in_a_major_one(m):
    """And its plan is due earlier."""
    Scene(m, elder=HOUR).then("accepted", ("registered", "major"), 600, "merged", 30 * HOUR)


def an_elder_case_goes_up_in_a_later_round(m):
    """Which began when it was reopened, and goes on from there."""
    s = Scene(m, elder=20 * HOUR).then("accepted", ("registered", "complex"), "at_source", 600, "source_done", 600, "passed", "rated", HOUR, "reopened")
    s.then("merged", 10 * DAY)


SCENES = [f for f in list(globals().values()) if getattr(f, "__module__", "") == __name__ and callable(f) and f is not Scene]
