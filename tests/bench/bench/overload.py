"""Three times as much as it can do, for a while: what still gets through, how soon the rest is told, and when all is well again."""

import threading
import time
from pathlib import Path

from .accounting import memory_kib
from .cluster import Cluster
from .scenarios import Operation
from .targets import Whistled
from .volley import CONNECTIONS, fire

DATABASE = "measured"
TIMES = 3
CLIENTS = 8000  # each waits for its reply, so there must be more of them than the queues hold
WELL = 0.9  # of what a service does that has not been through it


class Memory(threading.Thread):
    """Looks at the service once a second."""

    def __init__(self, process_id: int):
        super().__init__(daemon=True)
        self.process_id, self.over, self.seen = process_id, threading.Event(), []

    def run(self) -> None:
        while not self.over.wait(1):
            self.seen.append(memory_kib(self.process_id)["rss_kib"])

    def end(self) -> list[int]:
        self.over.set()
        self.join()
        return self.seen


def until_well(seconds: list[list[int]], fresh: float) -> int | None:
    """The first second in which as much is done as a service does that was started afterwards, on the same street."""
    for i, (good, _, _) in enumerate(seconds):
        if good >= WELL * fresh:
            return i
    return None


def run(cluster: Cluster, operation: Operation, folder: Path, plan: dict, say) -> dict:
    cluster.copy("loaded", DATABASE)
    target = Whistled().start(cluster, DATABASE)
    try:
        fire(target, cluster, operation, folder, 1, 2, f"over-w-{operation.name}-")
        peak = fire(target, cluster, operation, folder, 1, 2 * plan["run_s"], f"over-p-{operation.name}-")
        before = memory_kib(target.process_id)["rss_kib"]
        memory = Memory(target.process_id)
        memory.start()
        over = fire(target, cluster, operation, folder, 0, plan["over_s"], f"over-o-{operation.name}-", connections=CLIENTS,
                    rate=TIMES * peak["rate"], strict=False)
        seen = memory.end()
        began = time.monotonic()
        after = fire(target, cluster, operation, folder, 0, 10, f"over-a-{operation.name}-", strict=False)
        watched = time.monotonic() - began
        target.stop()
        # What it came from is no measure of what it comes back to: the street has grown by what got through.
        target = Whistled().start(cluster, DATABASE)
        fire(target, cluster, operation, folder, 1, 2, f"over-v-{operation.name}-")
        fresh = fire(target, cluster, operation, folder, 1, 2 * plan["run_s"], f"over-f-{operation.name}-")
        well = until_well(after["seconds"], fresh["rate"])
    finally:
        target.stop()
        cluster.drop(DATABASE)
    say(f"  {operation.name}: {over['rate'] / peak['rate']:.0%} of the peak gets through, {over['refusals']['count']} refused, "
        f"well again after {'more than 10' if well is None else well + 1} s ({watched:.0f} s watched)")
    return {
        "operation": operation.name, "times": TIMES, "peak": peak["rate"], "goodput": over["rate"], "offered": TIMES * peak["rate"],
        "fresh": fresh["rate"], "cores": over["cores"],
        "statuses": over["statuses"], "broken": over["broken"], "refusals": over["refusals"], "latency": over["latency"],
        "connections": CLIENTS, "normal_connections": CONNECTIONS, "rss_kib": {"before": before, "most": max(seen, default=before), "seen": seen},
        "well_again_s": None if well is None else well + 1, "seconds": over["seconds"],
    }
