"""Does a request cost more when the street has more cases? The same operations at several sizes, relative to 100,000."""

import statistics
import time
from pathlib import Path

import requests

from .cluster import Cluster
from .multiply import CITIZENS
from .scenarios import ORDER, READS, WRITES, Operation, all_operations, step
from .stories import TENANT, token_of
from .street import Street
from .targets import Whistled
from .volley import fire

BASE = 100_000
DEEP_PAGE = 1000
PAGE = 20
LARGEST_PAGE = 200


def pages(base: str) -> list[Operation]:
    """The first page of all cases, and the thousandth: walked to by larger steps, for a cursor does not depend on the limit."""
    token, session, cursor = token_of("dispatcher-1"), requests.Session(), None
    session.trust_env = False
    for _ in range((DEEP_PAGE - 1) * PAGE // LARGEST_PAGE + 1):
        reply = session.get(base + "/v1/cases", params={"limit": LARGEST_PAGE} | ({"cursor": cursor} if cursor else {}),
                            headers={"Authorization": f"Bearer {token}"}, timeout=30)
        reply.raise_for_status()
        cursor = reply.json()["next_cursor"]
        if cursor is None:
            break
    first = Operation("page-1", "Page 1 of all cases", [step("page", 200, "GET", f"/v1/cases?limit={PAGE}", token)])
    if cursor is None:
        return [first]
    return [first, Operation("page-1000", f"Page {DEEP_PAGE:,} of all cases", [step("page", 200, "GET", f"/v1/cases?limit={PAGE}&cursor={cursor}", token)])]


def pool_of(cases: int) -> int:
    return min(20_000, max(8_000, cases // 10))


def settle(cluster: Cluster, database: str) -> None:
    """What an earlier round reported has fallen due by now: its clocks are none of what is measured."""
    with cluster.owner(database) as connection:
        while connection.execute("SELECT EXISTS (SELECT FROM cases c WHERE c.tenant = %s AND c.clock_next_at <= now())", (TENANT,)).fetchone()[0]:
            time.sleep(1)


def measure(cluster: Cluster, database: str, folder: Path, plan: dict, tag: str) -> dict:
    """CPU of both for one request, by operation."""
    target = Whistled().start(cluster, database)
    try:
        settle(cluster, database)
        operations = all_operations(cluster, database, target.base)
        # Pages before what writes, for then autovacuum's work would be counted with them.
        made = [*(operations[name] for name in READS), *pages(target.base), *(operations[name] for name in WRITES)]
        found = {}
        for operation in made:
            result = fire(target, cluster, operation, folder, plan["warm_s"], plan["run_s"], f"grow-{database}-{tag}-")
            found[operation.name] = {"title": operation.title, "cpu_us": sum(result["cpu_us"].values()), "rate": result["rate"]} | result["cpu_us"]
        return found
    finally:
        target.stop()


def run(cluster: Cluster, street: Street, folder: Path, plan: dict, say) -> dict:
    names, found, titles = {}, {}, {}
    for cases in plan["sizes"]:
        names[cases] = f"grown_{cases}"
        took = street.grow(names[cases], cases, pool_of(cases), figures=False)
        say(f"  {cases:,} cases in {took:.0f} s")
    audited = street.audit(names[min(names)])
    if audited:
        raise RuntimeError(f"the auditor differs: {audited[:5]}")
    for number in range(plan["growth_rounds"]):
        for cases, database in names.items():
            for operation, result in measure(cluster, database, folder, plan, f"{number}").items():
                titles[operation] = result["title"]
                found.setdefault(operation, {}).setdefault(cases, []).append(result)
    for database in names.values():
        cluster.drop(database)
    return {
        "sizes": list(names), "base": BASE, "order": [*ORDER, *(name for name in titles if name not in ORDER)], "titles": titles, "residents": CITIZENS,
        "cpu_us": {operation: {cases: statistics.median(r["cpu_us"] for r in results) for cases, results in by.items()} for operation, by in found.items()},
        "rate": {operation: {cases: statistics.median(r["rate"] for r in results) for cases, results in by.items()} for operation, by in found.items()},
    }
