"""A service on a PostgreSQL of its own, for tests that break one of them."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg

from .postgres import Postgres, until
from .service import Service
from .world import build_world


@contextmanager
def alone(before: Callable[[Postgres], None] = lambda postgres: None, durable: bool = False, **settings) -> Iterator[tuple[Postgres, Service]]:
    """Both, with a street; `before` the service starts."""
    postgres = Postgres(durable=durable)
    postgres.start()
    postgres.create_database("main")
    service = Service(postgres, "main", **settings)
    done = service.run("migrate")
    assert done.returncode == 0, done.stderr
    build_world(postgres.url("whistled_owner", "main"), "street")
    before(postgres)
    service.start()
    yield postgres, service
    assert service.stop() == 0, service.log_text()[-4000:]
    postgres.remove()


def told(sql: str) -> Callable[[Postgres], None]:
    """For `before`: the owner does this."""

    def tell(postgres: Postgres) -> None:
        with psycopg.connect(postgres.url("whistled_owner", "main"), autocommit=True) as connection:
            connection.execute(sql)

    return tell


def until_queued(service: Service, n: int) -> None:
    """So many calls wait for a connection."""
    until(lambda: re.search(rf"^whistled_database_queue(\{{.*\}})? {n}$", service.metrics(), re.MULTILINE))
