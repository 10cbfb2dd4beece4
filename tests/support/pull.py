"""Departments that pull their tickets and race for them, while instances die: nothing lost, nothing handled twice."""

import random
import threading
import time

import psycopg
import requests

from . import tokens
from .postgres import Postgres
from .service import Service
from .world import World, build_world, person_uuid

DEPARTMENTS = [f"d{n}" for n in range(8)]
PATIENCE, PAUSE = 120, 0.02
TEMPORARY = (503, 409)


def build(postgres: Postgres, database: str) -> None:
    """The tests' street, with a person in each of eight more departments."""
    build_world(postgres.url("whistled_owner", database), "street")
    with psycopg.connect(postgres.url("whistled_owner", database)) as connection:
        connection.execute("SET search_path = whistled, public")
        world = World(connection, "street")
        for code in DEPARTMENTS:
            world.organisation(code, "department", code)
            world.insert("people", id=person_uuid("street", code), subject=code, name=code, phone="13900000000",
                         roles=["department"], organisation_code=code, posts=[], areas=[])


class Caller:
    """Somebody whose app sends the same again until it has an answer, to whichever instance."""

    def __init__(self, services: list[Service], subject: str, roles: list[str], seed: int):
        self.services, self.dice, self.retries = services, random.Random(seed), 0
        self.session = requests.Session()
        self.session.trust_env = False
        self.headers = {"Authorization": f"Bearer {tokens.mint(subject, roles, 'street')}", "Accept-Language": "en"}

    def call(self, method: str, path: str, body=None, **headers):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            service = self.dice.choice(self.services)
            try:
                reply = self.session.request(method, service.base + path, json=body, timeout=40,
                                             headers=self.headers | {k.replace("_", "-"): v for k, v in headers.items()})
            except requests.RequestException:
                reply = None
            if reply is not None and not (reply.status_code in TEMPORARY and "Retry-After" in reply.headers):
                return reply
            self.retries += 1
            time.sleep(PAUSE)
        raise AssertionError(f"{method} {path}: no answer in {PATIENCE} s")


class Race:
    """Writers that whistle, pullers that sign for what they find, watchers that only look."""

    def __init__(self, services: list[Service], n_tickets: int, n_pullers: int, n_writers: int = 3):
        self.services, self.faults = services, []
        self.left, self.lock = n_tickets // len(DEPARTMENTS), threading.Lock()
        self.written = threading.Event()
        self.signed: list[set] = [set() for _ in range(n_pullers)]
        self.refused, self.seen, self.resets, self.delays = [0] * n_pullers, [set(), set()], 0, []
        self.writers = [threading.Thread(target=self._guarded, args=(self._write, n)) for n in range(n_writers)]
        self.readers = [threading.Thread(target=self._guarded, args=(self._pull, n)) for n in range(n_pullers)]
        self.readers += [threading.Thread(target=self._guarded, args=(self._watch, n)) for n in range(2)]
        self.began = time.monotonic()
        for thread in self.writers + self.readers:
            thread.start()

    def _guarded(self, run, n: int) -> None:
        try:
            run(n)
        except Exception as fault:  # a thread's end must not pass in silence
            self.faults.append(f"{run.__name__} {n}: {fault!r}")

    def _take(self) -> int:
        with self.lock:
            self.left -= 1
            return self.left

    def _write(self, n: int) -> None:
        caller = Caller(self.services, "dispatcher", ["dispatcher"], n)
        body = {"description": "Pull", "kind": "problem", "category": "advice", "address": "Pull", "source": "phone",
                "register": True, "level": "complex"}
        tickets = [{"organisation": code, "role": "assist" if k else "lead", "task": "t"} for k, code in enumerate(DEPARTMENTS)]
        while (i := self._take()) >= 0 and not self.faults:
            made = caller.call("POST", "/v1/cases", body, Idempotency_Key=f"case-{i}")
            assert made.status_code == 201, made.text
            done = caller.call("POST", f"/v1/cases/{made.json()['id']}/whistle", {"kind": "everyday", "tickets": tickets},
                               If_Match="*", Idempotency_Key=f"whistle-{i}")
            assert done.status_code == 200, done.text

    def _pages(self, caller: Caller, path: str):
        """Page after page of the feed, to its end once nobody writes any more."""
        start = "&updated_after=2020-01-01T00:00:00Z"
        cursor = start
        while not self.faults:
            last = self.written.is_set()
            reply = caller.call("GET", f"/v1/tickets?limit=100{path}{cursor}", Prefer="wait=3")
            if reply.status_code == 410:
                self.resets += 1
                cursor = start
                continue
            assert reply.status_code == 200, reply.text
            page = reply.json()
            cursor = f"&cursor={page['next_cursor']}"
            if page["items"]:
                yield page["items"]
            elif last:
                return

    def _pull(self, n: int) -> None:
        caller = Caller(self.services, DEPARTMENTS[n % len(DEPARTMENTS)], ["department"], 1000 + n)
        batch = 0
        for items in self._pages(caller, "&status=issued"):
            batch += 1
            actions = [{"ticket_id": t["id"], "action": "sign", "if_match": str(t["version"])} for t in items]
            reply = caller.call("POST", "/v1/tickets/batch", {"items": actions}, Idempotency_Key=f"pull-{n}-{batch}")
            assert reply.status_code == 200, reply.text
            for ticket, result in zip(items, reply.json()["items"]):
                if result["status"] == 200:
                    assert ticket["id"] not in self.signed[n], "twice by the same"
                    self.signed[n].add(ticket["id"])
                else:
                    assert result["status"] in (409, 412), result
                    self.refused[n] += 1

    def _watch(self, n: int) -> None:
        caller = Caller(self.services, "dispatcher", ["dispatcher"], 2000 + n)
        for items in self._pages(caller, ""):
            self.seen[n] |= {t["id"] for t in items}

    def end(self) -> None:
        for thread in self.writers:
            thread.join()
        self.written.set()
        for thread in self.readers:
            thread.join()
        assert not self.faults, self.faults[:5]

    def check(self, connection) -> str:
        """Against the database; returns a line for who looks."""
        tickets = {str(row[0]) for row in connection.execute("SELECT id FROM whistled.tickets")}
        signs = connection.execute("SELECT count(*), count(DISTINCT ticket_id) FROM whistled.case_history"
                                   " WHERE action = 'sign'").fetchone()
        signed = [ticket for mine in self.signed for ticket in mine]
        assert len(signed) == len(set(signed)), "one ticket was handled twice"
        assert set(signed) == tickets, f"{len(tickets - set(signed))} of {len(tickets)} tickets were never handled"
        assert signs == (len(tickets), len(tickets)), "as many signatures as tickets"
        assert all(seen == tickets for seen in self.seen), "whoever follows the feed sees all of it"
        assert self.resets == 0, "no position was lost"
        seconds = time.monotonic() - self.began
        return (f"{len(tickets)} tickets, {sum(self.refused)} came too late, "
                f"{sum(bool(mine) for mine in self.signed)} pullers got some, {seconds:.0f} s")
