"""What takes long: everything is killed again and again while people go on, and hours of calm that must not grow.

Run by script/soak MINUTES; the three tests share the minutes. A seed is printed and can be given back: WHISTLED_SOAK_SEED."""

import os
import random
import threading
import time

import psycopg
import pytest
import requests
from support.asking import whistled, worked
from support.audit import assert_audit
from support.contract import Contract
from support.fleet import STEPS, Fleet, everything, in_order
from support.hooks import hasten, wait
from support.postgres import Postgres
from support.service import Service
from support.world import Clock, Street, build_world

SECONDS = float(os.environ.get("WHISTLED_SOAK_MINUTES", "10")) * 60
SEED = int(os.environ.get("WHISTLED_SOAK_SEED", time.time_ns() % 10**9))
# Between two looks, and the most that one kill may keep everybody waiting.
PAUSE, PATIENCE = 0.05, 120


@pytest.fixture
def own():
    """A cluster that keeps what it promised, and a service of this test's own."""
    postgres = Postgres(durable=True)
    postgres.start()
    postgres.create_database("main")
    service = Service(postgres, "main", drain_timeout_ms=5000)
    assert service.run("migrate").returncode == 0
    build_world(postgres.url("whistled_owner", "main"), "street")
    service.start()
    yield postgres, service
    assert service.stop() == 0, service.log_text()[-4000:]
    postgres.remove()


class Reporters:
    """Each sends a case and, until it has the answer, the same again under the same key: as an app on a bad line would."""

    def __init__(self, service: Service, n: int):
        self.service, self.stop = service, threading.Event()
        self.answered: dict[str, str] = {}
        self.retries, self.faults = 0, []
        self.threads = [threading.Thread(target=self.run, args=(i,)) for i in range(n)]
        for thread in self.threads:
            thread.start()

    def run(self, i: int) -> None:
        try:
            street = Street(self.service, Contract(), Clock(), "street")
            n = 0
            while not self.stop.is_set():
                n += 1
                self.report(street, f"soak-{i}-{n}")
        except Exception as fault:  # a thread's end must not pass in silence
            self.faults.append(repr(fault))

    def report(self, street: Street, key: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                reply = street.citizen.post("/v1/cases", street.body(at="XF-01"), key=key)
            except requests.RequestException:
                reply = None
            if reply is not None and reply.status == 201:
                self.answered[key] = reply["id"]
                return
            if reply is not None and (reply.status not in (503, 409) or "Retry-After" not in reply.headers):
                raise AssertionError(f"{key}: {reply}")
            self.retries += 1
            self.stop.wait(PAUSE)
        raise AssertionError(f"{key}: no answer in {PATIENCE} s")

    def end(self) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join(PATIENCE + 10)


def wait_ready(service: Service) -> None:
    deadline = time.monotonic() + PATIENCE
    while not service.ready():
        assert time.monotonic() < deadline, service.log_text()[-4000:]
        assert service.process.poll() is None, service.log_text()[-4000:]
        time.sleep(PAUSE)


def kill_backend(postgres: Postgres, service: Service) -> None:
    """PostgreSQL then throws everybody out and recovers."""
    with psycopg.connect(postgres.url("postgres", "main"), autocommit=True) as connection:
        found = connection.execute("SELECT pid FROM pg_stat_activity WHERE usename = 'whistled'").fetchall()
    if found:
        os.kill(random.choice(found)[0], 9)


def kill_postgres(postgres: Postgres, service: Service) -> None:
    postgres.kill()
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return postgres.start()
        except RuntimeError:  # the last of the dead one's processes still hold its memory
            assert time.monotonic() < deadline
            time.sleep(PAUSE)


def kill_service(postgres: Postgres, service: Service) -> None:
    service.process.kill()
    service.process.wait()
    service.start()


def restart_service(postgres: Postgres, service: Service) -> None:
    assert service.stop() == 0, service.log_text()[-4000:]
    service.start()


def test_killed_again_and_again(own):
    """Every effect happened exactly once, and the auditor finds nothing, whatever died when."""
    postgres, service = own
    random.seed(SEED)
    print(f"\nWHISTLED_SOAK_SEED={SEED}")
    reporters = Reporters(service, 8)
    kills = 0
    try:
        until = time.monotonic() + SECONDS / 3
        while time.monotonic() < until and not reporters.faults:
            time.sleep(random.uniform(0.5, 4))
            random.choice([kill_backend, kill_postgres, kill_service, restart_service])(postgres, service)
            wait_ready(service)
            kills += 1
    finally:
        reporters.end()
    print(f"{kills} kills, {len(reporters.answered)} cases, {reporters.retries} retries")
    assert not reporters.faults, reporters.faults[:5]
    assert_exactly_once(postgres, reporters)
    assert_audit(postgres.url("whistled_owner", "main"))


def assert_exactly_once(postgres: Postgres, reporters: Reporters) -> None:
    with psycopg.connect(postgres.url("postgres", "main")) as connection:
        stored = {str(row[0]) for row in connection.execute("SELECT id FROM whistled.cases")}
        keys = dict(connection.execute("SELECT key, object_id::text FROM whistled.idempotency_keys").fetchall())
    assert set(reporters.answered.values()) == stored, "a promised case is gone, or one is there twice"
    assert keys == reporters.answered


class Department:
    """Tickets are issued and worked off, through whichever instance answers; a round that a kill cuts short is left as it is."""

    def __init__(self, fleet: Fleet):
        self.fleet, self.stop, self.rounds, self.faults = fleet, threading.Event(), 0, []
        self.contract = Contract()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self) -> None:
        while not self.stop.is_set():
            street = Street(random.choice(self.fleet.services), self.contract, Clock(), "street")
            try:
                worked(street, street.city, whistled(street)["tickets"][0]["id"])
                self.rounds += 1
            except requests.RequestException:  # killed
                self.stop.wait(PAUSE)
            except Exception as fault:  # a thread's end must not pass in silence
                # An answer that was lost with its instance: the same again finds another state or version.
                if not any(status in repr(fault) for status in ("503", "412", "409")):
                    self.faults.append(repr(fault))
                self.stop.wait(PAUSE)

    def end(self) -> None:
        self.stop.set()
        self.thread.join(PATIENCE)


def kill_instance(fleet: Fleet, receiver) -> None:
    service = random.choice(fleet.services)
    kill_service(fleet.postgres, service)


def restart_instance(fleet: Fleet, receiver) -> None:
    service = random.choice(fleet.services)
    restart_service(fleet.postgres, service)


def kill_a_backend(fleet: Fleet, receiver) -> None:
    with psycopg.connect(fleet.postgres.url("postgres", "main"), autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'whistled' ORDER BY random() LIMIT 3")


def kill_receiver(fleet: Fleet, receiver) -> None:
    receiver.kill()
    time.sleep(random.uniform(0, 1))
    receiver.revive()


def test_webhooks_while_everybody_dies(monkeypatch):
    """Two instances, backends and the receiver die at random; the receiver fails 30 of 100. See tests/api/test_webhook_kills.py."""
    random.seed(SEED)
    print(f"\nWHISTLED_SOAK_SEED={SEED}")
    monkeypatch.setattr("support.receiver.WAIT_S", PATIENCE)
    monkeypatch.setattr("support.hooks.PATIENCE_S", PATIENCE)
    fleet = Fleet(instances=2)
    try:
        hook = fleet.hooks.subscribe(fleet.street.city, ["ticket.*"],
                                     lambda received: random.choice([500, 503, 429, 302, None]) if random.random() < 0.3 else 204)
        department, kills = Department(fleet), 0
        until = time.monotonic() + SECONDS / 3
        while time.monotonic() < until and not department.faults:
            for _ in range(random.randrange(10, 60)):
                hasten(fleet.db, hook.id, 8)
                time.sleep(PAUSE)
            random.choice([kill_instance, restart_instance, kill_a_backend, kill_receiver])(fleet, hook.receiver)
            kills += 1
        department.end()
        n = fleet.db.execute("SELECT count(*) FROM case_history WHERE ticket_id IS NOT NULL AND action IN "
                             "('issue', 'sign', 'report_in', 'start', 'submit')").fetchone()[0]
        stored = wait(lambda: hasten(fleet.db, hook.id, 9) or everything(fleet, hook, n), "the delivery of all")
        twice = sum(r.status == 204 for r in hook.receiver.got) - len(stored)
        print(f"{kills} kills, {len(stored)} messages of {department.rounds} rounds, {len(hook.receiver.got)} requests, {twice} twice")
        assert not department.faults, department.faults[:5]
        assert {r.id for r in hook.receiver.got} == stored
        whole = [row[0] for row in fleet.db.execute("SELECT id::text FROM tickets WHERE state = 'submitted'")]
        in_order(hook, whole)
        assert len(whole) >= department.rounds and set(STEPS) == {r.type for r in hook.receiver.got}
    finally:
        fleet.end()


def memory_kib(process_id: int) -> int:
    with open(f"/proc/{process_id}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def descriptors(process_id: int) -> int:
    return len(os.listdir(f"/proc/{process_id}/fd"))


def mixed_round(street: Street) -> None:
    """A short life of one case, lists and refusals among it."""
    case = street.report(at="XF-01")
    street.dispatcher.get("/v1/cases", status="open", count="exact", limit=50)
    assert street.grid1.get(f"/v1/cases/{case['id']}").status == 200
    assert street.city.get(f"/v1/cases/{case['id']}").status == 404
    street.grid1.case(case["id"], "accept")
    street.grid1.case(case["id"], "accept", 409)
    street.grid1.case(case["id"], "register", level="ordinary")
    assert street.citizen.post("/v1/cases", {"kind": "nonsense"}).status == 422
    street.grid1.get("/v1/me/work")


def run_rounds(service: Service, until: float, count: list[int], faults: list[str]) -> None:
    try:
        street = Street(service, Contract(), Clock(), "street")
        while time.monotonic() < until and not faults:
            mixed_round(street)
            count.append(1)
    except Exception as fault:
        faults.append(repr(fault))


def test_hours_of_calm_do_not_grow(own):
    """Memory and descriptors after a warm-up are those at the end."""
    _, service = own
    begun = time.monotonic()
    until = begun + SECONDS / 3
    count, faults, samples = [], [], []
    threads = [threading.Thread(target=run_rounds, args=(service, until, count, faults)) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        time.sleep(min(10, SECONDS / 60))
        samples.append((memory_kib(service.process.pid), descriptors(service.process.pid)))
    assert not faults, faults[:5]
    early, late = samples[len(samples) // 3], samples[-2]
    print(f"\n{len(count)} rounds; KiB, descriptors: {early} → {late}")
    assert late[0] < early[0] * 1.1 + 4096, samples
    assert late[1] <= early[1] + 8, samples
