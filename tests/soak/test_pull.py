"""32 departments' clients pull 100,000 tickets while instances are killed and restarted: none lost, none handled twice.

WHISTLED_SOAK_TICKETS says how many (script/soak pull TICKETS), WHISTLED_SOAK_LIMIT how many minutes it may take;
WHISTLED_SOAK_SEED repeats the kills of an earlier run. A twentieth of the tickets is made by clients during the race."""

import os
import random
import time

import psycopg
from support.audit import assert_audit
from support.postgres import Postgres
from support.pull import DEPARTMENTS, Race, build, check_feed, issue
from support.service import Service

CASES = -(-int(os.environ.get("WHISTLED_SOAK_TICKETS", "100000")) // len(DEPARTMENTS))
LIMIT_S = 60 * float(os.environ.get("WHISTLED_SOAK_LIMIT", "45"))
PAUSE_S = (3, 12)  # between two kills: what starts has its statements to plan first
SEED = int(os.environ.get("WHISTLED_SOAK_SEED", time.time_ns() % 10**9))


def kill_at_random(services: list[Service], race: Race) -> int:
    """Until the race is over: seven of ten without a warning, the others in order. How many."""
    dice, kills = random.Random(SEED), 0
    while race.running() and not race.faults:
        time.sleep(dice.uniform(*PAUSE_S))
        if time.monotonic() - race.began > LIMIT_S:
            race.faults.append(f"not over after {LIMIT_S / 60:.0f} minutes, {sum(map(len, race.signed))} handled")
        victim = dice.choice(services)
        if dice.random() < 0.7:
            victim.process.kill()
            victim.process.wait()
        else:
            assert victim.stop() == 0, victim.log_text()[-4000:]
        victim.start()
        kills += 1
    return kills


def test_pull():
    postgres = Postgres(durable=True)
    postgres.start()
    postgres.create_database("main")
    services = [Service(postgres, "main", log_level="warning", drain_timeout_ms=3000) for _ in range(2)]
    assert services[0].run("migrate").returncode == 0
    build(postgres, "main")
    meanwhile, began = CASES // 20, time.monotonic()
    issue(postgres.url("whistled_owner", "main"), CASES - meanwhile)
    print(f"\nWHISTLED_SOAK_SEED={SEED}; {CASES - meanwhile} cases made in {time.monotonic() - began:.0f} s")
    for service in services:
        service.start()
    race = Race(services, postgres.url("postgres", "main"), meanwhile)
    try:
        kills = kill_at_random(services, race)
    finally:
        race.end()
    with psycopg.connect(postgres.url("postgres", "main"), autocommit=True) as connection:
        told = race.check(connection, CASES * len(DEPARTMENTS))
        events = check_feed(connection)
    print(f"{kills} kills and restarts, {told}; {events} events in the feed")
    for service in services:
        assert service.stop() == 0, service.log_text()[-4000:]
    assert_audit(postgres.url("whistled_owner", "main"))
    postgres.remove()
