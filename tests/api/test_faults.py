"""Backends and the whole of PostgreSQL die while requests run: 503 with Retry-After, then well again, never a wrong answer."""

import threading

import psycopg
import requests
from support.contract import Contract
from support.postgres import select_pause
from support.world import Clock, Street


class Load:
    """Reporters that never rest and remember what they were promised."""

    def __init__(self, service, contract, n=8):
        self.stop = threading.Event()
        self.promised: list[str] = []
        self.statuses: set[int] = set()
        self.faults: list[str] = []
        self.threads = [threading.Thread(target=self.run, args=(service, contract, i)) for i in range(n)]
        for thread in self.threads:
            thread.start()

    def run(self, service, contract, i):
        street = Street(service, contract, Clock(), "street")
        n = 0
        while not self.stop.is_set():
            n += 1
            try:
                reply = street.citizen.post("/v1/cases", street.body(category="litter", at="XF-01"), key=f"k{i}-{n}")
            except (requests.RequestException, AssertionError) as fault:
                self.faults.append(repr(fault))
                continue
            self.statuses.add(reply.status)
            if reply.status == 201:
                self.promised.append(reply["id"])
            elif "Retry-After" not in reply.headers:
                self.faults.append(repr(reply))

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join(60)


def wait_for(condition, seconds=60):
    for _ in range(int(seconds / 0.02)):
        if condition():
            return
        select_pause()
    raise AssertionError("it did not happen in time")


def test_backends_and_the_server_die_under_load(own):
    postgres, service = own
    contract = Contract()
    load = Load(service, contract)
    try:
        wait_for(lambda: len(load.promised) > 50)
        for _ in range(5):
            with psycopg.connect(postgres.url("postgres", "main"), autocommit=True) as connection:
                connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'whistled' "
                                   "ORDER BY random() LIMIT 2")
            reached = len(load.promised)
            wait_for(lambda: len(load.promised) > reached + 20)
        postgres.kill()
        wait_for(lambda: requests.get(f"{service.base}/readyz", timeout=5).status_code == 503)
        wait_for(lambda: 503 in load.statuses)
        postgres.start()
        wait_for(service.ready)
        reached = len(load.promised)
        wait_for(lambda: len(load.promised) > reached + 50)
    finally:
        load.end()
    assert not load.faults, load.faults[:5]
    assert load.statuses <= {201, 503}
    with psycopg.connect(postgres.url("postgres", "main")) as connection:
        stored = {str(row[0]) for row in connection.execute("SELECT id FROM whistled.cases")}
        keys = connection.execute("SELECT count(*), count(DISTINCT object_id) FROM whistled.idempotency_keys").fetchone()
    assert set(load.promised) <= stored, "a promised case is gone"
    assert len(set(load.promised)) == len(load.promised), "one case was given to two"
    assert keys[0] == keys[1] == len(stored), "a key and its case belong together"


def test_sigterm_finishes_what_runs(own):
    postgres, service = own
    load = Load(service, Contract(), n=4)
    wait_for(lambda: len(load.promised) > 20)
    load.stop.set()
    assert service.stop() == 0
    load.end()
    with psycopg.connect(postgres.url("postgres", "main")) as connection:
        stored = {str(row[0]) for row in connection.execute("SELECT id FROM whistled.cases")}
    assert set(load.promised) <= stored
