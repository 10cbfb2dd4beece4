"""Exports of many rows: how much memory they take, how many there may be, and how they end when they do not end well."""

import http.client
import json
import signal
import socket
import threading
import time
import zlib

import psycopg
import pytest
import requests
from support import tokens
from support.postgres import Postgres, select_pause
from support.service import Service
from support.world import Clock, Street, build_world

# Of a description one half packs well and the other does not.
ROWS, BLOCKS = 6000, 62
CASES = "/v1/cases/export"
# Straight into the table, as the owner: nobody asks these cases for their history.
MANY = """
    INSERT INTO cases (tenant, id, number, state, kind, category, title, description, source, area, community, created_role,
        policy_version, received_at, round_started_at, state_at, updated_at)
    SELECT 'street', uuid7(at), 'ST' || n, 'closed', 'problem', 'litter', n::text, repeat('水', 32 * %s) || x.x, 'phone', 'XF-01', 'XF', 'dispatcher',
        1, at, at, at, at
    FROM generate_series(1, %s) AS n CROSS JOIN LATERAL (SELECT timestamptz '2026-01-01' + n * interval '1 min' AS at) AS t
    CROSS JOIN LATERAL (SELECT string_agg(md5(n || '/' || b), '') AS x FROM generate_series(1, %s) AS b) AS x"""


def check_log(service: Service) -> None:
    text = service.log_text()
    for word in ("AddressSanitizer", "runtime error", "LeakSanitizer", '"level":"error"'):
        assert word not in text, text[-8000:]


class Bulk:
    """A street with more cases than anybody should keep in memory, behind a service with one worker."""

    def __init__(self, postgres: Postgres):
        self.owner_url = postgres.url("whistled_owner", "exports")
        self.service = Service(postgres, "exports", workers=1, drain_timeout_ms=500)
        # What is freed is given back at once: what grows is what is kept.
        self.service.environment["ASAN_OPTIONS"] = "detect_leaks=1:quarantine_size_mb=1"

    def sql(self, text: str, *values):
        with psycopg.connect(self.owner_url, autocommit=True) as connection:
            schema = connection.execute(
                "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'api\\_%' ORDER BY oid DESC LIMIT 1").fetchone()[0]
            connection.execute(f"SET search_path = {schema}, whistled, public")
            found = connection.execute(text, values)
            return found.fetchall() if found.description else []

    def rss(self) -> int:
        status = open(f"/proc/{self.service.process.pid}/status").read()
        return int(status.split("VmRSS:")[1].split()[0]) * 1024

    def handed(self, subject: str) -> int:
        return self.sql("SELECT rows FROM exports e JOIN people p ON p.tenant = e.tenant AND p.id = e.person_id"
                        " WHERE p.subject = %s ORDER BY e.id DESC LIMIT 1", subject)[0][0]


@pytest.fixture(scope="module")
def bulk(postgres: Postgres):
    postgres.create_database("exports")
    bulk = Bulk(postgres)
    assert bulk.service.run("migrate").returncode == 0
    build_world(bulk.owner_url, "street")
    bulk.sql(MANY, BLOCKS, ROWS, BLOCKS)
    bulk.service.start()
    yield bulk
    assert bulk.service.stop() == 0, bulk.service.log_text()[-4000:]
    check_log(bulk.service)


@pytest.fixture
def there(bulk: Bulk, contract):
    return Street(bulk.service, contract, Clock(), "street")


class Reader:
    """A client that takes no more than it is told to: its own buffer is small, the kernel's for it too."""

    def __init__(self, service: Service, subject: str, role: str, query: str = "format=ndjson", coding: str = "identity",
                 **claims):
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        connection.connect(("127.0.0.1", service.port))
        connection.settimeout(60)
        self.connection = http.client.HTTPConnection("127.0.0.1", service.port)
        self.connection.sock = connection
        token = tokens.mint(subject, [role], "street", **claims)
        self.connection.request("GET", f"{CASES}?{query}", headers={
            "Authorization": f"Bearer {token}", "Accept-Encoding": coding})
        self.response = self.connection.getresponse()
        self.status = self.response.status
        self.lines: list[bytes] = []
        self.whole = None

    def line(self) -> dict:
        self.lines.append(self.response.readline())
        return json.loads(self.lines[-1])

    def pieces(self):
        """On to the end: the last chunk, or none."""
        try:
            while piece := self.response.read1(1 << 20):
                yield piece
            self.whole = True
        except (http.client.IncompleteRead, ConnectionError):
            self.whole = False

    def rest(self) -> "Reader":
        self.lines += b"".join(self.pieces()).split(b"\n")[:-1]
        return self

    @property
    def ids(self) -> list[str]:
        return [json.loads(line)["id"] for line in self.lines]

    def close(self) -> None:
        self.connection.close()


def test_memory_stays_the_same(bulk, there):
    """Fifty megabytes go through, and what the service keeps of them does not show."""
    there.dispatcher.get(CASES, received_to="2026-01-01T08:10:00Z")
    before, most, size = bulk.rss(), 0, 0
    with requests.get(bulk.service.base + CASES, params={"format": "ndjson"}, stream=True, timeout=60,
                      headers={"Authorization": f"Bearer {there.dispatcher.token}"}) as response:
        for piece in response.iter_content(1 << 18):
            size += len(piece)
            most = max(most, bulk.rss())
    assert size > ROWS * BLOCKS * 32 * 4
    assert most - before < 16 << 20, f"{(most - before) >> 20} MiB more while {size >> 20} MiB went through"
    assert bulk.handed("dispatcher") == ROWS


def test_who_does_not_read_is_not_read_for(bulk, there):
    slow = Reader(bulk.service, "leader", "leader")
    before = bulk.rss()
    # While another has taken all, one part after the other, there were as many turns for this one.
    assert len(Reader(bulk.service, "dispatcher", "dispatcher").rest().lines) == ROWS
    assert bulk.handed("leader") < ROWS // 2
    assert bulk.rss() - before < 16 << 20
    slow.rest()
    assert slow.whole and len(slow.lines) == ROWS == bulk.handed("leader")
    slow.close()


def ids(bulk: Bulk) -> list[str]:
    return [str(row[0]) for row in bulk.sql("SELECT id FROM cases ORDER BY id")]


def test_each_row_once_whatever_happens_meanwhile(bulk):
    known = ids(bulk)
    reader = Reader(bulk.service, "dispatcher", "dispatcher")
    assert reader.line()["id"] == known[0]
    # As a merge, a reopening and new reports do: some come earlier, some change, some are new.
    bulk.sql("UPDATE cases SET received_at = received_at - interval '1 year' WHERE title::int %% 3 = 0")
    bulk.sql("UPDATE cases SET state = 'handling', updated_at = clock_timestamp() WHERE title::int %% 3 = 1")
    bulk.sql(MANY.replace("'ST'", "'SU'").replace("uuid7(at)", "uuid7(clock_timestamp())"), 1, 300, 1)
    try:
        reader.rest()
        assert reader.whole
        assert reader.ids[:ROWS] == known and len(set(reader.ids)) == len(reader.ids)
    finally:
        bulk.sql("DELETE FROM cases WHERE number LIKE 'SU%%'")
        bulk.sql("UPDATE cases SET state = 'closed', received_at = round_started_at")
        reader.close()


def test_two_of_one_person_and_sixteen_of_all(bulk):
    people = [(n, "dispatcher") for n in ("dispatcher", "dispatcher2")] + [(n, "leader") for n in ("leader", "leader2")]
    people += [(n, "supervisor") for n in ("supervisor", "supervisor2")] + [("auditor", "auditor"), ("community_xf", "community")]
    open_ones = []
    try:
        for subject, role in people:
            open_ones += [Reader(bulk.service, subject, role) for _ in range(2)]
            third = Reader(bulk.service, subject, role)
            assert (third.status, third.response.headers["Retry-After"]) == (429, "10")
            third.close()
        assert [one.status for one in open_ones] == [200] * 16
        other = Reader(bulk.service, "community_ca", "community")
        assert (other.status, other.response.headers["Retry-After"]) == (503, "10")
        other.close()
    finally:
        for one in open_ones:
            one.close()
    # Whoever goes away makes room.
    while (again := Reader(bulk.service, "community_ca", "community")).status != 200:
        again.close()
        select_pause()
    again.rest()
    assert again.whole and again.lines == []


def test_rights_that_are_taken_away_end_it(bulk):
    """The status is long gone: the stream has no end, and the client can tell."""
    reader = Reader(bulk.service, "dispatcher2", "dispatcher")
    reader.line()
    bulk.sql("UPDATE people SET active = false WHERE subject = 'dispatcher2'")
    try:
        reader.rest()
        assert reader.whole is False and 0 < len(reader.lines) < ROWS
        assert reader.ids == ids(bulk)[:len(reader.lines)]
        [(rows, ended)] = bulk.sql("SELECT rows, ended_at FROM exports e JOIN people p ON p.tenant = e.tenant AND p.id = e.person_id"
                                   " WHERE p.subject = 'dispatcher2' ORDER BY e.id DESC LIMIT 1")
        assert ended is None and len(reader.lines) <= rows < ROWS
        assert '"note":"subject_inactive"' in bulk.service.log_text()
    finally:
        bulk.sql("UPDATE people SET active = true WHERE subject = 'dispatcher2'")


def test_the_token_ends_it(bulk):
    leeway, left = 30, 2
    reader = Reader(bulk.service, "dispatcher", "dispatcher", exp=int(time.time()) - leeway + left)
    assert reader.status == 200
    reader.line()
    end = time.monotonic() + left + 1
    while time.monotonic() < end:
        select_pause()
    reader.rest()
    assert reader.whole is False and len(reader.lines) < ROWS


def test_packed_and_cut_lacks_its_end(bulk):
    """What a proxy may hide of the chunks, gzip still tells."""
    reader = Reader(bulk.service, "dispatcher2", "dispatcher", query="format=csv", coding="gzip")
    unpack = zlib.decompressobj(zlib.MAX_WBITS | 16)
    text = unpack.decompress(reader.response.read(10))
    bulk.sql("UPDATE people SET active = false WHERE subject = 'dispatcher2'")
    try:
        for piece in reader.pieces():
            text += unpack.decompress(piece)
        assert reader.whole is False and not unpack.eof and text.count(b"\r\n") < ROWS
        refused = Reader(bulk.service, "dispatcher2", "dispatcher")
        assert (refused.status, json.load(refused.response)["code"]) == (403, "subject_inactive")
    finally:
        bulk.sql("UPDATE people SET active = true WHERE subject = 'dispatcher2'")


def test_a_database_that_comes_and_goes(bulk):
    """Every session is killed in the middle, again and again. What breaks off goes on behind its last whole line: nothing is
    missing, nothing is there twice."""
    known, found, kills = ids(bulk), [], 12
    with psycopg.connect(bulk.owner_url.replace("whistled_owner", "postgres"), autocommit=True) as superuser:
        while len(found) < ROWS:
            after = f"&after={found[-1]}" if found else ""
            reader = Reader(bulk.service, "dispatcher", "dispatcher", query=f"format=ndjson{after}")
            if reader.status == 200:
                reader.line()
                if kills > 0:
                    kills -= 1
                    superuser.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                                      " WHERE usename = 'whistled' AND datname = 'exports'")
                found += reader.rest().ids
                assert reader.whole is False or len(found) == ROWS
            else:
                assert reader.status in (429, 503) and "Retry-After" in reader.response.headers
                select_pause()
            reader.close()
    assert found == known


def test_stop_in_the_middle(postgres, bulk):
    """Those that sleep for their turn, those that do not read, and those that do: all end, and so does the service."""
    other = Service(postgres, "exports", workers=2, drain_timeout_ms=500).start()
    asleep = [Reader(other, subject, "leader") for subject in ("leader", "leader2")]
    busy = [Reader(other, subject, role) for subject, role in (
        ("dispatcher", "dispatcher"), ("dispatcher2", "dispatcher"), ("supervisor", "supervisor"), ("auditor", "auditor"))]
    threads = [threading.Thread(target=reader.rest) for reader in busy]
    for thread in threads:
        thread.start()
    other.process.send_signal(signal.SIGTERM)
    assert other.process.wait(timeout=60) == 0
    for thread in threads:
        thread.join()
    for reader in asleep:
        assert reader.rest().whole is False
    assert all(reader.whole is not None for reader in busy)
    check_log(other)
