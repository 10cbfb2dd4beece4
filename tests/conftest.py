"""One PostgreSQL and one service per run; every reply is checked against the contract, every object by the auditor."""

import itertools
import os

import psycopg
import pytest

from support.audit import assert_audit
from support.client import Client
from support.contract import Contract
from support.hooks import Hooks
from support.postgres import Postgres, select_pause
from support.service import Service
from support.world import Clock, Street, build_world

# Set by a run of everything: only then must every operation have been hit.
WHOLE = os.environ.get("WHISTLED_TEST_WHOLE") == "1"


@pytest.fixture(scope="session")
def contract() -> Contract:
    return Contract()


@pytest.fixture(scope="session")
def postgres():
    cluster = Postgres()
    cluster.start()
    yield cluster
    cluster.remove()


@pytest.fixture(scope="session")
def service(postgres: Postgres):
    postgres.create_database("main")
    # Receivers of the tests' own are called by plain http on loopback, and nothing else there is.
    service = Service(postgres, "main", webhook_allow="127.0.0.0/8", webhook_ports="443,1024-65535", webhook_timeout_ms=2000)
    done = service.run("migrate")
    assert done.returncode == 0, done.stderr
    build_world(postgres.url("whistled_owner", "main"), "street")
    build_world(postgres.url("whistled_owner", "main"), "elsewhere")
    service.start()
    yield service
    assert service.stop() == 0, service.log_text()[-4000:]
    check_log(service)
    assert_audit(postgres.url("whistled_owner", "main"))


def check_log(service: Service) -> None:
    """No sanitizer spoke and no fault of ours was logged."""
    lines = service.log_text().splitlines()
    text = "\n".join(line for line in lines if not any(part in line for part in service.excused))
    for word in ("AddressSanitizer", "runtime error", "LeakSanitizer", '"level":"error"'):
        assert word not in text, text[-8000:]


@pytest.fixture(scope="session")
def owner_url(postgres: Postgres, service: Service) -> str:
    return postgres.url("whistled_owner", "main")


@pytest.fixture
def db(owner_url: str):
    """The owner's view, for what no reply shows; search_path as the service has it."""
    with psycopg.connect(owner_url, autocommit=True) as connection:
        schema = connection.execute(
            "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'api\\_%' ORDER BY oid DESC LIMIT 1"
        ).fetchone()[0]
        connection.execute(f"SET search_path = {schema}, whistled, public")
        connection.execute("SET TimeZone = 'Asia/Shanghai'")
        yield connection


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def street(service: Service, contract: Contract, clock: Clock) -> Street:
    return Street(service, contract, clock, "street")


@pytest.fixture
def elsewhere(service: Service, contract: Contract, clock: Clock) -> Street:
    return Street(service, contract, clock, "elsewhere")


@pytest.fixture
def drained(db):
    """Call it to be sure that everything committed has its place in the feed."""

    def wait() -> None:
        while db.execute("SELECT EXISTS (SELECT FROM outbox)").fetchone()[0]:
            select_pause()

    return wait


@pytest.fixture
def hooks(db):
    """Subscriptions that end with the test: others' tickets must not be sent to its receivers."""
    found = Hooks(db)
    yield found
    found.end()


@pytest.fixture
def anonymous(service: Service, contract: Contract) -> Client:
    return Client(service.base, contract, None, "nobody")


_numbers = itertools.count(1)


@pytest.fixture
def unique() -> str:
    return f"u{os.getpid()}-{next(_numbers)}"


@pytest.fixture(scope="session", autouse=True)
def everything_hit(request, contract: Contract):
    """After a whole run: every operation answered its success at least once."""
    yield
    if not WHOLE:
        return
    missing = [o.id for o in contract.operations if not any(200 <= s < 400 for s in contract.seen[o.id])]
    assert not missing, f"no test ever saw these operations succeed: {missing}"
