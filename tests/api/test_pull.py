"""The race of tests/soak/test_pull.py, short: pullers and kills, and every ticket is handled once."""

import random

import psycopg
from support.postgres import Postgres, select_pause
from support.pull import DEPARTMENTS, Race, build, check_feed, issue
from support.service import Service


def test_pullers_race_while_instances_die(postgres: Postgres):
    postgres.create_database("pull")
    services = [Service(postgres, "pull", workers=1), Service(postgres, "pull", workers=1)]
    assert services[0].run("migrate").returncode == 0
    build(postgres, "pull")
    issue(postgres.url("whistled_owner", "pull"), before := 10)
    for service in services:
        service.start()
    race, dice = Race(services, postgres.url("postgres", "pull"), meanwhile := 40), random.Random(3)
    try:
        for _ in range(4):
            reached = race.left
            while race.left > reached - 8 and race.left > 0 and not race.faults:
                select_pause()
            victim = dice.choice(services)
            victim.process.kill()
            victim.process.wait()
            victim.start()
    finally:
        race.end()
    with psycopg.connect(postgres.url("postgres", "pull"), autocommit=True) as connection:
        print(race.check(connection, (before + meanwhile) * len(DEPARTMENTS)))
        check_feed(connection)
    for service in services:
        assert service.stop() == 0
        text = service.log_text()
        assert "AddressSanitizer" not in text and '"level":"error"' not in text, text[-3000:]
