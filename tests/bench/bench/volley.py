"""Runs the load generator beside a target and says what both used meanwhile."""

import json
import resource
import subprocess
import time
from pathlib import Path

from support.contract import ROOT

from .accounting import Meter, memory_kib
from .cluster import Cluster
from .scenarios import Operation

PROGRAM = ROOT / "build-bench" / "volley"
CONNECTIONS = 64


class Failed(Exception):
    """The run says nothing: replies were not those expected."""


def ended_children_s() -> float:
    """Processor time of children who have ended: of the generator, for what is measured goes on."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def command(base: str, files: tuple[Path, Path | None], *options: str) -> list[str]:
    scenario, rows = files
    return [str(PROGRAM), "run", *options, base.removeprefix("http://"), str(scenario)] + ([str(rows)] if rows else [])


def fire(target, cluster: Cluster, operation: Operation, folder: Path, warm_s: float, run_s: float,
         prefix: str, connections: int = CONNECTIONS, rate: float = 0, strict: bool = True) -> dict:
    """One measurement. CPU is read when the warm-up is over and again at the end."""
    options = ["-c", str(connections), "-w", str(warm_s), "-t", str(run_s), "-p", prefix]
    options += ["-1"] if operation.once else []
    options += ["-r", str(rate)] if rate else []
    others_s = ended_children_s()
    process = subprocess.Popen(command(target.base, operation.write(folder), *options), stdout=subprocess.PIPE, text=True)
    time.sleep(warm_s)
    meter = Meter({"service": target.process_id, "postgres": cluster.process_id})
    meter.start()
    out = process.communicate(timeout=warm_s + run_s + 120)[0]
    used = meter.stop()
    if process.returncode != 0:
        raise Failed(f"{target.name}, {operation.name}: the generator failed")
    result = json.loads(out)
    if strict and (result["unexpected"] or result["broken"] or result["refusals"]["count"]):
        raise Failed(f"{target.name}, {operation.name}: {result['statuses']}, first: {result['first_fault']}\n{target.log()[-2000:]}")
    if strict and (not result["good"] or result["seconds_counted"] < run_s / 2):
        raise Failed(f"{target.name}, {operation.name}: {result['good']} replies in {result['seconds_counted']} s; more rows are needed")
    # What was counted is a little less than what was metered: the generator's last replies come after its last second.
    requests = result["good"] * meter.seconds / result["seconds_counted"]
    result["cpu_us"] = {name: 1e6 * seconds / max(requests, 1) for name, seconds in used.items()}
    result["kernel_us"] = {name: 1e6 * seconds / max(requests, 1) for name, seconds in meter.kernel_s.items()}
    result["cores"] = {name: seconds / meter.seconds for name, seconds in used.items()} | {"generator": (ended_children_s() - others_s) / (warm_s + meter.seconds)}
    result["memory"] = memory_kib(target.process_id)
    return result
