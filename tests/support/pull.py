"""Departments that pull their tickets and race for them, while instances die: nothing lost, nothing handled twice."""

import random
import threading
import time
from collections import defaultdict

import psycopg
import requests
from psycopg.types.json import Jsonb

from . import tokens
from .postgres import Postgres, select_pause, until
from .service import Service
from .world import World, build_world, person_uuid

DEPARTMENTS = [f"d{n}" for n in range(8)]
PULLERS = 32
PATIENCE, PAUSE = 120, 0.02
TEMPORARY = (503, 409)
CHUNK = 250  # cases in a transaction
CASE = {"description": "Pull", "kind": "problem", "category": "advice", "address": "Pull", "source": "phone", "register": True, "level": "complex"}
WHISTLE = {"kind": "everyday", "tickets": [{"organisation": code, "role": "assist" if k else "lead", "task": "t"}
                                           for k, code in enumerate(DEPARTMENTS)]}
# What the service's own statements call, for many cases in one statement.
ISSUE = """
    SELECT count(w.*) FROM (
        SELECT c.id FROM generate_series(1, %(n)s) AS g
        CROSS JOIN LATERAL case_create('street', 'dispatcher', '{dispatcher}', '{dispatcher}', NULL, NULL, uuid7(), NULL, NULL, NULL,
            %(case)s || jsonb_build_object('title', 'Pull ' || g)) AS c
        WHERE c._code IS NULL OFFSET 0) AS made
    CROSS JOIN LATERAL case_act('street', 'dispatcher', '{dispatcher}', '{dispatcher}', NULL, NULL, 'whistle', NULL, NULL, NULL, NULL, made.id,
        %(whistle)s) AS w
    WHERE w._code IS NULL"""


def subject(n: int) -> str:
    """The nth puller; each is a person of its own, so that the tables tell who did what."""
    return f"{DEPARTMENTS[n % len(DEPARTMENTS)]}-{n}"


def connect(url: str) -> psycopg.Connection:
    connection = psycopg.connect(url, autocommit=True)
    ((schema,),) = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'api\\_%'").fetchall()
    connection.execute(f"SET search_path = {schema}, whistled, public")
    return connection


def issue(url: str, n_cases: int) -> None:
    """Cases with a ticket for each of the departments, by the procedures that make them for everybody."""
    with connect(url) as connection:
        while n_cases > 0:
            n = min(n_cases, CHUNK)
            done = connection.execute(ISSUE, {"n": n, "case": Jsonb(CASE), "whistle": Jsonb(WHISTLE)}).fetchone()
            assert done == (n,), f"{n} cases should have been whistled for, {done[0]} were"
            n_cases -= n


def build(postgres: Postgres, database: str) -> None:
    """The tests' street, with somebody in each of eight more departments, and the pullers."""
    build_world(postgres.url("whistled_owner", database), "street")
    with psycopg.connect(postgres.url("whistled_owner", database)) as connection:
        connection.execute("SET search_path = whistled, public")
        world = World(connection, "street")
        for code in DEPARTMENTS:
            world.organisation(code, "department", code)
            world.person(code, code, ["department"], code, [], [])
        for n in range(PULLERS):
            world.person(subject(n), subject(n), ["department"], DEPARTMENTS[n % len(DEPARTMENTS)], [], [])


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
    """Writers that whistle for some cases more, pullers that sign for what they find, watchers that only look."""

    def __init__(self, services: list[Service], url: str, n_cases: int, n_writers: int = 3):
        self.services, self.url, self.faults = services, url, []
        self.left, self.lock = n_cases, threading.Lock()
        self.written = threading.Event()
        self.signed: list[set] = [set() for _ in range(PULLERS)]
        self.refused, self.seen, self.resets = [0] * PULLERS, [set(), set()], 0
        self.writers = [threading.Thread(target=self._guarded, args=(self._write, n)) for n in range(n_writers)]
        self.readers = [threading.Thread(target=self._guarded, args=(self._pull, n)) for n in range(PULLERS)]
        self.readers += [threading.Thread(target=self._guarded, args=(self._watch, n)) for n in range(2)]
        self.threads = [*self.writers, *self.readers, threading.Thread(target=self._guarded, args=(self._settle, 0))]
        self.began = time.monotonic()
        for thread in self.threads:
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
        while (i := self._take()) >= 0 and not self.faults:
            made = caller.call("POST", "/v1/cases", CASE, Idempotency_Key=f"case-{i}")
            assert made.status_code == 201, made.text
            done = caller.call("POST", f"/v1/cases/{made.json()['id']}/whistle", WHISTLE, If_Match="*", Idempotency_Key=f"whistle-{i}")
            assert done.status_code == 200, done.text

    def _settle(self, n: int) -> None:
        """Once nobody writes any more, and the last that was written has its place in the feed, an empty page is the end."""
        for thread in self.writers:
            thread.join()
        with psycopg.connect(self.url, autocommit=True) as connection:
            (last,) = connection.execute("SELECT coalesce(max(id), 0) FROM whistled.outbox").fetchone()
            while connection.execute("SELECT EXISTS (SELECT FROM whistled.outbox WHERE id <= %s)", (last,)).fetchone()[0] and not self.faults:
                select_pause()
        self.written.set()

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
        caller = Caller(self.services, subject(n), ["department"], 1000 + n)
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

    def running(self) -> bool:
        return any(thread.is_alive() for thread in self.threads)

    def end(self) -> None:
        for thread in self.threads:
            thread.join()
        assert not self.faults, self.faults[:5]

    def check(self, connection, n_tickets: int) -> str:
        """Against the tables, and each puller's account of its own; returns a line for who looks."""
        seconds = time.monotonic() - self.began
        tickets = {str(row[0]) for row in connection.execute("SELECT id FROM whistled.tickets")}
        signs = connection.execute("SELECT person_id::text, ticket_id::text FROM whistled.case_history WHERE action = 'sign'").fetchall()
        signed = [ticket for mine in self.signed for ticket in mine]
        lost, twice = len(tickets - set(signed)), len(signed) - len(set(signed))
        assert (len(tickets), lost, twice) == (n_tickets, 0, 0), f"of {n_tickets} tickets {len(tickets)} are there, {lost} lost, {twice} handled twice"
        assert len(signs) == len({ticket for _, ticket in signs}) == n_tickets, "one signature for each ticket"
        by_person = defaultdict(set)
        for person, ticket in signs:
            by_person[person].add(ticket)
        for n, mine in enumerate(self.signed):
            assert by_person[person_uuid("street", subject(n))] == mine, f"{subject(n)} was told something else than what is stored"
        assert connection.execute("SELECT count(*) FROM whistled.tickets WHERE state = 'signed' AND signed_at IS NOT NULL").fetchone() == (n_tickets,)
        assert all(seen == tickets for seen in self.seen), "whoever follows the feed sees all of it"
        assert self.resets == 0, "no position was lost"
        return (f"{n_tickets} tickets, {sum(bool(mine) for mine in self.signed)} of {PULLERS} pullers got some, 0 lost, 0 handled twice, "
                f"{sum(self.refused)} came too late, {seconds:.0f} s")


def check_feed(connection) -> int:
    """Every event has one position, and there is no gap; how many."""
    until(lambda: connection.execute("SELECT NOT EXISTS (SELECT FROM whistled.outbox)").fetchone()[0])
    (events,) = connection.execute("SELECT count(*) FROM whistled.case_history").fetchone()
    fed = connection.execute("SELECT count(*), count(DISTINCT (case_id, event_seq)), min(position), max(position) FROM whistled.feed").fetchone()
    assert fed == (events, events, 1, events), f"{events} events, and in the feed {fed}"
    return events
