#!/usr/bin/python3
"""How long figures take over many cases: counted anew, checked, and read through the API under every kind of filter.

Run by script/bench-stats [CASES]. Prints medians, and the CPU time of the database beside them: other work on the machine
lengthens the one and not the other."""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import requests

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from support import tokens  # noqa: E402
from support.postgres import Postgres  # noqa: E402
from support.service import Service  # noqa: E402

CASES = int(os.environ.get("WHISTLED_BENCH_CASES", "1000000"))
RUNS = int(os.environ.get("WHISTLED_BENCH_RUNS", "5"))
GOAL_MS = 200
SETTINGS = {"shared_buffers": "256MB", "jit": "off", "max_wal_size": "4GB"}  # the first two are those of script/server
PERIODS = {"year": ("2023-01-01", "2024-01-01"), "ragged year": ("2023-01-05", "2023-12-28"), "ragged half": ("2023-03-09", "2023-09-18"),
           "month": ("2023-06-01", "2023-07-01"), "ragged month": ("2023-06-09", "2023-07-08"), "day": ("2023-06-09", "2023-06-10")}
MANY = [f"k{n}" for n in range(1, 21)]
FILTERS = {
    "nothing": {}, "level": {"level": "complex"}, "community": {"area": "C1"}, "grid": {"area": "C1-3"}, "street": {"area": "S"},
    "3 communities": {"area": ["C1", "C2", "C3"]}, "category": {"category": "k1"}, "20 categories": {"category": MANY},
    "organisation": {"organisation": "d3"}, "5 organisations": {"organisation": ["d1", "d2", "d3", "d4", "d5"]},
    "community, level": {"area": "C2", "level": "ordinary"}, "community, category": {"area": "C1", "category": "k1"},
    "community, organisation": {"area": "C1", "organisation": "d3"}, "category, organisation": {"category": "k2", "organisation": "d3"},
    "all four": {"area": "C1", "category": "k2", "organisation": "d3", "level": "complex"},
    "street, 20 categories": {"area": "S", "category": MANY},
    "2 communities, 20 categories": {"area": ["C1", "C2"], "category": MANY},
}  # fmt: skip


def generate(postgres: Postgres) -> None:
    with psycopg.connect(postgres.url("postgres", "main"), autocommit=True) as connection:
        schema = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'api\\_%'").fetchone()[0]
        connection.execute(f"SET search_path = {schema}, whistled, public")
        for name, value in {"tenant": "bench", "cases": CASES, "first": "2023-01-01 00:00+08", "days": 365}.items():
            connection.execute(f"SET bench.{name} = '{value}'")
        connection.execute((ROOT / "tests" / "bench" / "cases.sql").read_text())
        connection.execute("VACUUM ANALYZE")


def cpu_s(pids: set[int]) -> float:
    """What these processes have used so far; one that is gone has used nothing."""
    spent = 0
    for pid in pids:
        try:
            spent += int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])
        except (FileNotFoundError, ProcessLookupError):
            pass
    return spent / 1e9


def backends(postgres: Postgres) -> set[int]:
    with psycopg.connect(postgres.url("postgres", "main"), autocommit=True) as connection:
        rows = connection.execute("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND usename = 'whistled'")
        return {row[0] for row in rows}


def said(what: str, began: float) -> None:
    print(f"{what}: {time.monotonic() - began:.0f} s", flush=True)


def check(postgres: Postgres, *arguments: str) -> None:
    began = time.monotonic()
    done = subprocess.run([ROOT / "script" / "check-stats", *arguments, "bench"], text=True,
                          env=os.environ | {"DATABASE_URL": postgres.url("whistled_owner", "main")})
    assert done.returncode == 0
    said(" ".join(["script/check-stats", *arguments]), began)


def read(service: Service, postgres: Postgres) -> bool:
    """Every filter over every period, some times each; True when all medians are within the goal."""
    session = requests.Session()
    session.trust_env = False
    session.headers["Authorization"] = f"Bearer {tokens.mint('leader', ['leader'], 'bench')}"
    worst, pids = 0.0, backends(postgres)
    print(f"\nmedian ms (database's CPU ms) of {RUNS} runs: {', '.join(PERIODS)}")
    for what in ("rates", "steps"):
        for name, narrow in FILTERS.items():
            cells = []
            for first, past in PERIODS.values():
                times, before = [], cpu_s(pids)
                for _ in range(RUNS):
                    began = time.monotonic()
                    reply = session.get(f"{service.base}/v1/stats/{what}", params={"from": first, "to": past} | narrow, timeout=60)
                    times.append((time.monotonic() - began) * 1000)
                    assert reply.status_code == 200, reply.text
                median = statistics.median(times)
                worst = max(worst, median)
                cells.append(f"{median:5.0f} ({(cpu_s(pids) - before) / RUNS * 1000:4.0f})")
            print(f"{what} by {name:30}", " ".join(cells), flush=True)
    print(f"worst median {worst:.0f} ms, goal {GOAL_MS} ms")
    return worst <= GOAL_MS


def main() -> int:
    postgres = Postgres(settings=SETTINGS)
    postgres.start()
    postgres.create_database("main")
    service = Service(postgres, "main", workers=1, read_connections=1)
    done = service.run("migrate")
    assert done.returncode == 0, done.stderr
    began = time.monotonic()
    generate(postgres)
    said(f"{CASES} cases made", began)
    check(postgres, "--rebuild")
    check(postgres)
    service.start()
    try:
        return 0 if read(service, postgres) else 1
    finally:
        service.stop()
        postgres.remove()


if __name__ == "__main__":
    sys.exit(main())
