"""A service on a PostgreSQL of its own, for tests that break one of them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg

from .postgres import Postgres
from .service import Service
from .world import build_world


@contextmanager
def alone(before: Callable[[Postgres], None] = lambda postgres: None, **settings) -> Iterator[tuple[Service, str]]:
    """The service and the owner's address of its database; `before` it starts."""
    postgres = Postgres()
    postgres.start()
    postgres.create_database("main")
    service = Service(postgres, "main", **settings)
    done = service.run("migrate")
    assert done.returncode == 0, done.stderr
    url = postgres.url("whistled_owner", "main")
    build_world(url, "street")
    before(postgres)
    service.start()
    yield service, url
    assert service.stop() == 0, service.log_text()[-4000:]
    postgres.remove()


def told(sql: str) -> Callable[[Postgres], None]:
    """For `before`: the owner does this."""

    def tell(postgres: Postgres) -> None:
        with psycopg.connect(postgres.url("whistled_owner", "main"), autocommit=True) as connection:
            connection.execute(sql)

    return tell
