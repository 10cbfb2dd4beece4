"""A write is committed and its answer lost: under an Idempotency-Key it is run again inside, and finds itself done."""

import shutil
import tempfile
from pathlib import Path

import psycopg
import pytest
from support.alone import alone
from support.contract import Contract
from support.lossy import Lossy
from support.world import Clock, Street

from test_attachments import files, png, upload


@pytest.fixture
def behind():
    """One write connection, with something in between that can lose answers."""
    folder = Path(tempfile.mkdtemp(prefix="whistled-lossy-"))
    between = []
    with alone(lambda postgres: between.append(Lossy(folder, postgres.folder)), workers=1, write_connections=1,
               database_url=f"postgresql://whistled@/main?host={folder}&port=5432") as (postgres, service):
        yield Street(service, Contract(), Clock(), "street"), postgres.url("whistled_owner", "main"), between[0]
    shutil.rmtree(folder)


def test_an_upload_whose_answer_was_lost_keeps_its_picture(behind):
    street, url, lossy = behind
    lossy.lose("attachments.create")
    reply = upload(street.citizen, png(5, 5), **{"Idempotency-Key": "once"})
    assert lossy.lost.is_set()
    assert reply.status == 201, reply
    with psycopg.connect(url) as connection:
        assert [str(row[0]) for row in connection.execute("SELECT id FROM whistled.attachments")] == [reply["id"]]
    kept = files(street.service)
    assert [name for name in kept if reply["id"] in name], kept
    assert street.citizen.get(f"/v1/attachments/{reply['id']}").status == 200


@pytest.mark.parametrize("like_a_pooler", [False, True])
def test_without_a_key_it_is_not_run_again(behind, like_a_pooler):
    street, url, lossy = behind
    lossy.lose("cases.create", like_a_pooler)
    reply = street.citizen.post("/v1/cases", street.body(at="XF-01"))
    assert lossy.lost.is_set()
    with psycopg.connect(url) as connection:
        n = connection.execute("SELECT count(*) FROM whistled.cases").fetchone()[0]
    assert (reply.status, reply.code, n) == (503, "outcome_unknown", 1)


def test_a_secret_whose_answer_was_lost_is_shown(behind):
    street, _, lossy = behind
    lossy.lose("clients.create")
    reply = street.admin.post("/v1/clients", {"name": "app", "scopes": ["open311"]}, key="once")
    assert lossy.lost.is_set()
    assert reply.status == 201 and reply.json.get("api_key"), reply
