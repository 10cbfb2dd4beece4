"""What is driven: whistled, its peers, and how each is started. All take the same environment and serve the same requests."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import requests

from support import tokens
from support.contract import ROOT
from support.service import Service, free_port

from .cluster import Cluster
from . import surface
from .stories import TENANT

PEERS = ROOT / "tests" / "bench" / "peers"
BUILT = ROOT / "build-bench" / "peers"
START_S = 60
WORKERS = 2


class Whistled:
    """Two workers, as many as there are cores; everything else as it comes, but what the target says."""

    name, pools = "whistled", (None,)

    def __init__(self, name: str = "whistled", **settings):
        self.name, self.settings = name, settings

    def start(self, cluster: Cluster, database: str, pool: int | None = None) -> "Whistled":
        self.service = Service(cluster.postgres, database,
                               **{"workers": WORKERS, "test_clock": 0, "log_level": "warning"} | self.settings).start()
        self.base, self.process_id = self.service.base, self.service.process.pid
        return self

    def stop(self) -> None:
        if self.service.stop() != 0:
            raise RuntimeError(f"{self.name} ended badly:\n{self.service.log_text()[-2000:]}")

    def log(self) -> str:
        return self.service.log_text()


class Jobs(Whistled):
    """An idle whistled beside a peer: the same jobs run for everybody (feed positions, clocks, figures), by the same code."""

    def __init__(self):
        super().__init__("jobs", workers=1, read_connections=1, write_connections=1)


@dataclass
class Peer:
    """A program of tests/bench/peers. It listens on BENCH_PORT, keeps BENCH_POOL connections in all, and verifies HS256 tokens."""

    name: str
    title: str
    command: list[str]
    pools: tuple[int, ...] = (4, 8, 16, 32)
    environment: dict[str, str] = field(default_factory=dict)
    folder: Path = PEERS

    def start(self, cluster: Cluster, database: str, pool: int | None = None) -> "Peer":
        self.jobs = Jobs().start(cluster, database)
        self.home = Path(tempfile.mkdtemp(prefix="whistled-peer-"))
        port = free_port()
        key = self.home / "key"
        key.write_bytes(tokens.SECRET)
        surface.make(self.home / "contract.json")
        with cluster.owner(database) as connection:
            schema = connection.execute("SELECT current_schema()").fetchone()[0]
        environment = os.environ | self.environment | {
            "BENCH_PORT": str(port), "BENCH_POOL": str(pool or self.pools[0]), "BENCH_WORKERS": str(WORKERS),
            "BENCH_KEY_FILE": str(key), "BENCH_ISSUER": tokens.ISSUER, "BENCH_AUDIENCE": tokens.AUDIENCE,
            "BENCH_TENANT": TENANT, "BENCH_SQL": str(PEERS / "sql"), "BENCH_SCHEMA": schema,
            "BENCH_CONTRACT": str(self.home / "contract.json"), "BENCH_DATABASE": database, "BENCH_SOCKET": str(cluster.postgres.folder),
        }
        self.file = open(self.home / "log", "ab")
        self.process = subprocess.Popen(self.command, env=environment, cwd=self.folder / self.name, stdin=subprocess.DEVNULL,
                                        stdout=self.file, stderr=self.file, start_new_session=True)
        self.base, self.process_id = f"http://127.0.0.1:{port}", self.process.pid
        try:
            self._wait(port)
        except BaseException:
            self.stop()
            raise
        return self

    def _wait(self, port: int) -> None:
        deadline = time.monotonic() + START_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                if requests.get(self.base + "/readyz", timeout=5).status_code == 200:
                    return
            except (OSError, requests.RequestException):
                pass
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} did not start:\n{self.log()[-4000:]}")
            time.sleep(0.05)

    def stop(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait(timeout=10)
        self.jobs.stop()
        self.file.close()
        shutil.rmtree(self.home, ignore_errors=True)

    def log(self) -> str:
        return (self.home / "log").read_text(errors="replace")


PEER_LIST = {
    peer.name: peer for peer in (
        Peer("rust", "Rust: hyper, tokio-postgres", [str(BUILT / "rust" / "release" / "peer")]),
        Peer("go", "Go: net/http, pgx", [str(BUILT / "go" / "peer")], environment={"GOMAXPROCS": str(WORKERS)}),
        Peer("node", "Node.js: Fastify, postgres.js", ["node", "main.mjs"]),
        Peer("python", "Python: FastAPI, asyncpg, uvicorn",
             ["/usr/bin/python3", "-B", "main.py"], pools=(4, 8, 16)),
    )
}


def own_targets() -> dict[str, Whistled]:
    return {"whistled": Whistled(), "ungrouped": Whistled("ungrouped", group_limit=1)}
