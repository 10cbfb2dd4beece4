"""32 departments' clients pull 100,000 tickets while instances are killed and restarted: none lost, none handled twice.

WHISTLED_SOAK_TICKETS says how many; WHISTLED_SOAK_SEED repeats the kills of an earlier run."""

import os
import random
import time

import psycopg
from support.postgres import Postgres
from support.pull import Race, build
from support.service import Service

TICKETS = int(os.environ.get("WHISTLED_SOAK_TICKETS", "100000"))
SEED = int(os.environ.get("WHISTLED_SOAK_SEED", time.time_ns() % 10**9))


def test_pull():
    postgres = Postgres(durable=True)
    postgres.start()
    postgres.create_database("main")
    services = [Service(postgres, "main", log_level="warning", drain_timeout_ms=3000) for _ in range(2)]
    assert services[0].run("migrate").returncode == 0
    build(postgres, "main")
    for service in services:
        service.start()
    race, dice, kills = Race(services, TICKETS, n_pullers=32), random.Random(SEED), 0
    print(f"\nWHISTLED_SOAK_SEED={SEED}")
    try:
        while any(thread.is_alive() for thread in race.writers) and not race.faults:
            time.sleep(dice.uniform(1, 5))
            victim = dice.choice(services)
            if dice.random() < 0.7:
                victim.process.kill()
                victim.process.wait()
            else:
                assert victim.stop() == 0, victim.log_text()[-4000:]
            victim.start()
            kills += 1
    finally:
        race.end()
    with psycopg.connect(postgres.url("postgres", "main")) as connection:
        told = race.check(connection)
    print(f"{kills} kills and restarts, {told}")
    for service in services:
        assert service.stop() == 0, service.log_text()[-4000:]
    postgres.remove()
