"""What 500 listeners cost those who write: rounds with and without them in turn, the same service, the same street.

Run by script/bench-listeners. Prints, for each round and as medians, writes a second and what a write cost of each part's
processor time: all of them share this machine's cores."""

import atexit
import json
import os
import statistics
import subprocess
import sys
import time
import uuid
from pathlib import Path

import psycopg
from bench.accounting import cpu_s
from support import tokens
from support.postgres import Postgres, until
from support.pull import DEPARTMENTS, build
from support.service import BINARY, Service
from support.world import GRIDS, World, person_uuid, square

# kind of listening, role, how many people, and what they are called
LISTENERS = [
    ("stream", "citizen", 300, "resident{}"), ("wait", "department", 100, "d{}"), ("stream", "department", 40, "d{}"),
    ("wait", "grid_worker", 40, "walker{}"), ("stream", "community", 10, "community_xf"), ("stream", "dispatcher", 10, "dispatcher"),
]
# As many grids as a street has; with fewer, more hear of each report.
N_GRIDS = int(os.environ.get("WHISTLED_BENCH_GRIDS", "10"))
ALL_GRIDS = [*GRIDS, *(f"CA-{n:02}" for n in range(2, 100))][:N_GRIDS]
STREET = 10  # streams that hear of everything
WRITERS = 32
# Whose processor time; the last two are no part of the product.
PARTS = ("service", "statements", "drainer", "server", "writers", "listeners")
TITLES = ("round", "writes/s", "service", "statements", "drainer", "server", "together", "writers", "listeners", "transactions")


def populate(postgres: Postgres) -> None:
    build(postgres, "main")
    with psycopg.connect(postgres.url("whistled_owner", "main")) as connection:
        connection.execute("SET search_path = whistled, public")
        world = World(connection, "street")
        for n, code in enumerate(ALL_GRIDS[len(GRIDS):]):
            world.area("grid", ["ST", "CA", code], f"Grid {code}", None, square(125.73 + 0.01 * n, 41.60))
        for n in range(300):
            world.person(f"resident{n}", f"Resident {n}", ["citizen"], None, [], [])
        for n in range(40):
            world.person(f"walker{n}", f"Walker {n}", ["grid_worker"], "xf", [], [])
            world.insert("grid_assignments", id=str(uuid.uuid4()), grid_code=ALL_GRIDS[n % N_GRIDS], kind="part_time",
                         person_id=person_uuid("street", f"walker{n}"), valid_from="2020-01-01")


def plan() -> str:
    lines = []
    for kind, role, n, name in LISTENERS:
        for i in range(n):
            token = tokens.mint(name.format(i % len(DEPARTMENTS) if role == "department" else i), [role], "street")
            path = "/v1/tickets" if role == "department" else "/v1/cases"
            lines.append(f"wait {path} updated_after=2099-01-01T00:00:00Z {token}\n" if kind == "wait" else f"stream {token}\n")
    return "".join(lines)


class Listeners:
    """All of them, in one small program; they hang when this is made."""

    def __init__(self, service: Service):
        self.service = service
        self.process = subprocess.Popen([BINARY.with_name("listener"), str(service.port)], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.process.stdin.write(plan() + "\n")
        self.process.stdin.flush()
        until(lambda: self.hanging() >= sum(n for _, _, n, _ in LISTENERS) or self.process.poll() is not None)
        assert self.process.poll() is None, "a listener was turned away"

    def hanging(self) -> int:
        lines = self.service.metrics().splitlines()
        return sum(int(line.split()[-1]) for line in lines if line.startswith(("whistled_streams{", "whistled_waiters{")))

    def heard(self) -> dict:
        self.process.stdin.write("?\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def caught_up(self, events: int) -> bool:
        """So many were streamed, and half a second brought no news."""
        before = self.heard()
        time.sleep(0.5)
        return before["events"] >= events and self.heard() == before

    def end(self) -> None:
        self.process.communicate(timeout=60)
        until(lambda: not self.hanging())


class Meter:
    """Processor time of each part between two moments, and how many transactions the database ran."""

    def __init__(self, bench: "Bench", listeners: Listeners | None):
        self.bench, self.listeners = bench, listeners
        self.before, self.transactions = self.spent(), bench.transactions()

    def spent(self) -> dict[str, float]:
        """All but the writers', who say it themselves."""
        backends = self.bench.backends()
        spent = {name: sum(cpu_s(pid) for pid in backends.get(name, ())) for name in ("statements", "drainer")}
        spent["server"] = cpu_s(self.bench.postgres.process.pid) - sum(spent.values())
        spent["service"] = cpu_s(self.bench.service.process.pid)
        spent["listeners"] = cpu_s(self.listeners.process.pid) if self.listeners else 0
        return spent

    def stop(self) -> tuple[dict[str, float], int]:
        after = self.spent()
        return {name: after[name] - self.before[name] for name in after}, self.bench.transactions() - self.transactions


class Bench:
    def __init__(self, seconds: float):
        self.seconds = seconds
        self.postgres = Postgres(durable=True)
        self.postgres.start()
        self.postgres.create_database("main")
        self.service = Service(self.postgres, "main", log_level="warning", test_clock=0)
        assert self.service.run("migrate").returncode == 0
        populate(self.postgres)
        self.service.start()
        atexit.register(self.service.stop)  # also when a round fails
        self.looker = psycopg.connect(self.postgres.url("postgres", "main"), autocommit=True)
        self.scenario = self.write_scenario()

    def write_scenario(self) -> tuple[Path, Path]:
        """Reports from all over the grids. By area: places would make each a duplicate of many, and dearer than the last."""
        scenario, rows = self.service.folder / "scenario", self.service.folder / "rows"
        scenario.write_text(
            "step report 201\nline POST /v1/cases HTTP/1.1\n"
            f"line Authorization: Bearer {tokens.mint('citizen', ['citizen'], 'street')}\nline Content-Type: application/json\n"
            'body {"description": "Bench", "kind": "problem", "category": "litter", "area": "${1}"}\n')
        rows.write_text("\n".join(ALL_GRIDS) + "\n")
        return scenario, rows

    def backends(self) -> dict[str, list[int]]:
        names = {"whistled": "statements", "whistled feed": "drainer"}
        found = {}
        for pid, name in self.looker.execute("SELECT pid, application_name FROM pg_stat_activity").fetchall():
            found.setdefault(names.get(name), []).append(pid)
        return found

    def transactions(self) -> int:
        return self.looker.execute("SELECT xact_commit FROM pg_stat_database WHERE datname = 'main'").fetchone()[0]

    def drained(self) -> bool:
        return not self.looker.execute("SELECT FROM whistled.outbox LIMIT 1").fetchall()

    def age(self) -> None:
        """All that was written was written long ago: who begins to wait need not page through it."""
        self.looker.execute("UPDATE whistled.feed_marks SET latest_at = latest_at - interval '10 minutes'")

    def round(self, listening: bool) -> dict:
        """One round; what is left in the outbox and unheard when the writers end is part of it."""
        self.age()
        listeners = Listeners(self.service) if listening else None
        heard = listeners.heard() if listeners else {}
        meter = Meter(self, listeners)
        out = subprocess.run([BINARY.with_name("volley"), "run", "-c", str(WRITERS), "-w", "0", "-t", str(self.seconds),
                              f"127.0.0.1:{self.service.port}", *self.scenario], check=True, capture_output=True, text=True).stdout
        ended, wrote = time.monotonic(), json.loads(out)
        until(self.drained)
        if listeners:
            until(lambda: listeners.caught_up(heard["events"] + STREET * wrote["good"]))
        late_s = time.monotonic() - ended
        spent, transactions = meter.stop()
        if listeners:
            heard = {name: n - heard[name] for name, n in listeners.heard().items()} | {"late_s": late_s}
            listeners.end()
        assert not wrote["unexpected"] and not wrote["broken"] and not wrote["refusals"]["count"], wrote["first_fault"]
        spent["writers"] = wrote["generator_cpu_s"]
        return {"rate": wrote["rate"], "heard": heard, "transactions": transactions / wrote["good"],
                "us": {part: 1e6 * spent[part] / wrote["good"] for part in PARTS}}

    def end(self) -> None:
        self.looker.close()
        assert self.service.stop() == 0, self.service.log_text()[-4000:]


def together(one: dict) -> float:
    """What a write costs the product."""
    return sum(one["us"][part] for part in PARTS[:-2])


def line(title: str, one: dict) -> str:
    us = one["us"]
    heard = one["heard"]
    told = f"{heard['events']} events, {heard['pages']} pages, {heard['empty']} empty; the last {heard['late_s']:.1f} s late" if heard else ""
    figures = [one["rate"], *[us[part] for part in PARTS[:-2]], together(one), us["writers"], us["listeners"]]
    return f"{title:<12}" + "".join(f"{figure:>11.0f}" for figure in figures) + f"{one['transactions']:>13.2f}  {told}"


def medians(rounds: list[dict]) -> dict:
    return {"rate": statistics.median(one["rate"] for one in rounds), "heard": {},
            "transactions": statistics.median(one["transactions"] for one in rounds),
            "us": {part: statistics.median(one["us"][part] for one in rounds) for part in PARTS}}


def main(rounds: int, seconds: float) -> int:
    bench, found = Bench(seconds), {True: [], False: []}
    bench.round(listening=False)  # warm
    bench.looker.execute("ANALYZE")  # as a database is that has lived for some minutes
    print("Processor time in µs a write; together: service, its statements, the drainer's and the rest of the server.")
    print(f"{TITLES[0]:<12}" + "".join(f"{title:>11}" for title in TITLES[1:-1]) + f"{TITLES[-1]:>13}")
    for n in range(rounds):
        # In turn who is first: what has been written makes the next write no cheaper.
        for listening in (n % 2 == 1, n % 2 == 0):
            found[listening].append(bench.round(listening))
            print(line(f"{n + 1} {'beside' if listening else 'alone'}", found[listening][-1]), flush=True)
    alone, beside = medians(found[False]), medians(found[True])
    print(line("alone", alone))
    print(line("beside", beside))
    ratio = beside["rate"] / alone["rate"]
    print(f"Writes a second beside {sum(n for _, _, n, _ in LISTENERS)} listeners: {ratio:.3f} of those without, "
          f"on {os.cpu_count()} cores shared by all; processor time of the product for a write: {together(beside) / together(alone):.3f} times.")
    bench.end()
    return 0 if ratio >= 0.9 else 1


if __name__ == "__main__":
    sys.exit(main(int(os.environ.get("WHISTLED_BENCH_ROUNDS", "5")), float(os.environ.get("WHISTLED_BENCH_SECONDS", "10"))))
