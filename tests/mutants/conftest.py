"""A database of their own: what the mutants leave in it the auditor had better not see."""

import pytest
from support.service import Service


@pytest.fixture(scope="session")
def owner_url(postgres) -> str:
    postgres.create_database("mutants")
    service = Service(postgres, "mutants")
    done = service.run("migrate")
    assert done.returncode == 0, done.stderr
    return postgres.url("whistled_owner", "mutants")
