"""Interleaved rounds: each round drives every target through every operation on a copy of the same street; medians count."""

import statistics
from pathlib import Path

from . import limit
from .cluster import Cluster
from .scenarios import Operation
from .targets import Jobs, Whistled
from .volley import fire

DATABASE = "measured"


def pool_of(target, cluster: Cluster, operations: dict[str, Operation], folder: Path, seconds: float, say) -> int | None:
    """The pool size at which a peer is best, by a read and a write."""
    if len(target.pools) == 1:
        return target.pools[0]
    rates = {}
    for pool in target.pools:
        cluster.copy("loaded", DATABASE)
        target.start(cluster, DATABASE, pool)
        try:
            found = [fire(target, cluster, operations[name], folder, 1.5, seconds, f"{target.name}-p{pool}-")["rate"]
                     for name in ("list", "intake")]
        finally:
            target.stop()
        rates[pool] = statistics.geometric_mean(found)
    best = max(rates, key=rates.get)
    say(f"  {target.name}: pool {best} of {', '.join(f'{pool}: {rate:.0f}/s' for pool, rate in rates.items())}")
    return best


def measure_target(target, cluster: Cluster, operations: dict[str, Operation], folder: Path, plan: dict, pool: int | None, tag: str) -> dict:
    cluster.copy("loaded", DATABASE)
    target.start(cluster, DATABASE, pool)
    try:
        return {name: fire(target, cluster, operation, folder, plan["warm_s"], plan["run_s"], f"{target.name}-{tag}-")
                for name, operation in operations.items()}
    finally:
        target.stop()


def measure_limit(cluster: Cluster, names: list[str], clients: int, plan: dict, **kind) -> dict:
    """An idle whistled beside it does the jobs, as for the peers."""
    cluster.copy("loaded", DATABASE)
    jobs = Jobs().start(cluster, DATABASE)
    try:
        return {name: limit.measure(cluster, DATABASE, name, clients, plan, **kind) for name in names}
    finally:
        jobs.stop()


def median_of(results: list[dict], *path: str) -> float | None:
    values = []
    for result in results:
        for name in path:
            result = (result or {}).get(name)
        if result is not None:
            values.append(result)
    return statistics.median(values) if values else None


def summarise(results: list[dict]) -> dict:
    """Of one target and operation: medians over the rounds, and how far the rounds lie apart."""
    rates = [result["rate"] for result in results]
    return {
        "rate": statistics.median(rates), "rates": rates, "spread": (max(rates) - min(rates)) / statistics.median(rates),
        "p50_us": median_of(results, "latency", "p50_us"), "p99_us": median_of(results, "latency", "p99_us"),
        "service_us": median_of(results, "cpu_us", "service"), "service_kernel_us": median_of(results, "kernel_us", "service"),
        "postgres_us": median_of(results, "cpu_us", "postgres"),
        "pss_kib": median_of(results, "memory", "pss_kib"), "rss_kib": median_of(results, "memory", "rss_kib"),
    }


def run_rounds(cluster: Cluster, targets: dict, operations: dict[str, Operation], folder: Path, plan: dict, say) -> dict:
    """{target: {operation: summary}}, with the chosen pools."""
    pools = {name: pool_of(target, cluster, operations, folder, plan["sweep_s"], say) for name, target in targets.items()}
    clients = None
    if plan["limit"]:
        cluster.copy("loaded", DATABASE)
        clients = limit.best_clients(cluster, DATABASE, plan["sweep_s"])
        say(f"  limit: {clients} clients")
    found: dict[str, dict[str, list]] = {}
    for number in range(plan["rounds"]):
        names = list(targets)
        names = names[number % len(names):] + names[:number % len(names)] if names else []
        if plan["limit"]:
            for title, kind in (("limit", {}), ("limit_json", {"as_json": True}), ("limit_grouped", {"in_groups": True})):
                say(f"  round {number + 1}: {title}")
                for name, result in measure_limit(cluster, list(operations), clients, plan, **kind).items():
                    found.setdefault(title, {}).setdefault(name, []).append(result)
        for name in names:
            say(f"  round {number + 1}: {name}")
            for operation, result in measure_target(targets[name], cluster, operations, folder, plan, pools[name], f"r{number}").items():
                found.setdefault(name, {}).setdefault(operation, []).append(result)
    cluster.drop(DATABASE)
    return {"pools": pools, "clients": clients,
            "results": {name: {operation: summarise(results) for operation, results in by.items()} for name, by in found.items()}}


def is_own(target) -> bool:
    return isinstance(target, Whistled)
