"""tests/bench/run: see there."""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from support.contract import ROOT

from . import fire, growth, idle, overload, profile, table
from .cluster import SETTINGS, Cluster
from .compare import Comparison
from .rounds import DATABASE, is_own, run_rounds
from .scenarios import ORDER, all_operations
from .street import Street
from .targets import PEER_LIST, Whistled, own_targets

PARTS = ("peers", "profile", "fire", "idle", "overload", "growth")
QUICK = {"rounds": 1, "warm_s": 1, "run_s": 2, "sweep_s": 1, "cases": 50_000, "tickets": 20_000, "idle_rounds": 2, "over_s": 15,
         "sizes": [10_000, 100_000], "growth_rounds": 1}
FULL = {"rounds": 3, "warm_s": 1.5, "run_s": 5, "sweep_s": 2, "cases": 200_000, "tickets": 40_000, "idle_rounds": 5, "over_s": 60,
        "sizes": [10_000, 100_000, 1_000_000], "growth_rounds": 3}
LARGEST = 5_000_000
KIB_PER_CASE = 16  # on the disk, with its indexes and what a copy needs


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests/bench/run", description="Measures whistled beside what PostgreSQL alone gives and beside peers.")
    parser.add_argument("--quick", action="store_true", help="about ten minutes instead of 45")
    parser.add_argument("--only", help=f"operations, with commas: {', '.join(ORDER)}")
    parser.add_argument("--peers", help=f"peers, with commas, or none: {', '.join(PEER_LIST)}")
    parser.add_argument("--parts", default=",".join(PARTS), help=f"what to measure, with commas: {', '.join(PARTS)}")
    parser.add_argument("--largest", action="store_true", help=f"growth also at {LARGEST:,} cases: much time, and 80 GiB of disk")
    parser.add_argument("--sizes", help="of streets for growth, with commas")
    parser.add_argument("--rounds", type=int, help="interleaved rounds; medians count")
    parser.add_argument("--cases", type=int, help="in the street")
    parser.add_argument("--out", type=Path, help="file of results (default: var/bench/DATE.json)")
    return parser.parse_args()


def machine() -> dict:
    def first(path: str, name: str) -> str:
        with open(path) as file:
            return next((line.split(":", 1)[1].strip() for line in file if line.startswith(name)), "")

    git = subprocess.run(["git", "-C", str(ROOT), "describe", "--always", "--dirty"], capture_output=True, text=True)
    return {"processor": first("/proc/cpuinfo", "model name"), "cores": os.cpu_count(), "memory_kib": first("/proc/meminfo", "MemTotal").split()[0],
            "kernel": platform.release(), "system": first_line("/etc/os-release", "PRETTY_NAME"), "commit": git.stdout.strip(),
            "load_before": os.getloadavg()[0], "date": time.strftime("%Y-%m-%d %H:%M %z")}


def first_line(path: str, name: str) -> str:
    with open(path) as file:
        return next((line.split("=", 1)[1].strip().strip('"') for line in file if line.startswith(name + "=")), "")


def chosen_targets(names: str | None) -> dict:
    peers = list(PEER_LIST) if names is None else [] if names == "none" else names.split(",")
    if unknown := set(peers) - set(PEER_LIST):
        sys.exit(f"tests/bench/run: there is no peer {', '.join(sorted(unknown))}")
    return own_targets() | {name: PEER_LIST[name] for name in peers}


def plan_of(options: argparse.Namespace) -> dict:
    plan = dict(QUICK if options.quick else FULL, limit=True)
    if options.sizes:
        plan["sizes"] = sorted(int(size) for size in options.sizes.split(","))
    if options.largest:
        plan["sizes"] = [*plan["sizes"], LARGEST]
    return plan | {name: value for name in ("rounds", "cases") if (value := getattr(options, name)) is not None}


def load(cluster: Cluster, plan: dict, parts: set[str]) -> Street:
    say("Telling the stories of the street")
    street = Street(cluster)
    if not parts - {"growth"}:
        return street
    say(f"Multiplying them to {plan['cases']:,} cases")
    took = street.grow("loaded", plan["cases"], plan["tickets"])
    say(f"  {took:.0f} s")
    return street


def prepared(cluster: Cluster, names: list[str]) -> dict:
    """The requests of each operation, made once from the loaded street: every target gets the same."""
    service = Whistled().start(cluster, "loaded")
    try:
        operations = all_operations(cluster, "loaded", service.base)
    finally:
        service.stop()
    return {name: operations[name] for name in ORDER if name in names}


def compared(cluster: Cluster, targets: dict) -> None:
    """Before anything is measured: each peer does the same, or the run ends here."""
    for peer in targets.values():
        if not is_own(peer):
            say(f"Comparing {peer.name} with whistled")
            cluster.copy("loaded", DATABASE)
            peer.start(cluster, DATABASE)
            try:
                Comparison(peer, cluster, DATABASE).all()
            finally:
                peer.stop()


def need_room(plan: dict, parts: set[str]) -> None:
    """Before anything is made, rather than when the disk is full."""
    cases = max(3 * plan["cases"] if parts - {"growth"} else 0, sum(plan["sizes"]) + plan["cases"] if "growth" in parts else 0)
    free, wanted = shutil.disk_usage(tempfile.gettempdir()).free // 1024, cases * KIB_PER_CASE
    if free < wanted:
        sys.exit(f"tests/bench/run: {free >> 20} GiB are free in {tempfile.gettempdir()} and some {wanted >> 20} GiB are needed; "
                 "set TMPDIR, or measure less: --cases, --parts")


def measure(cluster: Cluster, street: Street, plan: dict, targets: dict, names: list[str], parts: set[str]) -> dict:
    results: dict = {}
    with tempfile.TemporaryDirectory(prefix="whistled-bench-") as name:
        folder = Path(name)
        operations = prepared(cluster, list(ORDER)) if parts - {"growth"} else {}
        if "peers" in parts:
            compared(cluster, targets)
            say("Measuring whistled, its peers and the limit")
            chosen = {name: operation for name, operation in operations.items() if name in names}
            results["operations"] = run_rounds(cluster, targets, chosen, folder, plan, say)
            results["titles"] = {name: operation.title for name, operation in chosen.items()}
            results["targets"] = {name: target.title for name, target in targets.items() if not is_own(target)}
        if "profile" in parts:
            say("Counting instructions")
            results["profile"] = profile.run(cluster, operations, folder, plan, say)
            results["http"] = profile.http_alone(cluster, folder, plan)
        if "fire" in parts:
            say("Measuring group commit under fire")
            results["fire"] = fire.run(cluster, operations, folder, plan, say)
        if "idle" in parts:
            say("Measuring idle connections")
            results["idle"] = idle.run(cluster, operations, folder, plan, say)
        if "overload" in parts:
            say("Measuring overload")
            results["overload"] = [overload.run(cluster, operations[name], folder, plan, say) for name in ("read", "intake")]
        if "growth" in parts:
            say("Measuring growth")
            results["growth"] = growth.run(cluster, street, folder, plan, say)
    return results


def main() -> int:
    options = arguments()
    plan, targets, parts = plan_of(options), chosen_targets(options.peers), set(options.parts.split(","))
    if parts - set(PARTS):
        sys.exit(f"tests/bench/run: there is no part {', '.join(sorted(parts - set(PARTS)))}")
    names = options.only.split(",") if options.only else list(ORDER)
    if set(names) - set(ORDER):
        sys.exit(f"tests/bench/run: there is no operation {', '.join(sorted(set(names) - set(ORDER)))}")
    need_room(plan, parts)
    began, cluster = time.monotonic(), Cluster()
    results = {"machine": machine(), "plan": plan, "settings": SETTINGS, "postgres": cluster.version(), "parts": sorted(parts)}
    try:
        street = load(cluster, plan, parts)
        if parts - {"growth"}:
            results["street"] = street.size("loaded")
        results |= measure(cluster, street, plan, targets, names, parts)
    finally:
        cluster.close()
    results["machine"]["load_after"], results["seconds"] = os.getloadavg()[0], round(time.monotonic() - began)
    out = options.out or ROOT / "var" / "bench" / time.strftime("%Y%m%d-%H%M%S.json")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(results, ensure_ascii=False, indent=1) + "\n")
    if "operations" in results:
        print(table.as_text(results["titles"], results["operations"]["results"], results["targets"]))
    print(table.others(results))
    say(f"{results['seconds']} s. Results: {out}; tests/bench/report makes docs/performance.md of them.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
