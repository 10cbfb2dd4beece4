"""What processes use: processor time and memory, from /proc."""

import os
import time
from dataclasses import dataclass

TICK = os.sysconf("SC_CLK_TCK")


def _stat(process_id: int) -> list[str] | None:
    try:
        with open(f"/proc/{process_id}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def family(root: int) -> list[int]:
    """A process and all below it."""
    parents: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit() and (fields := _stat(int(name))):
            parents.setdefault(int(fields[1]), []).append(int(name))
    found, waiting = [], [root]
    while waiting:
        current = waiting.pop()
        found.append(current)
        waiting += parents.get(current, [])
    return found


def times_s(root: int) -> tuple[float, float]:
    """Processor time of a family so far, with that of members who have ended: all of it, and what of it is the kernel's."""
    user = kernel = 0
    for process_id in family(root):
        if fields := _stat(process_id):
            user += int(fields[11]) + int(fields[13])
            kernel += int(fields[12]) + int(fields[14])
    return (user + kernel) / TICK, kernel / TICK


def cpu_s(root: int) -> float:
    return times_s(root)[0]


def _kib(path: str, name: str) -> int:
    try:
        with open(path) as file:
            return sum(int(line.split()[1]) for line in file if line.startswith(name + ":"))
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return 0


def memory_kib(root: int) -> dict[str, int]:
    """Pss counts what is shared by its share, Rss in full."""
    members = family(root)
    return {
        "pss_kib": sum(_kib(f"/proc/{p}/smaps_rollup", "Pss") for p in members),
        "rss_kib": sum(_kib(f"/proc/{p}/status", "VmRSS") for p in members),
    }


@dataclass
class Meter:
    """CPU of several families between two moments; `kernel_s`: what of it the kernel took for them."""

    roots: dict[str, int]

    def start(self) -> None:
        self.began = time.monotonic()
        self.before = {name: times_s(root) for name, root in self.roots.items()}

    def stop(self) -> dict[str, float]:
        self.seconds = time.monotonic() - self.began
        after = {name: times_s(root) for name, root in self.roots.items()}
        self.kernel_s = {name: kernel - self.before[name][1] for name, (_, kernel) in after.items()}
        return {name: cpu - self.before[name][0] for name, (cpu, _) in after.items()}
