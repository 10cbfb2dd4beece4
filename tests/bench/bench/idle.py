"""Ten thousand idle connections: what they cost, and what those who work notice of them."""

import statistics
import subprocess
from pathlib import Path

from .accounting import family, memory_kib
from .cluster import Cluster
from .scenarios import Operation
from .targets import Whistled
from .volley import PROGRAM, fire

DATABASE = "measured"
IDLE = 10_000


class Held:
    """Connections that have had one reply each and then say nothing."""

    def __init__(self, base: str, files: tuple[Path, Path | None], n: int):
        scenario, rows = files
        words = [str(PROGRAM), "hold", "-c", str(n), base.removeprefix("http://"), str(scenario)] + ([str(rows)] if rows else [])
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        said = self.process.stdout.readline()
        if said != f"held {n}\n":
            raise RuntimeError(f"only {said or 'none'} of {n} connections were held")
        self.n = n

    def release(self) -> None:
        out = self.process.communicate("", timeout=60)[0]
        if out != f"standing {self.n}\n":
            raise RuntimeError(f"of {self.n} idle connections: {out}")


def backends_kib(cluster: Cluster, database: str) -> dict:
    """The memory of PostgreSQL's processes that serve the service."""
    with cluster.admin() as connection:
        found = [pid for (pid,) in connection.execute("SELECT pid FROM pg_stat_activity WHERE datname = %s AND usename = 'whistled'", (database,))]
    return {"n": len(found), "pss_kib": sum(memory_kib(pid)["pss_kib"] for pid in found)}


def run(cluster: Cluster, operations: dict[str, Operation], folder: Path, plan: dict, say) -> dict:
    """Throughput of 64 connections alone and beside the idle ones, in turn."""
    cluster.copy("loaded", DATABASE)
    target = Whistled().start(cluster, DATABASE)
    try:
        rest = memory_kib(target.process_id) | {"backends": backends_kib(cluster, DATABASE), "processes": len(family(target.process_id))}
        operation = operations["read"]
        files = operation.write(folder)
        fire(target, cluster, operation, folder, 1, plan["run_s"], "idle-warm-")
        alone, beside, memory = [], [], []
        for number in range(plan["idle_rounds"]):
            alone.append(fire(target, cluster, operation, folder, 0.5, plan["run_s"], f"idle-a{number}-"))
            before = memory_kib(target.process_id)["pss_kib"]
            held = Held(target.base, files, IDLE)
            memory.append((memory_kib(target.process_id)["pss_kib"] - before) / IDLE)
            beside.append(fire(target, cluster, operation, folder, 0.5, plan["run_s"], f"idle-b{number}-"))
            held.release()
    finally:
        target.stop()
        cluster.drop(DATABASE)
    rates = {"alone": statistics.median(r["rate"] for r in alone), "beside": statistics.median(r["rate"] for r in beside)}
    p99 = {"alone": statistics.median(r["latency"]["p99_us"] for r in alone), "beside": statistics.median(r["latency"]["p99_us"] for r in beside)}
    say(f"  {rates['alone']:.0f}/s alone, {rates['beside']:.0f}/s beside {IDLE} idle connections")
    # The first time pages are taken that later rounds find there: that round tells what a connection takes.
    return {"idle": IDLE, "rate": rates, "p99_us": p99, "kib_per_connection": memory[0], "at_rest": rest}
