"""Prefer: wait on two instances of one fleet: who hears of what, who does not, and what ends a wait."""

import re
import socket
import threading
import time

import psycopg
import pytest
import requests
from support import tokens
from support.contract import Contract
from support.postgres import until
from support.service import Service
from support.world import PEOPLE, Clock, Street, build_world


class Fleet:
    """Two instances, `here` and `there`."""

    def __init__(self, postgres):
        self.postgres = postgres
        postgres.create_database("fleet")
        self.services = [Service(postgres, "fleet"), Service(postgres, "fleet")]
        assert self.services[0].run("migrate").returncode == 0
        build_world(postgres.url("whistled_owner", "fleet"), "street")
        self.services[0].start()
        self.backends = self.worker_backends()  # of the first
        self.services[1].start()

    def street(self, n: int) -> Street:
        return Street(self.services[n], Contract(), Clock(), "street")

    def worker_backends(self) -> dict:
        """When each of the workers' sessions was asked last."""
        with psycopg.connect(self.postgres.url("postgres", "fleet")) as connection:
            return dict(connection.execute(
                "SELECT pid, query_start FROM pg_stat_activity WHERE application_name = 'whistled'").fetchall())

    def waiting(self, n: int) -> int:
        text = requests.get(f"http://127.0.0.1:{self.services[n].metrics_port}/metrics", timeout=5).text
        return sum(int(float(value)) for value in re.findall(r"^whistled_waiters\S* (\S+)$", text, re.M))


@pytest.fixture(scope="module")
def fleet(postgres):
    fleet = Fleet(postgres)
    yield fleet
    for service in fleet.services:
        assert service.stop() == 0, service.log_text()[-4000:]
        assert "AddressSanitizer" not in service.log_text()


@pytest.fixture
def here(fleet) -> Street:
    return fleet.street(0)


@pytest.fixture
def there(fleet) -> Street:
    return fleet.street(1)


class Waiting:
    """A call that hangs, in a thread; made once nothing is there to show."""

    def __init__(self, fleet: Fleet, client, path="/v1/tickets", n=0, wait=20, **params):
        before = fleet.waiting(n)
        self.reply, self.took = None, None

        def call():
            begun = time.monotonic()
            self.reply = client.request("GET", path, params=params, headers={"Prefer": f"wait={wait}"})
            self.took = time.monotonic() - begun

        self.thread = threading.Thread(target=call)
        self.thread.start()
        until(lambda: fleet.waiting(n) > before or self.reply)

    def end(self, within: float = 25):
        self.thread.join(within)
        assert self.reply is not None, "it still hangs"
        return self.reply


def end_of_feed(client, path: str) -> str:
    cursor = None
    while True:
        page = client.get(path, cursor=cursor, updated_after=None if cursor else "2020-01-01T00:00:00Z", limit=200)
        if not page["items"]:
            return page["next_cursor"]
        cursor = page["next_cursor"]


def whistled(street: Street, *organisations: str) -> str:
    case = street.report(at="XF-01")["id"]
    street.dispatcher.case(case, "accept")
    street.dispatcher.case(case, "register", level="complex")
    street.dispatcher.case(case, "whistle", kind="everyday", tickets=[
        {"organisation": code, "role": "assist" if n else "lead", "task": "t"} for n, code in enumerate(organisations)])
    return case


def test_what_is_issued_there_is_heard_of_here(fleet, here, there):
    cursor = end_of_feed(here.city, "/v1/tickets")
    waiting = Waiting(fleet, here.city, cursor=cursor)
    case = whistled(there, "city")
    reply = waiting.end()
    assert [t["case_id"] for t in reply["items"]] == [case] and waiting.took < 19
    assert reply.headers["Preference-Applied"] == "wait=20"


def test_who_comes_back_at_once_hears_of_much_in_one_answer(fleet, here, there):
    """News after news, and a client that asks again with each answer: the answers keep their distance, and the last is heard of."""
    cursor, case = end_of_feed(here.grid1, "/v1/cases"), there.report(at="XF-01", category="advice")["id"]
    answers, written, begun = [], threading.Event(), time.monotonic()

    def write():
        for n in range(25):
            there.dispatcher.case(case, "comment", text=f"{n}", visibility="internal")
        there.dispatcher.case(case, "accept")
        written.set()

    thread = threading.Thread(target=write)
    thread.start()
    while not answers or answers[-1]["items"]:
        wait = 1 if written.is_set() else 20
        answers.append(here.grid1.request("GET", "/v1/cases", params={"cursor": cursor}, headers={"Prefer": f"wait={wait}"}))
        assert answers[-1].status == 200 and answers[-1].headers["Preference-Applied"] == f"wait={wait}"
        cursor = answers[-1]["next_cursor"]
    took = time.monotonic() - begun
    thread.join()
    assert [c["state"] for c in answers[-2]["items"] if c["id"] == case] == ["accepted"]
    assert len(answers) <= 2 + took / 0.2


def test_others_business_is_not_even_looked_at(fleet, here, there):
    """No statement runs for somebody who waits until something of theirs is new."""
    water = Waiting(fleet, here.water, cursor=end_of_feed(here.water, "/v1/tickets"))
    city = Waiting(fleet, fleet.street(1).city, n=1, cursor=end_of_feed(there.city, "/v1/tickets"))
    asked = {pid: at for pid, at in fleet.worker_backends().items() if pid in fleet.backends}
    case = whistled(there, "city")
    assert city.end()["items"][0]["case_id"] == case
    assert {pid: at for pid, at in fleet.worker_backends().items() if pid in fleet.backends} == asked
    case = whistled(there, "city", "water")
    assert [t["case_id"] for t in water.end()["items"]] == [case]


def test_a_grid_worker_hears_of_what_is_to_be_checked_next_door(fleet, here, there):
    """Sight is wider than the own grid: whatever would show must wake."""
    case = there.report(at="XF-01", category="advice")["id"]
    there.grid1.case(case, "accept")
    there.grid1.case(case, "register", level="ordinary")
    there.grid1.case(case, "start-source")
    waiting = Waiting(fleet, here.grid2, "/v1/cases", cursor=end_of_feed(here.grid2, "/v1/cases"))
    there.grid1.case(case, "source-done", result="done", reply="done")
    assert [c["id"] for c in waiting.end()["items"]] == [case]


def test_nobody_waits_who_has_not_seen_all_there_is(fleet, here):
    """A page looks at so many positions; what is not looked at yet may hold something."""
    cursor = end_of_feed(here.city, "/v1/tickets")
    with psycopg.connect(fleet.postgres.url("whistled_owner", "fleet")) as connection:
        connection.execute("UPDATE whistled.feed_positions SET last_position = last_position + 60000, written_by = pg_current_xact_id()")
    looks = []
    while len(looks) < 2:
        begun = time.monotonic()
        reply = here.city.request("GET", "/v1/tickets", params={"cursor": cursor}, headers={"Prefer": f"wait={2 if looks else 20}"})
        assert reply.status == 200 and not reply["items"] and reply["next_cursor"] != cursor
        cursor = reply["next_cursor"]
        looks.append(time.monotonic() - begun)
    assert looks[0] < 15 and looks[1] > 1.5


def test_a_person_who_is_retired_waits_no_longer(fleet, here, there):
    waiting = Waiting(fleet, here.city2, cursor=end_of_feed(here.city2, "/v1/tickets"))
    other = Waiting(fleet, here.city, wait=6, cursor=end_of_feed(here.city, "/v1/tickets"))
    path = f"/v1/people/{here.person('city2')}"
    assert there.admin.post(f"{path}/retire", {"note": "left"}, there.admin.get(path).etag).status == 200
    reply = waiting.end()
    assert (reply.status, reply.code) == (403, "subject_inactive") and waiting.took < 19
    assert other.end().status == 200 and not other.reply["items"], "a colleague goes on waiting"


def test_a_wait_ends_with_its_token(fleet, here):
    token = tokens.mint("water", ["department"], "street", exp=int(time.time()) + 2)
    client = here.client("water", ["department"])
    client.token = token
    waiting = Waiting(fleet, client, cursor=end_of_feed(here.water, "/v1/tickets"))
    reply = waiting.end()
    assert reply.status == 200 and not reply["items"] and waiting.took < 10


def test_a_client_that_goes_away_is_noticed(fleet, here):
    before = fleet.waiting(0)
    token = tokens.mint("city", PEOPLE["city"][1], "street")
    with socket.create_connection(("127.0.0.1", fleet.services[0].port)) as connection:
        connection.sendall(f"GET /v1/tickets?status=closed HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer {token}\r\n"
                           "Prefer: wait=25\r\n\r\n".encode())
        until(lambda: fleet.waiting(0) == before + 1)
    until(lambda: fleet.waiting(0) == before)


def test_residents_ask_and_are_answered(fleet, here):
    reply = here.citizen.request("GET", "/v1/cases", params={"status": "merged"}, headers={"Prefer": "wait=20"})
    assert reply.status == 200 and "Preference-Applied" not in reply.headers


def test_whoever_waits_is_answered_before_the_instance_ends(postgres, fleet):
    own = Service(postgres, "fleet").start()
    fleet.services.append(own)
    try:
        street = Street(own, Contract(), Clock(), "street")
        waits = [Waiting(fleet, street.client("city", ["department"]), n=2, status="closed") for _ in range(5)]
        assert own.stop() == 0
        for waiting in waits:
            reply = waiting.end(5)
            assert reply.status == 200 and not reply["items"] and reply.headers["Connection"] == "close"
    finally:
        fleet.services.remove(own)
