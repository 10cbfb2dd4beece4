"""A world to be hurt. Third parties: an app with a key of its own, in either form of replies, and a reader without one."""

import pytest
from support.alone import alone
from support.client import Client
from support.open311 import App, offer


@pytest.fixture
def own():
    """A cluster and a service of this test's own: it is going to be hurt."""
    with alone(durable=True) as own:
        yield own


@pytest.fixture(scope="session")
def offered(owner_url) -> None:
    offer(owner_url, "street")


@pytest.fixture(params=["json", "xml"])
def form(request) -> str:
    return request.param


@pytest.fixture
def new_app(street, service, contract, clock, offered):
    """Makes an app with a client of its own."""

    def make(form: str, jurisdiction: str | None = "street") -> App:
        client = street.admin.post("/v1/clients", {"name": "随手拍", "scopes": ["open311"]})
        assert client.status == 201, client
        return App(Client(service.base, contract, None, client["client_id"], clock), form, client["api_key"], jurisdiction)

    return make


@pytest.fixture
def app(new_app, form) -> App:
    return new_app(form)


@pytest.fixture
def reader(service, contract, clock, form, offered) -> App:
    """Without a key."""
    return App(Client(service.base, contract, None, "reader", clock), form)
