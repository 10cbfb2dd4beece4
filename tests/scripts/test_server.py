"""script/server as somebody uses it: in a copy of the tree, with a port of its own, killed in every way."""

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
import requests
from support.contract import ROOT

# Building and PostgreSQL's first start on a busy machine.
PATIENCE = 300
LEFT_OUT = shutil.ignore_patterns("build*", "var", ".git", "node_modules", "__pycache__", ".hypothesis", ".pytest_cache")


def free_port() -> int:
    """One whose successor is free too: metrics listens there."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


class Clone:
    def __init__(self, folder: Path):
        self.folder, self.port = folder, free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        # The caller's own settings are not what is tested.
        self.environment = {k: v for k, v in os.environ.items() if k != "DATABASE_URL" and not k.startswith("WHISTLED_")}

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
        return subprocess.run([str(self.folder / "script" / "server"), *arguments], capture_output=True, text=True,
                              env=self.environment | environment, timeout=PATIENCE)

    def start(self, *arguments: str) -> subprocess.Popen:
        self.log = tempfile.TemporaryFile("w+")
        process = subprocess.Popen([str(self.folder / "script" / "server"), "--port", str(self.port), *arguments],
                                   stdout=self.log, stderr=self.log, env=self.environment)
        deadline = time.monotonic() + PATIENCE
        while "Ctrl-C stops" not in self.said():
            assert process.poll() is None and time.monotonic() < deadline, self.said()
            time.sleep(0.05)
        return process

    def said(self) -> str:
        return Path(f"/proc/self/fd/{self.log.fileno()}").read_text()

    def stop(self, process: subprocess.Popen, how=signal.SIGTERM) -> None:
        process.send_signal(how)
        assert process.wait(timeout=60) == 0, self.said()
        assert "Stopped." in self.said()
        assert not self.left()

    def left(self) -> list[str]:
        """Command lines of what still works in this folder."""
        found = []
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                text = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if f"{self.folder}/var" in text:
                found.append(text)
        return found

    def token(self, name: str) -> dict:
        text = (self.folder / "var" / "tokens.env").read_text()
        return {"Authorization": "Bearer " + re.search(rf"TOKEN_{name}=(\S+)", text).group(1)}

    def cases(self) -> int:
        reply = requests.get(f"{self.base}/v1/cases?count=exact", headers=self.token("DISPATCHER"), timeout=10)
        return reply.json()["total"]


@pytest.fixture(scope="module")
def clone():
    with tempfile.TemporaryDirectory(prefix="whistled-clone-") as name:
        os.chmod(name, 0o755)
        folder = Path(name) / "a clone"  # with a space in its path
        shutil.copytree(ROOT, folder, ignore=LEFT_OUT)
        yield Clone(folder)


def test_help_and_mistakes(clone):
    assert "--fresh" in clone.run("--help").stdout
    for arguments in (["--prot"], ["--port"], ["--port", "http"], ["--port", "0"], ["--port", "70000"]):
        done = clone.run(*arguments)
        assert done.returncode == 1 and len(done.stderr.splitlines()) == 1, done
    done = clone.run(DATABASE_URL="postgresql:///nowhere")
    assert done.returncode == 1 and "WHISTLED_DATABASE_URL" in done.stderr


def test_start_use_stop_start(clone):
    process = clone.start()
    me = requests.get(f"{clone.base}/v1/me", headers=clone.token("GRID_WORKER"), timeout=10)
    assert me.status_code == 200 and "XF-01" in me.json()["areas"]
    assert requests.get(f"{clone.base}/docs", timeout=10).status_code in (200, 404)
    body = {"kind": "problem", "category": "litter", "description": "x", "location": {"lon": 125.7325, "lat": 41.6748}}
    made = requests.post(f"{clone.base}/v1/cases", json=body, headers=clone.token("CITIZEN"), timeout=10)
    assert made.status_code == 201 and made.json()["area"]["code"] == "XF-01"
    done = clone.run("--port", str(free_port()))
    assert done.returncode == 1 and "runs here already" in done.stderr
    clone.stop(process)
    # What it stored is there again, and soon.
    begun = time.monotonic()
    process = clone.start()
    assert time.monotonic() - begun < 30
    assert clone.cases() == 1
    clone.stop(process)


def test_killed(clone):
    """The kernel tells both servers that their script is gone; the next start takes no notice."""
    process = clone.start()
    process.kill()
    process.wait()
    deadline = time.monotonic() + 30
    while clone.left():
        assert time.monotonic() < deadline, clone.left()
        time.sleep(0.05)
    process = clone.start()
    postgres = int((clone.folder / "var" / "pg" / "postmaster.pid").read_text().split()[0])
    os.kill(postgres, signal.SIGKILL)
    assert process.wait(timeout=60) == 1 and "PostgreSQL ended by itself" in clone.said()
    process = clone.start()
    assert clone.cases() == 1
    clone.stop(process)


def test_taken_port(clone):
    with socket.socket() as other:
        other.bind(("127.0.0.1", clone.port))
        other.listen()
        done = clone.run("--port", str(clone.port))
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1 and f"Port {clone.port}" in done.stderr


def test_fresh(clone):
    process = clone.start("--fresh")
    assert clone.cases() == 0
    clone.stop(process)
