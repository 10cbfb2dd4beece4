"""The hazard machine against a small model of it, written from its rules alone: random people do random things at random times,
and after each the stored row is what the model says."""

import random
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from psycopg.types.json import Jsonb
from support.world import PLACES, iso, place_uuid

FIELD, PEOPLE = ("grid1", "community_xf"), ("grid1", "community_xf", "property", "grid2", "supervisor", "leader", "dispatcher")
FROM = {"plan": ("open", "rectifying"), "start": ("open",), "submit": ("open", "rectifying"), "pass": ("submitted",),
        "fail": ("submitted",), "extend": ("open", "rectifying"), "void": ("open", "rectifying")}
STEPS = 900


@dataclass
class Model:
    """What the rules make of one hazard."""

    place: str
    people: int | None  # when it was coloured
    colour: str
    same_day: bool
    due: datetime | None
    state: str = "open"
    noded: bool = False
    unknown: bool = False
    reworks: int = 0
    workers: set = field(default_factory=set)
    asked: dict = field(default_factory=dict)  # kind → until

    def coloured(self, people: int | None, now: datetime) -> None:
        was, same_day = self.colour, self.same_day and self.due > now
        if (same_day, people) == (self.same_day, self.people):
            return
        self.same_day, self.people = same_day, people
        self.colour = "blue" if self.same_day else "orange" if people is not None and people < 30 else "red"
        self.unknown = self.colour == "red" and people is None
        if self.colour != "blue" and (was == "blue" or self.due is None):
            self.due, self.noded = midnight(now), True

    def settled(self, people, now) -> None:
        if self.state in ("open", "rectifying") and self.colour == "blue" and self.due <= now:
            self.coloured(people, self.due)

    def hidden(self, who: str) -> bool:
        return who == "grid2" or who == "property" and self.place != "garage"

    def refusal(self, who: str, action: str, now, until, photo) -> str | None:
        if self.hidden(who):
            return "not_found"
        extends = self.colour != "blue" and self.due is not None
        if self.state not in FROM[action] or action == "extend" and not extends:
            return "invalid_transition"
        if action in self.asked:
            return "request_pending"
        if action in ("pass", "fail"):
            allowed = {*FIELD, "supervisor", "leader"}
            code = "worked_on_it" if who in self.workers or who == "leader" else None
        else:
            allowed = {"extend": set(FIELD), "void": {"community_xf"}}.get(action, {*FIELD, "property"})
            code = None
        if who not in allowed:
            return "insufficient_role"
        return code or self.row_refusal(action, now, until, photo)

    def row_refusal(self, action, now, until, photo) -> str | None:
        if action == "plan" and self.due and (until > self.due or self.colour != "blue" and until < self.due):
            return "out_of_range"
        if action == "extend" and until <= max(self.due, now):
            return "out_of_range"
        if action == "start" and self.colour != "blue" and not self.noded:
            return "nodes_missing"
        return "photo_missing" if action == "submit" and not photo else None

    def done(self, who: str, action: str, people, now, until) -> None:
        if action == "plan":
            self.noded = True
            self.due = self.due if self.colour == "blue" else until
        elif action in ("start", "submit"):
            self.workers.add(who)
            self.state = {"start": "rectifying", "submit": "submitted"}[action]
        elif action in ("extend", "void"):
            self.asked[action] = until
        elif action == "pass":
            self.state = "verified"
        else:
            self.state, self.reworks = "rectifying", self.reworks + 1
            self.coloured(people, now)
            if self.due is None:
                self.due, self.noded = midnight(now), True
        if self.state not in ("open", "rectifying"):
            self.asked.clear()


def midnight(now: datetime) -> datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


class Walk:
    def __init__(self, m, dice: random.Random):
        self.m, self.dice = m, dice
        self.people = {name: PLACES[name][1] for name in ("hall29", "hall31", "unknown", "garage")}
        self.models: dict[uuid.UUID, Model] = {}
        self.seen: set = set()

    def step(self) -> None:
        do = self.dice.choices([self.find, self.act, self.decide, self.capacity, self.time], [1, 16, 2, 1, 2])[0]
        do()
        for hazard, model in self.models.items():
            row = self.m.one("SELECT * FROM hazards WHERE id = %s", hazard)
            stored = (row["state"], row["colour"], row["due_at"], row["same_day_fixable"], row["capacity_unknown"],
                      row["rework_count"], row["requests_pending"], {str(w) for w in row["workers"]})
            assert stored == (model.state, model.colour, model.due, model.same_day, model.unknown, model.reworks,
                              len(model.asked), {self.m.person(w) for w in model.workers}), (do.__name__, model)

    def find(self) -> None:
        place, same_day = self.dice.choice(list(self.people)), self.dice.random() < 0.5
        reply = self.m.found(place, same_day, by=self.dice.choice(FIELD))
        people = self.people[place]
        if not same_day and people is None:
            assert reply.code == "capacity_unknown"
            return
        assert reply.code is None
        colour = "blue" if same_day else "orange" if people < 30 else "red"
        self.models[reply["id"]] = Model(place, people, colour, same_day, midnight(self.m.clock.now) if same_day else None)

    def act(self) -> None:
        if not self.models:
            return
        hazard, model = self.dice.choice(list(self.models.items())[-6:])
        who, action, photo = self.dice.choice(PEOPLE), self.dice.choice(list(FROM)), self.dice.random() < 0.8
        until = self.m.clock.now + timedelta(hours=self.dice.randrange(1, 60))
        if action == "plan" and model.due and model.due > self.m.clock.now and self.dice.random() < 0.7:
            until = model.due
        if not model.hidden(who):  # what time has made of it is no effect of a refusal
            model.settled(self.people[model.place], self.m.clock.now)
        expected = model.refusal(who, action, self.m.clock.now, until, photo)
        reply = self.sent(hazard, who, action, until, photo)
        assert reply.code == expected, (who, action, model, reply.pointer)
        self.seen.add((action, expected))
        if expected is None:
            model.done(who, action, self.people[model.place], self.m.clock.now, until)

    def sent(self, hazard, who, action, until, photo):
        if action in ("extend", "void"):
            body = {"kind": action, "reason": "r"} | ({"until": iso(until)} if action == "extend" else {})
            return self.m.call("hazard_ask", who, uuid.uuid4(), None, None, self.m.clock.now, hazard, Jsonb(body))
        body = {"plan": {"nodes": [{"title": "t", "due_at": iso(until)}]}, "fail": {"reason": "r"},
                "submit": {"result": "r"} | ({"photos_after": [self.m.picture(who)]} if photo else {})}.get(action, {})
        return self.m.hazard(who, action, {"id": hazard}, **body)

    def decide(self) -> None:
        asked = [(h, k) for h, model in self.models.items() for k in model.asked]
        if not asked:
            return
        hazard, kind = self.dice.choice(asked)
        model, now = self.models[hazard], self.m.clock.now
        row = self.m.one("SELECT * FROM requests WHERE hazard_id = %s AND kind = %s AND state = 'pending'", hazard, kind)
        action = self.dice.choice(["approve", "decline"])
        reply = self.m.decide({"extend": "dispatcher", "void": "leader"}[kind], action, row, reason="r")
        if action == "approve" and kind == "extend" and model.asked[kind] <= max(model.due, now):
            assert reply.code == "window_over"
            return
        assert reply.code is None, (reply.code, model)
        model.settled(self.people[model.place], now)
        until = model.asked.pop(kind)
        if action == "approve" and kind == "extend":
            model.due = until
        elif action == "approve":
            model.state = "voided"
            model.asked.clear()

    def capacity(self) -> None:
        place, people = self.dice.choice(list(self.people)), self.dice.choice([0, 29, 30, 31, None])
        place_id = place_uuid(self.m.tenant, place)
        version = self.m.one("SELECT version FROM places WHERE id = %s", place_id)["version"]
        reply = self.m.call("place_edit", "dispatcher", uuid.uuid4(), [version], self.m.clock.now, place_id, Jsonb({"capacity": people}))
        assert reply.code is None
        if people == self.people[place]:
            return
        self.people[place] = people
        for model in self.models.values():
            if model.place == place and model.state in ("open", "rectifying"):
                model.settled(people, self.m.clock.now)
                model.coloured(people, self.m.clock.now)

    def time(self) -> None:
        self.m.clock.forward(minutes=self.dice.choice([1, 60, 600]))
        if self.dice.random() < 0.7:  # else the job comes later
            self.m.tick()
            for model in self.models.values():
                model.settled(self.people[model.place], self.m.clock.now)


def test_random_steps(m):
    walk = Walk(m, random.Random(1))
    for _ in range(STEPS):
        walk.step()
    # It came round: everything was done, and each thing was refused for its own reason.
    assert {(action, None) for action in FROM} <= walk.seen
    codes = {"not_found", "invalid_transition", "insufficient_role", "worked_on_it", "out_of_range", "nodes_missing", "photo_missing",
             "request_pending"}
    assert not codes - {code for _, code in walk.seen}
