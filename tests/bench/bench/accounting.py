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


USER, KERNEL = (11, 13), (12, 14)  # fields of stat: of the process itself, and of its members who have ended


def cpu_s(root: int, fields: tuple = USER + KERNEL) -> float:
    """Processor time of a family so far, with that of members who have ended."""
    return sum(int(found[i]) for process_id in family(root) if (found := _stat(process_id)) for i in fields) / TICK


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

    def read(self, fields: tuple) -> dict[str, float]:
        return {name: cpu_s(root, fields) for name, root in self.roots.items()}

    def start(self) -> None:
        self.began = time.monotonic()
        self.user, self.kernel = self.read(USER), self.read(KERNEL)

    def stop(self) -> dict[str, float]:
        self.seconds = time.monotonic() - self.began
        user, kernel = self.read(USER), self.read(KERNEL)
        self.kernel_s = {name: kernel[name] - self.kernel[name] for name in kernel}
        return {name: user[name] - self.user[name] + self.kernel_s[name] for name in user}
