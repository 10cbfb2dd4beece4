"""The database is set back, and the same positions go to other events: whoever was further is told to start over."""

import subprocess

import psycopg
import pytest
import requests
from support.contract import Contract
from support.postgres import Postgres, select_pause
from support.world import Clock, Street


def copy(source, target) -> None:
    subprocess.run(["rm", "-rf", str(target)], check=True)
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)


def promote(postgres: Postgres) -> None:
    with psycopg.connect(postgres.url("postgres", "postgres"), autocommit=True) as connection:
        assert connection.execute("SELECT pg_promote()").fetchone()[0]


def restored(postgres: Postgres, backup) -> None:
    copy(backup, postgres.data)
    postgres.start()


def promoted(postgres: Postgres, backup) -> None:
    """A standby that had not got the last commits takes over."""
    copy(backup, postgres.data)
    (postgres.data / "standby.signal").touch()
    postgres.start()
    promote(postgres)


class Pull:
    """A client that synchronises: all cases it knows, and how far it is."""

    def __init__(self, street: Street):
        self.client, self.known, self.cursor = street.dispatcher, [], None

    def go_on(self) -> int:
        while True:
            page = self.client.get("/v1/cases", cursor=self.cursor, updated_after=None if self.cursor else "2020-01-01T00:00:00Z")
            if page.status == 503:  # the service has not yet found the database again
                select_pause()
                continue
            if page.status != 200:
                return page.status
            self.known += [item["id"] for item in page["items"]]
            self.cursor = page["next_cursor"]
            if not page["items"]:
                return 200


def report(street: Street, postgres: Postgres, n: int) -> list[str]:
    """New cases, and all of them have their place in the feed."""
    cases = []
    while len(cases) < n:
        try:
            reply = street.citizen.post("/v1/cases", street.body(at="XF-01"))
        except requests.ConnectionError:
            continue
        if reply.status == 201:
            cases.append(reply["id"])
        select_pause()
    with psycopg.connect(postgres.url("postgres", "main"), autocommit=True) as connection:
        while connection.execute("SELECT EXISTS (SELECT FROM whistled.outbox)").fetchone()[0]:
            select_pause()
    return cases


@pytest.mark.parametrize("come_back", [restored, promoted])
def test_positions_that_were_lost_and_given_again(own, come_back):
    postgres, service = own
    street = Street(service, Contract(), Clock(), "street")
    before = report(street, postgres, 3)
    early, late = Pull(street), Pull(street)
    assert early.go_on() == 200 and set(early.known) == set(before)
    postgres.stop()
    backup = postgres.folder / "backup"
    copy(postgres.data, backup)
    postgres.start()
    lost = report(street, postgres, 3)
    assert late.go_on() == 200 and set(late.known) == {*before, *lost}
    postgres.stop()
    come_back(postgres, backup)
    after = report(street, postgres, 5)
    assert late.go_on() == 410, "what stands behind its position now is not what stood there"
    assert early.go_on() == 200 and early.known[3:] == after, "nothing of its past was lost"
    anew = Pull(street)
    assert anew.go_on() == 200 and set(anew.known) == {*before, *after}
