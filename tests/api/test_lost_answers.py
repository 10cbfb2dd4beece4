"""A write is committed and its answer lost: under an Idempotency-Key it is run again inside, and finds itself done."""

import http.client
import json
import shutil
import tempfile
from pathlib import Path

import psycopg
import pytest
from support import tokens
from support.alone import alone
from support.lossy import Lossy
from support.world import Street

from test_attachments import png


@pytest.fixture
def behind():
    """One write connection, with something in between that can lose answers."""
    folder = Path(tempfile.mkdtemp(prefix="whistled-lossy-"))
    between = []
    with alone(lambda postgres: between.append(Lossy(folder, postgres.folder)), workers=1, write_connections=1,
               database_url=f"postgresql://whistled@/main?host={folder}&port=5432") as (service, url):
        yield service, url, between[0]
    shutil.rmtree(folder)


def test_an_upload_whose_answer_was_lost_keeps_its_picture(behind):
    service, url, lossy = behind
    line = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
    token = tokens.mint("citizen", ["citizen"], "street")
    lossy.lose("attachments.create")
    line.request("POST", "/v1/attachments", png(5, 5), {
        "Authorization": f"Bearer {token}", "Content-Type": "image/png", "Idempotency-Key": "once"})
    reply = line.getresponse()
    body = json.loads(reply.read())
    assert lossy.lost.is_set()
    assert reply.status == 201, body
    with psycopg.connect(url) as connection:
        assert [str(row[0]) for row in connection.execute("SELECT id FROM whistled.attachments")] == [body["id"]]
    kept = [path.name for path in (service.folder / "attachments").rglob("*") if path.is_file()]
    assert [name for name in kept if body["id"] in name], kept
    line.request("GET", f"/v1/attachments/{body['id']}", headers={"Authorization": f"Bearer {token}"})
    assert line.getresponse().status == 200


@pytest.mark.parametrize("like_a_pooler", [False, True])
def test_without_a_key_it_is_not_run_again(behind, like_a_pooler):
    service, url, lossy = behind
    line = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
    lossy.lose("cases.create", like_a_pooler)
    point = Street.point("XF-01")
    line.request("POST", "/v1/cases", json.dumps({
        "description": "Something is in the way", "title": "once", "kind": "problem", "category": "litter",
        "location": {"lon": point["lon"], "lat": point["lat"]}}), {
        "Authorization": f"Bearer {tokens.mint('citizen', ['citizen'], 'street')}", "Content-Type": "application/json"})
    reply = line.getresponse()
    code = json.loads(reply.read()).get("code")
    assert lossy.lost.is_set()
    with psycopg.connect(url) as connection:
        n = connection.execute("SELECT count(*) FROM whistled.cases").fetchone()[0]
    assert (reply.status, code, n) == (503, "outcome_unknown", 1)


def test_a_secret_whose_answer_was_lost_is_shown(behind):
    service, url, lossy = behind
    line = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
    lossy.lose("clients.create")
    line.request("POST", "/v1/clients", json.dumps({"name": "app", "scopes": ["open311"]}), {
        "Authorization": f"Bearer {tokens.mint('admin', ['admin'], 'street')}", "Content-Type": "application/json", "Idempotency-Key": "once"})
    reply = line.getresponse()
    body = json.loads(reply.read())
    assert lossy.lost.is_set()
    assert reply.status == 201 and body.get("api_key"), body
