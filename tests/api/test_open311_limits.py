"""Limits on third parties: by key, for all without one together, and on wrong keys."""

import pytest
from support.client import Client
from support.open311 import PLACE, App
from support.service import Service
from support.world import Clock, Street

HOLE = {"service_code": "o-hole"} | PLACE


@pytest.fixture(scope="module")
def narrow(postgres, offered):
    """One worker, so that the limits are exact, and small ones."""
    second = Service(postgres, "main", workers=1, client_rate=5, public_rate=7, failure_burst=3)
    second.start()
    yield second
    assert second.stop() == 0


@pytest.fixture
def new_app(narrow, contract):
    street = Street(narrow, contract, Clock(), "street")

    def make() -> App:
        client = street.admin.post("/v1/clients", {"name": "App", "scopes": ["open311"]})
        return App(Client(narrow.base, contract, None, "app", street.clock), "json", client["api_key"])

    return make


def statuses(ask, times: int) -> list[int]:
    return [ask().status for _ in range(times)]


def test_each_key_has_its_own(new_app):
    app, other = new_app(), new_app()
    seen = statuses(lambda: app.post("requests", HOLE), 30)
    assert seen[:5] == [200] * 5 and 429 in seen
    refused = next(a for a in (app.post("requests", HOLE) for _ in range(100)) if a.status == 429)
    assert refused.said and int(refused.headers["Retry-After"]) >= 1
    assert other.post("requests", HOLE).status == 200


def test_all_without_a_key_share_one(new_app):
    app = new_app()
    reader = App(app.client, "xml")
    seen = statuses(lambda: reader.get("services"), 60)
    assert seen[0] == 200 and 429 in seen
    assert app.get("services").status == 200, "who has a key is not their business"


def test_wrong_keys_shut_nobody_out(new_app):
    """After the third wrong one the answer is 429; the right one passes all the while."""
    app = new_app()
    wrong = App(app.client, "xml", app.key[:-1] + ("A" if app.key[-1] != "A" else "B"))
    assert statuses(lambda: wrong.get("services"), 6) == [403, 403, 403, 429, 429, 429]
    assert app.get("services").status == 200
