"""Streams of events: who sees what, from where, until when, and at what cost to the others."""

import os
import re
import signal
import time
from contextlib import contextmanager

import psycopg
import pytest
import requests
from support import tokens
from support.contract import Contract
from support.postgres import until
from support.service import Service
from support.sse import Stream
from support.world import PEOPLE, Clock, Street, build_world


@pytest.fixture
def listen():
    """Opens streams that end with the test."""
    streams = []

    def open_one(client, last=None, **more) -> Stream:
        streams.append(Stream(client, last, **more))
        return streams[-1]

    yield open_one
    for stream in streams:
        stream.close()


def history(client, kind: str, object_id: str) -> list[dict]:
    reply = client.get(f"/v1/{kind}/{object_id}/events", limit=200)
    return reply["items"] if reply.status == 200 else []


def a_life(street) -> tuple[str, dict]:
    """A case with two departments, one of which is sent away; ends with the resident's rating."""
    case = street.report(at="XF-01", category="advice")["id"]
    street.grid1.case(case, "accept")
    street.grid1.case(case, "comment", text="for colleagues", visibility="internal")
    street.dispatcher.case(case, "register", level="complex")
    whistled = street.dispatcher.case(case, "whistle", kind="everyday", tickets=[
        {"organisation": "city", "role": "lead", "task": "t"}, {"organisation": "water", "role": "assist", "task": "t"}])
    tickets = {t["organisation"]["code"]: t["id"] for t in whistled["tickets"]}
    street.water.ticket(tickets["water"], "sign")
    street.dispatcher.ticket(tickets["water"], "recall", reason="not needed")
    street.city.ticket(tickets["city"], "sign")
    street.city.ticket(tickets["city"], "start")
    street.city.ticket(tickets["city"], "submit", result="r", reply="done", cause_code="ageing")
    street.dispatcher.ticket(tickets["city"], "approve", rating=5, feedback={})
    street.community_xf.case(case, "check", **{"pass": True, "point": street.point("XF-01")})
    street.citizen.case(case, "rate", contacted=True, solved="yes", satisfied=5)
    return case, tickets


def test_each_hears_what_its_histories_show(street, listen):
    roles = ("dispatcher", "auditor", "leader", "citizen", "citizen2", "grid1", "grid3", "community_xf", "city", "water", "clerk")
    streams = {name: listen(getattr(street, name)).ready() for name in roles}
    case, tickets = a_life(street)
    marker = street.report(street.grid1, at="XF-01", category="advice")["id"]
    elsewhere = street.report(street.grid3, at="CA-01", category="advice")["id"]
    heard = {}
    for name in ("dispatcher", "auditor", "leader", "grid1", "community_xf"):
        heard[name] = [e for e in streams[name].until(lambda e: e["case_id"] == marker) if e["case_id"] == case]
        assert heard[name] == history(getattr(street, name), "cases", case), name
    assert [e["seq"] for e in heard["dispatcher"]] == list(range(1, len(heard["dispatcher"]) + 1))
    assert all("reporter" not in e["data"] for e in heard["auditor"])
    rated = streams["citizen"].until(lambda e: e["action"] == "auto_close" or e["to"] == "closed")
    assert rated == history(street.citizen, "cases", case)
    assert {e["visibility"] for e in rated} == {"public"} and all(e["ticket_id"] is None for e in rated)
    # What had been read before it was theirs does not come again; of the other's ticket nothing.
    city = streams["city"].until(lambda e: e["to"] == "closed" and e["ticket_id"] is None)
    # Names as they could be seen then: a lead department loses the reporter's with its ticket.
    seen = [(e["id"], e["action"]) for e in history(street.city, "cases", case)]
    assert [(e["id"], e["action"]) for e in city] == seen[-len(city):]
    assert {e["ticket_id"] for e in city} == {None, tickets["city"]}
    water = streams["water"].until(lambda e: e["action"] == "recall")
    seen = {e["id"]: e for e in history(street.water, "tickets", tickets["water"])}
    assert [e["action"] for e in water if e["ticket_id"]] == ["issue", "sign", "recall"]
    assert all(seen[e["id"]] == e for e in water if e["ticket_id"])
    grid3 = streams["grid3"].until(lambda e: e["case_id"] == elsewhere)
    assert {e["case_id"] for e in grid3} == {elsewhere}, "another grid's, but what waits to be checked in the community"
    assert streams["citizen2"].none() and streams["clerk"].none() and streams["water"].none()
    refused = Stream(street.property)
    assert refused.status == 403 and refused.json["code"] == "insufficient_role"


def test_order_of_all_and_nothing_twice_over_many_cuts(street, listen):
    """The client goes away at any moment and comes again with the last id it read."""
    stream = listen(street.dispatcher).ready()
    cases = [street.report(at="XF-01", category="advice")["id"] for _ in range(4)]
    heard, cuts = [], 0
    for n in range(30):
        street.dispatcher.case(cases[n % 4], "comment", text=f"{n}", visibility="internal")
        if n % 2:
            while not stream.none():
                heard.append(stream.get()[2])
            last = stream.last_id
            stream.close()
            # What the reader's thread still took counts as read: a client would have it too.
            stream.ended.wait(10)
            while not stream.none():
                heard.append(stream.get()[2])
            last = stream.last_id
            stream = listen(street.dispatcher, last).ready()
            assert stream.resumed
            cuts += 1
    heard += stream.until(lambda e: e["note"] == "29")
    mine = [e for e in heard if e["case_id"] in cases]
    assert cuts == 15 and len({e["id"] for e in heard}) == len(heard), "nothing twice"
    assert sorted(e["id"] for e in mine) == sorted(e["id"] for c in cases for e in history(street.dispatcher, "cases", c))
    for case in cases:
        assert [e["seq"] for e in mine if e["case_id"] == case] == list(range(1, 1 + sum(e["case_id"] == case for e in mine)))


def test_where_it_goes_on(street, elsewhere, listen):
    first = listen(street.dispatcher).ready()
    case = street.report(at="XF-01", category="advice")["id"]
    street.dispatcher.case(case, "accept")
    kind, begin, _ = first.get()
    first.until(lambda e: e["action"] == "accept")
    after = first.last_id
    by_query = listen(street.dispatcher, last_event_id=begin).ready()
    assert by_query.resumed and by_query.get()[2]["action"] == "accept"
    # EventSource keeps its address: what it says in the header is newer.
    street.dispatcher.case(case, "comment", text="x", visibility="internal")
    by_header = listen(street.dispatcher, after, last_event_id=begin).ready()
    assert by_header.get()[2]["action"] == "comment"
    # The place is the street's: a colleague's device may go on from it.
    assert listen(street.leader, after).ready().get()[2]["action"] == "comment"
    for last, pointer in ((after[:-2], "header.Last-Event-ID"), ("x" * 1001, "header.Last-Event-ID")):
        refused = Stream(street.dispatcher, last)
        assert refused.status == 422 and [e["pointer"] for e in refused.json["errors"]] == [pointer]
    assert Stream(elsewhere.dispatcher, after).json["code"] == "cursor_invalid"
    assert Stream(street.dispatcher, last_event_id="made-up").json["errors"][0]["pointer"] == "query.last_event_id"
    assert not listen(street.dispatcher, last_event_id="").ready().resumed


def test_filters(street, listen, drained):
    both = [street.report(at="XF-01", category="advice")["id"] for _ in range(2)]
    drained()
    streams = {
        "type": listen(street.dispatcher, type=["accept", "register"]).ready(),
        "case": listen(street.dispatcher, case=both[1]).ready(),
        "ticket": listen(street.dispatcher, ticket="0190a5f0-0000-7000-8000-000000000000").ready(),
    }
    for case in both:
        street.dispatcher.case(case, "accept")
        street.dispatcher.case(case, "comment", text="c", visibility="internal")
        street.dispatcher.case(case, "register", level="ordinary")
    heard = streams["type"].until(lambda e: e["case_id"] == both[1] and e["action"] == "register")
    assert [e["action"] for e in heard if e["case_id"] in both] == ["accept", "register"] * 2
    assert [e["action"] for e in streams["case"].until(lambda e: e["action"] == "register")] == ["accept", "comment", "register"]
    assert streams["ticket"].none()
    for wrong in ({"type": "Accept"}, {"case": "x"}, {"sort": "due"}):
        assert Stream(street.dispatcher, **wrong).status == 422


def test_what_it_is_as_http(street, service):
    head = street.dispatcher.request("HEAD", "/v1/events", headers={"Accept": "text/event-stream"})
    assert head.status == 200 and head.headers["Content-Type"] == "text/event-stream"
    refused = street.dispatcher.request("GET", "/v1/events", headers={"Accept": "application/json"})
    assert (refused.status, refused.code) == (406, "not_acceptable")
    stream = Stream(street.dispatcher)
    assert stream.headers["Cache-Control"] == "no-store" and stream.headers["Connection"] == "close"
    assert "Content-Length" not in stream.headers and "Date" in stream.headers
    stream.ready()
    assert stream.retry == 2000
    stream.close()
    assert requests.get(f"{service.base}/v1/events", timeout=10).status_code == 401


def test_a_slow_reader_holds_up_nobody_and_loses_nothing(street, listen):
    """One of two with the same sight does not read: it goes on by itself, later, from where it stood."""
    slow, quick = listen(street.dispatcher, read=False), listen(street.dispatcher).ready()
    case = street.report(at="XF-01", category="advice")["id"]
    text = "x" * 1900
    for n in range(150):
        street.dispatcher.post(f"/v1/cases/{case}/comment", {"text": text + str(n), "visibility": "internal"})
    heard = quick.until(lambda e: e["note"] == f"{text}149")
    slow.read()
    late = slow.ready().until(lambda e: e["note"] == f"{text}149")
    assert [e["id"] for e in late] == [e["id"] for e in heard]
    street.dispatcher.case(case, "accept")
    assert quick.get()[2]["action"] == slow.get()[2]["action"] == "accept", "together again"


class Own:
    """An instance of the test's own on a database of the module's."""

    def __init__(self, postgres, **settings):
        self.service = Service(postgres, "streams", **settings).start()
        self.street = Street(self.service, Contract(), Clock(), "street")

    def count(self) -> int:
        text = requests.get(f"http://127.0.0.1:{self.service.metrics_port}/metrics", timeout=5).text
        return sum(int(value) for value in re.findall(r"^whistled_streams\S* (\d+)$", text, re.M))


@pytest.fixture(scope="module")
def database(postgres):
    postgres.create_database("streams")
    assert Service(postgres, "streams").run("migrate").returncode == 0
    build_world(postgres.url("whistled_owner", "streams"), "street")
    with psycopg.connect(postgres.url("postgres", "postgres"), autocommit=True) as connection:
        connection.execute("ALTER DATABASE streams SET track_functions = 'pl'")
    return postgres


@pytest.fixture
def start(database):
    instances = []

    def one(**settings) -> Own:
        instances.append(Own(database, **settings))
        return instances[-1]

    yield one
    for own in instances:
        assert own.service.stop() == 0, own.service.log_text()[-4000:]
        text = own.service.log_text()
        assert "AddressSanitizer" not in text and "runtime error" not in text and '"level":"error"' not in text


def test_too_many(start):
    own = start(max_streams=6, citizen_streams=2, workers=1)
    streams = [Stream(own.street.citizen).ready() for _ in range(2)]
    refused = Stream(own.street.citizen)
    assert refused.status == 429 and refused.json["code"] == "rate_limited" and "Retry-After" in refused.headers
    streams += [Stream(own.street.city).ready() for _ in range(4)]
    refused = Stream(own.street.city)
    assert refused.status == 503 and refused.json["code"] == "unavailable" and "Retry-After" in refused.headers
    assert own.count() == 6
    for stream in streams:
        stream.close()
    until(lambda: own.count() == 0)
    Stream(own.street.citizen).ready().close()


def test_the_end(start):
    """With the token, with the rights, with the instance; whoever is not meant goes on."""
    own = start()
    street = own.street
    short = street.client("dispatcher2", PEOPLE["dispatcher2"][1])
    short.token = tokens.mint("dispatcher2", PEOPLE["dispatcher2"][1], "street", exp=int(time.time()) + 2)
    expiring, retired = Stream(short).ready(), Stream(street.city2).ready()
    both = street.client("grid2", ["grid_worker", "window_clerk"])
    moved, colleague = Stream(both).ready(), Stream(street.city).ready()
    assert expiring.ended.wait(20)
    path = f"/v1/people/{street.person('city2')}"
    assert street.admin.post(f"{path}/retire", {"note": "left"}, street.admin.get(path).etag).status == 200
    assert retired.ended.wait(20)
    assert Stream(street.city2, retired.last_id).json["code"] == "subject_inactive"
    path = f"/v1/people/{street.person('grid2')}"
    assert street.admin.patch(path, {"roles": ["grid_worker", "window_clerk"]}, street.admin.get(path).etag).status == 200
    assert moved.ended.wait(20)
    assert Stream(both, moved.last_id).ready().resumed
    path = f"/v1/people/{street.person('city')}"
    assert street.admin.patch(path, {"phone": "13800000000"}, street.admin.get(path).etag).status == 200
    assert not colleague.ended.wait(0.3), "another telephone is no other right"
    assert own.service.stop() == 0
    assert colleague.ended.wait(20) and colleague.retry >= 2000
    notes = [line for line in own.service.log_text().splitlines() if '"stream ended"' in line]
    for why in ("its token has expired", "subject_inactive", "its rights were changed", "the service stops"):
        assert any(why in line for line in notes), (why, notes)


def test_a_place_that_was_swept_or_lost(start, database):
    own = start()
    first = Stream(own.street.dispatcher).ready()
    cases = [own.street.report(at="XF-01", category="advice")["id"] for _ in range(3)]
    places = []
    while len(places) < 3:
        places.append(first.get()[1])
    with psycopg.connect(database.url("postgres", "streams"), autocommit=True) as connection:
        connection.execute("DELETE FROM whistled.feed WHERE position <= (SELECT max(position) - 1 FROM whistled.feed)")
    assert Stream(own.street.dispatcher, places[1]).ready().resumed, "all behind it is there"
    late = Stream(own.street.dispatcher, places[0])
    kind, _, data = late.get()
    assert (kind, data) == ("reset", {"code": "cursor_reset"})
    own.street.dispatcher.case(cases[0], "accept")
    assert late.get()[2]["action"] == "accept", "from now on"
    first.until(lambda e: e["action"] == "accept")
    # The database is set back under a stream that stands further.
    with psycopg.connect(database.url("postgres", "streams"), autocommit=True) as connection:
        last, = connection.execute("SELECT last_position FROM whistled.feed_positions").fetchone()
        connection.execute("UPDATE whistled.feed_positions SET last_position = %s - 1", [last])
        connection.execute("DELETE FROM whistled.feed WHERE position = %s", [last])
    own.street.dispatcher.case(cases[1], "accept")
    assert first.get()[0] == "reset" and late.get()[0] == "reset"
    own.street.dispatcher.case(cases[2], "accept")
    assert first.get()[2]["case_id"] == late.get()[2]["case_id"] == cases[2]


def calls(database, function: str) -> int:
    with psycopg.connect(database.url("postgres", "streams")) as connection:
        found = connection.execute("SELECT calls FROM pg_stat_user_functions WHERE funcname = %s", [function]).fetchone()
    return found[0] if found else 0


def readings(database) -> int:
    return calls(database, "stream_page")


def test_many_with_the_same_sight_are_read_for_once(start, database):
    """Forty streams of four people hear of an event by a few readings; who has nothing to do with it by none."""
    own = start(workers=1)
    street = own.street
    whole = [Stream(c).ready() for c in (street.dispatcher, street.leader, street.supervisor, street.dispatcher2) for _ in range(10)]
    others = [Stream(street.water).ready() for _ in range(10)]
    events, case = 6, street.report(at="XF-01", category="advice")["id"]
    for n in range(events):
        street.dispatcher.case(case, "comment", text=f"{n}", visibility="internal")
    for stream in whole:
        stream.until(lambda e: e["note"] == f"{events - 1}")
    assert all(stream.none() for stream in others)
    until(lambda: readings(database) > 0)
    # 50 first readings at the most, then one for each event and a few for those who had not met yet.
    assert readings(database) <= len(whole) + len(others) + 3 * events
    for stream in whole + others:
        stream.close()


@contextmanager
def drainer_stopped(database):
    with psycopg.connect(database.url("postgres", "streams")) as connection:
        process_id = connection.execute("SELECT pid FROM pg_stat_activity WHERE application_name = 'whistled feed'").fetchone()[0]
    os.kill(process_id, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process_id, signal.SIGCONT)


def test_much_at_once_is_read_for_once(start, database):
    """More than a page, and more than a stream may owe: still one reading for all who see the same, and no event is shown to be
    thrown away."""
    own = start(workers=1)
    streams = [Stream(own.street.dispatcher).ready() for _ in range(10)]
    case, events = own.street.report(at="XF-01", category="advice")["id"], 190
    for stream in streams:
        stream.until(lambda e: e["case_id"] == case)
    seen = calls(database, "event_view")
    with drainer_stopped(database):
        for n in range(events):
            own.street.dispatcher.post(f"/v1/cases/{case}/comment", {"text": "x" * 1900 + str(n), "visibility": "internal"})
    heard = [stream.until(lambda e: str(e["note"]).endswith(f"x{events - 1}")) for stream in streams]
    assert all([e["id"] for e in one] == [e["id"] for e in heard[0]] for one in heard) and len(heard[0]) == events
    for stream in streams:
        stream.close()
    until(lambda: calls(database, "event_view") >= seen + events)
    assert calls(database, "event_view") < seen + events + 40  # with what is told late of the beginning


def test_the_database_goes_away_and_comes_back(start, database):
    """A stream outlives its readings' connections."""
    own = start()
    stream = Stream(own.street.dispatcher).ready()
    case = own.street.report(at="XF-01", category="advice")["id"]
    stream.until(lambda e: e["case_id"] == case)
    for _ in range(3):
        with psycopg.connect(database.url("postgres", "postgres"), autocommit=True) as connection:
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'streams'")
        until(own.service.ready)
        reply = own.street.dispatcher.post(f"/v1/cases/{case}/comment", {"text": "after", "visibility": "internal"})
        while reply.status == 503:
            reply = own.street.dispatcher.post(f"/v1/cases/{case}/comment", {"text": "after", "visibility": "internal"})
        assert stream.until(lambda e: e["note"] == "after")
    stream.close()
