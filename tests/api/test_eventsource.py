"""The npm package eventsource as an app would use it, on a line that is cut fifty times."""

import json
import queue
import random
import shutil
import socket
import subprocess
import threading

import pytest
from support.contract import ROOT, Contract
from support.service import Service
from support.world import Clock, Street, build_world

CLIENT = ROOT / "tests" / "eventsource"
CUTS = 50


@pytest.fixture(scope="module")
def installed():
    if not (CLIENT / "node_modules" / "eventsource").exists():
        done = subprocess.run(["npm", "ci", "--prefix", str(CLIENT), "--no-audit", "--no-fund"], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    return shutil.which("node")


@pytest.fixture
def own(postgres):
    postgres.create_database("eventsource")
    service = Service(postgres, "eventsource", stream_retry_ms=20)
    assert service.run("migrate").returncode == 0
    build_world(postgres.url("whistled_owner", "eventsource"), "street")
    service.start()
    yield service
    assert service.stop() == 0, service.log_text()[-4000:]
    assert "AddressSanitizer" not in service.log_text() and '"level":"error"' not in service.log_text()


class Line:
    """A line to the service that breaks after so many bytes as somebody says, in the middle of whatever goes over it."""

    def __init__(self, port: int):
        self.target, self.dice, self.cuts, self.calm = port, random.Random(50), 0, False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.target))
            threading.Thread(target=self._carry, args=(client, server), daemon=True).start()
            threading.Thread(target=self._carry_back, args=(server, client), daemon=True).start()

    @staticmethod
    def _carry(source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                target.sendall(data)
        except OSError:
            pass

    def _carry_back(self, server: socket.socket, client: socket.socket) -> None:
        left = self.dice.randint(1, 6000)
        try:
            while data := server.recv(4096):
                if not self.calm and len(data) >= left:
                    client.sendall(data[:left])
                    self.cuts += 1
                    break
                left -= len(data)
                client.sendall(data)
        except OSError:
            pass
        for end in (server, client):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()


def reports(street: Street, stop: threading.Event, done: list, faults: list) -> None:
    try:
        while not stop.is_set():
            case = street.report(at="XF-01", category="advice")["id"]
            street.dispatcher.case(case, "accept")
            street.dispatcher.case(case, "register", level="ordinary")
            done.append(case)
    except Exception as fault:
        faults.append(repr(fault))


def test_fifty_cuts_lose_nothing_and_repeat_nothing(installed, own):
    street, line = Street(own, Contract(), Clock(), "street"), Line(own.port)
    node = subprocess.Popen([installed, str(CLIENT / "listen.mjs"), f"http://127.0.0.1:{line.port}/v1/events",
                             street.dispatcher.token], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    told: queue.Queue = queue.Queue()
    threading.Thread(target=lambda: [told.put(json.loads(text)) for text in node.stdout], daemon=True).start()
    heard, stop, done, faults = [], threading.Event(), [], []
    # Whoever was never told a place begins anew each time: so the first one it is told must count.
    while (first := told.get(timeout=60))["kind"] != "ready":
        assert first["kind"] in ("open", "error") and not first.get("closed"), first
    threads = [threading.Thread(target=reports, args=(Street(own, Contract(), Clock(), "street"), stop, done, faults))
               for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        while line.cuts < CUTS and not faults:
            heard.append(told.get(timeout=60))
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)
    line.calm = True
    assert not faults, faults
    last = street.report(at="XF-01", category="advice")["id"]
    while not (heard[-1]["kind"] == "event" and heard[-1]["data"]["case_id"] == last):
        heard.append(told.get(timeout=60))
    node.stdin.close()
    assert node.wait(20) == 0
    line.listener.close()
    kinds = [h["kind"] for h in heard]
    assert "reset" not in kinds and not [h for h in heard if h.get("closed")]
    assert kinds.count("ready") + 1 >= CUTS - 5, "it came again each time"
    events = [h["data"] for h in heard if h["kind"] == "event"]
    assert len({e["id"] for e in events}) == len(events), "nothing twice"
    expected = [e["id"] for case in [*done, last] for e in street.dispatcher.get(f"/v1/cases/{case}/events")["items"]]
    assert set(expected) <= {e["id"] for e in events}, "nothing lost"
    seqs: dict[str, list] = {}
    for event in events:
        seqs.setdefault(event["case_id"], []).append(event["seq"])
    assert all(s == list(range(1, len(s) + 1)) for s in seqs.values()), "nothing out of order"
