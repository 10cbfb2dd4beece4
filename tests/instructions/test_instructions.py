"""What one read, one list and one write cost the service in instructions; ten per cent more than the figure on record fails.

Instructions, not seconds: callgrind counts them, however busy the machine is. It runs the release build with one worker on a real PostgreSQL
and counts each thread apart, so that the background jobs do not matter; a dump before and after each sixty requests leaves start-up and first
uses out. The same build and input give the same count within one per cent. Instructions of the libraries count too, so a figure holds
for one system: elsewhere the test is skipped.

After a change that is meant to cost more, or less, renew the figures and commit them:  WHISTLED_RENEW=1 script/test instructions
"""

import http.client
import json
import os
import platform
import shutil
from pathlib import Path

import pytest
from support import tokens
from support.callgrind import CountedService, total
from support.postgres import Postgres
from support.world import Street, build_world

FIGURES = Path(__file__).with_name("figures.json")
RENEW = os.environ.get("WHISTLED_RENEW") == "1"
MORE = 1.10
CASES, REPEATS, WARM = 30, 60, 10


def system() -> str:
    names = dict(line.rstrip().split("=", 1) for line in open("/etc/os-release") if "=" in line)
    return f"{names.get('ID', '?')}-{names.get('VERSION_CODENAME', '?')}-{platform.machine()}".replace('"', "")


@pytest.fixture
def counted():
    if shutil.which("callgrind_control") is None:
        pytest.skip("valgrind is not installed")
    if system() not in known_figures() and not RENEW:
        pytest.skip(f"there are no figures for {system()}")
    postgres = Postgres()
    postgres.start()
    postgres.create_database("main")
    service = CountedService(postgres, "main", workers=1, test_clock=0)
    assert service.run("migrate").returncode == 0
    build_world(postgres.url("whistled_owner", "main"), "street")
    service.start()
    yield service
    service.stop()
    service.dumps.remove()
    postgres.remove()


def known_figures() -> dict:
    return json.loads(FIGURES.read_text()) if FIGURES.exists() else {}


class Caller:
    """One connection that asks one thing after the other."""

    def __init__(self, service: CountedService):
        self.line = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
        self.tokens = {subject: tokens.mint(subject, [subject], "street") for subject in ("citizen", "dispatcher")}
        point = Street.point("XF-01")
        self.body = {"description": "Something is in the way", "title": "In the way", "kind": "problem", "category": "litter",
                     "location": {"lon": point["lon"], "lat": point["lat"]}, "reporter": {"name": "Citizen One", "phone": "13900000000"}}

    def call(self, method: str, path: str, subject: str, body: dict | None = None) -> dict:
        self.line.request(method, path, body and json.dumps(body), {
            "Authorization": f"Bearer {self.tokens[subject]}", "Content-Type": "application/json"})
        reply = self.line.getresponse()
        data = reply.read()
        assert reply.status in (200, 201), (reply.status, data)
        return json.loads(data)

    def write(self) -> dict:
        return self.call("POST", "/v1/cases", "citizen", self.body)

    def list(self) -> dict:
        return self.call("GET", "/v1/cases?limit=20", "dispatcher")

    def read(self) -> dict:
        return self.call("GET", f"/v1/cases/{self.case}", "dispatcher")


def measure(service: CountedService) -> dict[str, int]:
    caller = Caller(service)
    caller.case = [caller.write()["id"] for _ in range(CASES)][0]
    assert len(caller.list()["items"]) == 20
    found = {}
    for name, ask in {"read": caller.read, "list": caller.list, "write": caller.write}.items():
        for _ in range(WARM):
            ask()
        service.dump()
        for _ in range(REPEATS):
            ask()
        found[name] = round(total(service.dump()) / REPEATS)
    return found


def test_no_request_costs_ten_per_cent_more(counted):
    found, figures = measure(counted), known_figures()
    if RENEW:
        FIGURES.write_text(json.dumps(figures | {system(): found}, indent=2, sort_keys=True) + "\n")
        return
    before = figures[system()]
    print(f"\ninstructions: {found}, on record: {before}")
    dearer = {name: f"{count} instead of {before[name]}" for name, count in found.items() if count > MORE * before[name]}
    assert not dearer, f"dearer than on record: {dearer}; renew the figures if that is meant (see the head of {Path(__file__).name})"
