"""Writes share transactions, reads a Sync; a refusal or an error among them is nobody else's. Sixty-four clients at once, one request each, wave
after wave: of a hundred writes ten are refused and one breaks inside PostgreSQL, which takes its whole group back; of the reads one in sixteen."""

import http.client
import json
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from support import tokens
from support.alone import alone, told, until_queued
from support.asking import tickets_for, worked
from support.audit import assert_audit
from support.client import Client
from support.contract import Contract
from support.postgres import until
from support.pull import connect
from support.service import Service
from support.world import Clock, Street

WRITERS, WAVES = 64, 16
TITLE = "writer {writer} wave {wave}"

# What no check foresees: the insertion itself fails, when others of its group have been inserted already; so does a read of what is closed.
POISON = """
CREATE FUNCTION whistled.poisoned() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.description = 'poison' THEN
        RAISE EXCEPTION 'poison';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER poisoned AFTER INSERT ON whistled.cases FOR EACH ROW EXECUTE FUNCTION whistled.poisoned();
"""
# What fails when it is to be committed.
LATE = """
CREATE FUNCTION whistled.late() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'late' USING ERRCODE = right(NEW.description, 5);
END $$;
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON whistled.cases DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW WHEN (NEW.title = 'late') EXECUTE FUNCTION whistled.late();
"""
# What waits for the test: title "slow N" for the lock N.
SLOW = """
CREATE FUNCTION whistled.slow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(right(NEW.title, 1)::bigint);
    RETURN NEW;
END $$;
CREATE TRIGGER slow AFTER INSERT ON whistled.cases FOR EACH ROW WHEN (NEW.title LIKE 'slow _') EXECUTE FUNCTION whistled.slow();
"""
POISONED_READ = """
CREATE OR REPLACE FUNCTION case_ratings_json(p_me actor, p_case cases) RETURNS json LANGUAGE plpgsql STABLE AS $$
BEGIN
    RAISE EXCEPTION 'poison';
END $$;
"""


@pytest.fixture
def own():
    """A service that is going to log errors, on a database that makes them."""
    with alone(told(POISON)) as (postgres, service):
        yield service, postgres.url("whistled_owner", "main")


def kind_of(number: int) -> str:
    return "poison" if number % 100 == 57 else "refused" if number % 10 == 3 else "good"


def body_of(writer: int, wave: int, kind: str) -> dict:
    point = Street.point("XF-01")
    return {
        "description": "poison" if kind == "poison" else "Something is in the way", "title": TITLE.format(writer=writer, wave=wave),
        "kind": "problem", "category": "no_such_thing" if kind == "refused" else "litter", "location": {"lon": point["lon"], "lat": point["lat"]},
    }


def send_wave(lines: list[http.client.HTTPConnection], token: str, wave: int) -> list[tuple[str, str, int, dict]]:
    """All are sent before the first is read, so that they wait together: (kind, title, status, reply) of each."""
    kinds = [kind_of(wave * WRITERS + writer) for writer in range(WRITERS)]
    for writer, line in enumerate(lines):
        line.request("POST", "/v1/cases", json.dumps(body_of(writer, wave, kinds[writer])), {
            "Authorization": f"Bearer {token}", "Content-Type": "application/json", "Idempotency-Key": f"{writer}-{wave}"})
    replies = [line.getresponse() for line in lines]
    return [(kind, TITLE.format(writer=writer, wave=wave), reply.status, json.loads(reply.read()))
            for writer, (kind, reply) in enumerate(zip(kinds, replies))]


def check_replies(answered: list[tuple[str, str, int, dict]]) -> dict[str, str]:
    """Each got its own answer; returns the promised ids by title."""
    promised = {}
    for kind, title, status, reply in answered:
        if kind == "good":
            assert status == 201 and reply["title"] == title, (title, status, reply)
            promised[title] = reply["id"]
        else:
            assert (status, reply["code"]) == {"refused": (422, "unknown_reference"), "poison": (500, "internal")}[kind], (title, status, reply)
    return promised


def check_rows(url: str, promised: dict[str, str]) -> None:
    """What was promised is there, once, whole; of all else there is no trace."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET search_path = whistled, public")
        assert dict(connection.execute("SELECT title, id::text FROM cases").fetchall()) == promised
        assert connection.execute("SELECT count(*) FROM cases").fetchone()[0] == len(promised)
        ids = sorted(promised.values())
        news = "(SELECT case_id FROM outbox UNION ALL SELECT case_id FROM feed) AS news"  # drained or not yet
        for table, column in (("case_history", "case_id"), (news, "case_id"), ("case_reporters", "case_id"), ("case_texts", "case_id"),
                              ("idempotency_keys", "object_id")):
            found = connection.execute(f"SELECT {column}::text FROM {table} ORDER BY 1").fetchall()
            assert [row[0] for row in found] == ids, table
        keys = connection.execute("SELECT key, object_id::text FROM idempotency_keys").fetchall()
        assert {TITLE.format(writer=key.split("-")[0], wave=key.split("-")[1]): case for key, case in keys} == promised
        numbers = connection.execute("SELECT count(DISTINCT number) FROM cases").fetchone()[0]
        assert numbers == len(promised)
        # They did share: else all of this says nothing.
        transactions = connection.execute("SELECT count(DISTINCT xmin::text) FROM case_texts").fetchone()[0]
        assert transactions < 0.8 * len(promised), (transactions, len(promised))


def test_a_group_loses_nobody(own):
    service, url = own
    token = tokens.mint("citizen", ["citizen"], "street")
    lines = [http.client.HTTPConnection("127.0.0.1", service.port, timeout=60) for _ in range(WRITERS)]
    answered = [answer for wave in range(WAVES) for answer in send_wave(lines, token, wave)]
    for line in lines:
        line.close()
    assert sum(kind == "poison" for kind, *_ in answered) == WRITERS * WAVES // 100
    promised = check_replies(answered)
    check_rows(url, promised)
    assert_audit(url)


def waits_for(connection, lock: int) -> list[tuple]:
    """The transactions that do."""
    return connection.execute("SELECT virtualtransaction FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = %s", (lock,)).fetchall()


def test_a_group_that_is_held_up_is_passed():
    """Both connections of the one worker are kept busy until a group has formed behind them, one of whose members then waits for a lock."""
    token = tokens.mint("citizen", ["citizen"], "street")
    with alone(told(SLOW), workers=1, write_connections=2) as (postgres, service), connect(postgres.url("whistled_owner", "main")) as holder:
        holder.execute("SELECT pg_advisory_lock(1), pg_advisory_lock(2)")

        def send(title: str) -> http.client.HTTPConnection:
            line = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
            body = body_of(0, 0, "good") | {"title": title}
            line.request("POST", "/v1/cases", json.dumps(body), {"Authorization": f"Bearer {token}", "Content-Type": "application/json"})
            return line

        busy = []
        for n in (1, 2):
            busy.append(send("slow 1"))
            until(lambda: len(waits_for(holder, 1)) == n)
        group = [send(title) for title in ("a", "b", "c", "d", "slow 2")]
        until_queued(service, 5)
        holder.execute("SELECT pg_advisory_unlock(1)")
        assert [line.getresponse().status for line in busy] == [201, 201]
        until(lambda: waits_for(holder, 2))
        held_up = waits_for(holder, 2)
        assert send("past it").getresponse().status == 201
        assert waits_for(holder, 2) == held_up
        holder.execute("SELECT pg_advisory_unlock(2)")
        assert [line.getresponse().status for line in group] == [201] * 5


def test_what_whistles_approves_or_checks_shares_too():
    """Each locks one case and what hangs on it, like any other step: only what locks several cases goes alone. One is refused."""
    with (alone(told(SLOW), workers=1, write_connections=1) as (postgres, service), connect(postgres.url("whistled_owner", "main")) as holder,
          ThreadPoolExecutor(8) as pool):
        street = Street(service, Contract(), Clock(), "street")
        cases = [street.report(category="pothole", at="XF-01")["id"] for _ in range(4)]

        def act(who: Client, thing: str, action: str, body: dict) -> int:
            return who.post(f"{thing}/{action}", body, who.get(thing).etag).status

        def together(subject: str, action: str, things: list[str], **body) -> None:
            """By a client each, while the one connection is kept busy; the first thing by two."""
            holder.execute("SELECT pg_advisory_lock(1)")
            busy = pool.submit(street.report, at="XF-01", title="slow 1")
            until(lambda: waits_for(holder, 1))
            calls = [pool.submit(act, street.client(subject, [subject]), thing, action, body) for thing in [things[0], *things]]
            until_queued(service, len(calls))
            holder.execute("SELECT pg_advisory_unlock(1)")
            assert busy.result() and sorted(call.result() for call in calls) == [200] * len(things) + [412]
            done = holder.execute("SELECT count(*), count(DISTINCT xmin::text) FROM case_history WHERE action = %s", (action,)).fetchone()
            assert done == (len(things), 1)

        for case in cases:
            street.dispatcher.case(case, "accept")
            street.dispatcher.case(case, "register", level="complex")
        together("dispatcher", "whistle", [f"/v1/cases/{case}" for case in cases], kind="everyday", tickets=tickets_for("city"))
        tickets = [street.dispatcher.get(f"/v1/cases/{case}")["tickets"][0]["id"] for case in cases]
        for ticket in tickets:
            worked(street, street.city, ticket)
        together("dispatcher", "approve", [f"/v1/tickets/{ticket}" for ticket in tickets], rating=5, feedback={"reply": "Done"})
        together("supervisor", "check", [f"/v1/cases/{case}" for case in cases], point=street.point("XF-01"), **{"pass": True})
        assert_audit(postgres.url("whistled_owner", "main"))


@pytest.mark.parametrize("error, answer", [("P0001", (500, "internal")), ("08006", (503, "outcome_unknown"))])
def test_a_lone_write_that_fails_at_its_commit_is_answered(own, error, answer):
    service, url = own
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(LATE)
    line = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
    line.request("POST", "/v1/cases", json.dumps(body_of(0, 0, "good") | {"title": "late", "description": error}), {
        "Authorization": f"Bearer {tokens.mint('citizen', ['citizen'], 'street')}", "Content-Type": "application/json"})
    reply = line.getresponse()
    assert (reply.status, json.loads(reply.read())["code"]) == answer
    line.close()


FORGETFUL = """
CREATE FUNCTION whistled.forgotten() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE 'DEALLOCATE ALL';
    RETURN NULL;
END $$;
CREATE TRIGGER forgotten AFTER INSERT ON whistled.cases FOR EACH ROW WHEN (NEW.title = 'forget') EXECUTE FUNCTION whistled.forgotten();
"""


def test_a_connection_that_has_forgotten_its_statements_is_replaced(own):
    """As behind a pooler: what the service prepared there is gone, and every request would find that out anew."""
    service, url = own
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(FORGETFUL)
        pids = lambda: {pid for (pid,) in connection.execute(  # noqa: E731
            "SELECT pid FROM pg_stat_activity WHERE usename = 'whistled' AND application_name = 'whistled'")}
        before, street = pids(), Street(service, Contract(), Clock(), "street")
        for title in ("forget", "after it", "and on"):
            assert street.report(at="XF-01", title=title)["title"] == title
        until(lambda: len(pids()) == len(before) and len(pids() - before) == 1)


def intakes(service: Service, lines: list[http.client.HTTPConnection]) -> list[str]:
    token = tokens.mint("citizen", ["citizen"], "street")
    for writer, line in enumerate(lines):
        line.request("POST", "/v1/cases", json.dumps(body_of(writer, 0, "good")), {
            "Authorization": f"Bearer {token}", "Content-Type": "application/json"})
    return [json.loads(line.getresponse().read())["id"] for line in lines]


def test_reads_that_share_a_sync_get_each_their_own(own):
    service, url = own
    lines = [http.client.HTTPConnection("127.0.0.1", service.port, timeout=60) for _ in range(WRITERS)]
    ids = intakes(service, lines)
    broken = set(ids[::16])
    with connect(url) as connection:
        connection.execute(POISONED_READ)
        connection.execute("UPDATE cases SET state = 'closed' WHERE id = ANY (%s)", (list(broken),))
    token = tokens.mint("dispatcher", ["dispatcher"], "street")
    for wave in range(WAVES):
        asked = ids[wave:] + ids[:wave]
        for case, line in zip(asked, lines):
            line.request("GET", f"/v1/cases/{case}", headers={"Authorization": f"Bearer {token}"})
        for case, line in zip(asked, lines):
            reply = line.getresponse()
            body = json.loads(reply.read())
            assert (reply.status, body.get("id", body.get("code"))) == ((500, "internal") if case in broken else (200, case))
    for line in lines:
        line.close()
