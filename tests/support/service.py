"""The service under test, started as an operator would start it."""

import atexit
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import requests

from . import tokens
from .contract import ROOT
from .postgres import Postgres, select_pause

BINARY = Path(os.environ.get("WHISTLED_BINARY", ROOT / "build" / "whistled"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Service:
    patience_s = 60  # until it is ready

    def __init__(self, postgres: Postgres, database: str, **settings):
        self.folder = Path(tempfile.mkdtemp(prefix="whistled-test-"))
        # At the end of the run, not of the test: what went wrong is told from the log.
        atexit.register(shutil.rmtree, self.folder, ignore_errors=True)
        keys = self.folder / "keys"
        keys.mkdir()
        key = keys / f"{tokens.KID}.hs256"
        key.write_bytes(tokens.SECRET)
        key.chmod(0o600)
        (self.folder / "attachments").mkdir()
        self.port, self.metrics_port = free_port(), free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.environment = {
            "WHISTLED_LISTEN": f"127.0.0.1:{self.port}",
            "WHISTLED_METRICS_LISTEN": f"127.0.0.1:{self.metrics_port}",
            "WHISTLED_DATABASE_URL": postgres.url("whistled", database),
            "DATABASE_URL": postgres.url("whistled_owner", database),
            "WHISTLED_KEY_DIR": str(keys),
            "WHISTLED_ISSUER": tokens.ISSUER,
            "WHISTLED_AUDIENCE": tokens.AUDIENCE,
            "WHISTLED_ATTACHMENTS_DIR": str(self.folder / "attachments"),
            "WHISTLED_TEST_CLOCK": "1",
            "WHISTLED_CITIZEN_RATE": "0",
            "WHISTLED_CLIENT_RATE": "0",
            "WHISTLED_PUBLIC_RATE": "0",
            "WHISTLED_FAILURE_BURST": "0",
            "WHISTLED_WORKERS": "2",
        } | {f"WHISTLED_{name.upper()}": str(value) for name, value in settings.items()}
        self.process: subprocess.Popen | None = None
        self.excused: list[str] = []  # parts of log lines of errors that a test caused on purpose

    def environ(self) -> dict:
        return os.environ | self.environment

    def run(self, *arguments: str, **options) -> subprocess.CompletedProcess:
        """A sub-command to its end: `run("migrate")`."""
        return subprocess.run(
            [str(BINARY), *arguments], env=self.environ(), capture_output=True, text=True, timeout=120, **options
        )

    def command(self) -> list[str]:
        return [str(BINARY)]

    def start(self) -> "Service":
        self.log = open(self.folder / "log", "ab")
        self.process = subprocess.Popen(self.command(), env=self.environ(), stdout=self.log, stderr=self.log)
        atexit.register(self.process.kill)  # a test that failed has not stopped it
        deadline = time.monotonic() + self.patience_s
        while not self.ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the service did not start:\n{self.log_text()}")
            select_pause()
        return self

    def ready(self) -> bool:
        try:
            return requests.get(f"{self.base}/readyz", timeout=5).status_code == 200
        except requests.RequestException:
            return False

    def metrics(self) -> str:
        return requests.get(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=5).text

    def log_text(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def stop(self) -> int:
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)
