"""A street for each test of the machines, looked over by the auditor when the test is done."""

import pytest
from support.machine import Machine


@pytest.fixture
def m(db, owner_url):
    machine = Machine(db, owner_url)
    yield machine
    assert not machine.audit()
    assert not machine.miscounted()
