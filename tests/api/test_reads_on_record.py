"""A reading that leaves a record is answered once its record is kept, whatever becomes of those that share its Sync."""

import http.client
import json

import pytest
from support import tokens
from support.alone import alone, until_queued
from support.contract import Contract
from support.postgres import select_pause, until
from support.pull import connect
from support.service import Service
from support.world import Clock, Street

READ = """
CREATE OR REPLACE FUNCTION case_ratings_json(p_me actor, p_case cases) RETURNS json LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF p_case.title = 'poison' THEN
        RAISE EXCEPTION 'poison';
    END IF;
    PERFORM pg_advisory_xact_lock(1);
    RETURN '[]';
END $$;
"""


@pytest.fixture
def narrow():
    """One worker with one connection for reads."""
    with alone(workers=1, read_connections=1) as (postgres, service):
        yield service, postgres.url("whistled_owner", "main")


def ask(service: Service, path: str, person: str, role: str) -> http.client.HTTPConnection:
    line = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
    line.request("GET", path, headers={"Authorization": f"Bearer {tokens.mint(person, [role], 'street')}"})
    return line


@pytest.mark.parametrize("path", ["/v1/early-warnings/{warning}", "/v1/cases/export"])
def test_an_error_behind_it_takes_no_record_away(narrow, path):
    service, url = narrow
    street = Street(service, Contract(), Clock(), "street")
    warning = street.supervisor.post("/v1/early-warnings", {"kind": "collective_petition", "description": "Neighbours talk"})
    cases = {title: street.citizen.post("/v1/cases", street.body(category="litter", at="XF-01") | {"title": title})["id"]
             for title in ("slow", "poison")}
    with connect(url) as holder:
        holder.execute(READ)
        holder.execute("UPDATE cases SET state = 'closed'")
        holder.execute("SELECT pg_advisory_lock(1)")
        busy = [ask(service, f"/v1/cases/{cases['slow']}", "dispatcher", "dispatcher")]
        until(lambda: holder.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted").fetchone()[0])
        busy.append(ask(service, f"/v1/cases/{cases['slow']}", "dispatcher", "dispatcher"))
        for _ in range(10):  # it is in the pipeline, where nobody sees it
            select_pause()
        reading = ask(service, path.format(warning=warning["id"]), "leader", "leader")
        until_queued(service, 1)
        broken = ask(service, f"/v1/cases/{cases['poison']}", "dispatcher", "dispatcher")
        until_queued(service, 2)
        holder.execute("SELECT pg_advisory_unlock(1)")
        reply = reading.getresponse()
        body = reply.read()
        assert reply.status == 200, body
        assert [line.getresponse().status for line in busy] == [200, 200]
        reply = broken.getresponse()
        assert (reply.status, json.loads(reply.read())["code"]) == (500, "internal")
        table = "exports" if "export" in path else "audit_reads"
        assert holder.execute(f"SELECT count(*) FROM {table}").fetchone()[0] == 1
