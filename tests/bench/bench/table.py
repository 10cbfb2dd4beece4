"""The one table: a block for each operation, a row for each target."""

PEER_FREE = {"limit", "limit_json", "limit_grouped", "whistled", "ungrouped"}
HEAD = ("", "requests/s", "± %", "p50 ms", "p99 ms", "service µs (kernel)", "PostgreSQL µs", "Pss MiB", "× best peer", "× limit")
TITLES = {"limit": "pgbench, same statements", "limit_json": "pgbench, JSON made in PostgreSQL",
          "limit_grouped": "pgbench, up to 32 requests a transaction", "whistled": "whistled", "ungrouped": "whistled, not grouped"}


def number(value: float | None, digits: int = 0, scale: float = 1) -> str:
    return "–" if value is None else f"{value / scale:,.{digits}f}"


def shares(whole: float | None, part: float | None) -> str:
    return number(whole, 1) + (f" ({part:,.1f})" if part is not None else "")


def ratio(value: float, other: float | None) -> str:
    return "–" if not other else f"{value / other:.2f}"


def rows_of(operation: str, results: dict, titles: dict) -> list[tuple]:
    peers = [by[operation]["rate"] for name, by in results.items() if name not in PEER_FREE and operation in by]
    best, limit = max(peers, default=None), results.get("limit", {}).get(operation, {}).get("rate")
    rows = []
    for name, by in results.items():
        if operation not in by:
            continue
        r = by[operation]
        rows.append(((TITLES | titles).get(name, name), number(r["rate"]), number(r["spread"] * 50, 1), number(r["p50_us"], 2, 1000),
                     number(r["p99_us"], 2, 1000), shares(r["service_us"], r["service_kernel_us"]), number(r["postgres_us"], 1),
                     number(r["pss_kib"], 1, 1024), ratio(r["rate"], best), ratio(r["rate"], limit)))
    return rows


def as_text(operations: dict[str, str], results: dict, titles: dict) -> str:
    """For a terminal."""
    lines = []
    for name, title in operations.items():
        rows = [(title, *HEAD[1:]), *rows_of(name, results, titles)]
        widths = [max(len(row[i]) for row in rows) for i in range(len(HEAD))]
        widths[0] = max(widths[0], 34)
        for row in rows:
            lines.append(row[0].ljust(widths[0]) + "".join(cell.rjust(max(width, len(head)) + 2)
                         for cell, width, head in zip(row[1:], widths[1:], HEAD[1:])))
        lines.append("")
    return "\n".join(lines)


def as_markdown(operations: dict[str, str], results: dict, titles: dict) -> str:
    lines = []
    for name, title in operations.items():
        lines += ["| " + " | ".join((title, *HEAD[1:])) + " |", "|---|" + "--:|" * (len(HEAD) - 1)]
        lines += ["| " + " | ".join(row) + " |" for row in rows_of(name, results, titles)] + [""]
    return "\n".join(lines)


def cores(overload: dict) -> str:
    return ", ".join(f"{overload['cores'][name]:.2f} {title}" for name, title in
                     (("generator", "generator"), ("service", "service"), ("postgres", "PostgreSQL")))


def overload_lines(results: dict) -> list[str]:
    lines = []
    for r in results.get("overload", ()):
        most, well = r["rss_kib"]["most"] / 1024, r["well_again_s"]
        lines.append(f"Overload, {r['operation']}: {r['offered']:,.0f}/s offered ({r['times']} times the peak): {r['goodput'] / r['peak']:.0%} of the peak "
                     f"gets through, {r['goodput'] / r['fresh']:.0%} of that afterwards; refused after {r['refusals']['p50_us'] / 1000:.1f} ms (p99 {r['refusals']['p99_us'] / 1000:.1f} ms); "
                     f"{most:.0f} MiB at most, {r['rss_kib']['before'] / 1024:.0f} before; well again after {'> 10' if well is None else well} s; "
                     f"cores taken: {cores(r)}")
    return lines


def growth_rows(growth: dict) -> list[tuple]:
    """CPU of service and PostgreSQL for one request, relative to the base."""
    sizes, rows = growth["sizes"], []
    for name in growth["order"]:
        costs = {int(cases): cost for cases, cost in growth["cpu_us"].get(name, {}).items()}
        base = costs.get(growth["base"])
        if costs:
            rows.append((name, *(f"{costs[n]:.0f} µs" + (f" (× {costs[n] / base:.2f})" if base and n != growth["base"] else "") if n in costs else "–"
                                 for n in sizes)))
    return rows


def others(results: dict) -> str:
    lines = []
    if idle := results.get("idle"):
        lines.append(f"Idle: {idle['rate']['alone']:,.0f}/s alone, {idle['rate']['beside']:,.0f}/s beside {idle['idle']:,} idle connections "
                     f"(× {idle['rate']['beside'] / idle['rate']['alone']:.2f}); {idle['kib_per_connection']:.2f} KiB for each; at rest "
                     f"{idle['at_rest']['pss_kib'] / 1024:.1f} MiB and {idle['at_rest']['backends']['n']} backends with {idle['at_rest']['backends']['pss_kib'] / 1024:.0f} MiB")
    if fire := results.get("fire"):
        lines += [f"{TITLES[name]}, {fire['refused']} % refused and {fire['broken']} % broken: {r['good']:,.0f}/s of {r['clean']:,.0f}/s clean; {r['kept']:.0%} of what "
                  "should be left" for name, r in fire["targets"].items()]
    lines += overload_lines(results)
    if growth := results.get("growth"):
        rows = [("CPU for one request", *(f"{n:,} cases" for n in growth["sizes"])), *growth_rows(growth)]
        lines += ["", *(row[0].ljust(24) + "".join(cell.rjust(24) for cell in row[1:]) for row in rows)]
    return "\n".join(lines)
