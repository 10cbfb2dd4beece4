#!/usr/bin/python3
"""The transition tables as people read them: docs/machines.md, text and Mermaid. Prints to standard output what the
database that DATABASE_URL names holds; tests/db/test_transition_tables.py compares it with what is checked in."""

import os
import sys

import psycopg

OPEN_END = "?"  # a target that the action decides: drawn to no state


def api_schema(connection: psycopg.Connection) -> str:
    """The newest release's own schema."""
    found = connection.execute(
        "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'api\\_%' ORDER BY oid DESC LIMIT 1").fetchone()
    return found[0]


def cell(value) -> str:
    text = ", ".join(value) if isinstance(value, list) else str(value if value is not None else "")
    return text.replace("|", "\\|")


def table(connection, heads: str, sql: str) -> str:
    names = heads.split(",")
    rows = [f"| {' | '.join(map(cell, row))} |" for row in connection.execute(sql)]
    return "\n".join([f"| {' | '.join(names)} |", "|" + " --- |" * len(names), *rows])


def spelt(states: list[str], groups: dict[str, list[str]]) -> list[str]:
    """Groups such as `open` as the states in them."""
    return [s for state in states for s in groups.get(state, [state])]


def mermaid(connection, name: str, groups: dict[str, list[str]]) -> str:
    """One arrow for each pair of states, with the actions that go that way. What stays is left out."""
    arrows: dict[tuple[str, str], list[str]] = {}
    sql = f"SELECT action, from_states, to_state FROM {name}_transitions ORDER BY ordinal"
    for action, sources, target in connection.execute(sql):
        if target == "=":
            continue
        end = f"decided_by_{action}" if target == OPEN_END else target
        for source in spelt(sources, groups):
            start = "[*]" if source == "-" else source
            actions = arrows.setdefault((start, end), [])
            if action not in actions:
                actions.append(action)
    lines = [f"    {start} --> {end}: {', '.join(actions)}" for (start, end), actions in arrows.items()]
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, "```"])


def case_groups(connection) -> dict[str, list[str]]:
    groups = {}
    for group in ("open", "working", "in_work"):
        rows = connection.execute(f"SELECT state FROM case_states WHERE {group} ORDER BY ordinal")
        groups[group] = [row[0] for row in rows]
    return groups


def ticket_groups(connection) -> dict[str, list[str]]:
    return {"open": [row[0] for row in connection.execute("SELECT state FROM ticket_states WHERE open ORDER BY ordinal")]}


def document(connection) -> str:
    connection.execute(f"SET search_path = {api_schema(connection)}, whistled, public")
    transitions = "SELECT action, variant, from_states, to_state, who, guards, about FROM {}_transitions ORDER BY ordinal"
    heads = "action,variant,from,to,who,guards,what it does"
    parts = [
        "# The machines as the service runs them",
        "Written from the transition tables of `db/procedures/transitions/`: `script/dump-machines > docs/machines.md`. A test "
        "compares the two. `-` is before the beginning, `=` stays, `?` is decided by the action; `role:relation` means that "
        "the row must know the person.",
        "## Case", mermaid(connection, "case", case_groups(connection)), table(connection, heads, transitions.format("case")),
        "## Ticket", mermaid(connection, "ticket", ticket_groups(connection)),
        table(connection, heads, transitions.format("ticket")),
        "## Hazard", mermaid(connection, "hazard", {}), table(connection, heads, transitions.format("hazard")),
        "## Requests",
        table(connection, "kind,on,while,asked by,decided by,guards,what it does",
              "SELECT kind, subject, while_states, asks, decides, guards, about FROM request_kinds ORDER BY ordinal"),
        mermaid(connection, "request", {}),
        "## Relations",
        table(connection, "relation,refusal,meaning", "SELECT relation, refusal, about FROM machine_relations ORDER BY relation"),
        "## Guards",
        table(connection, "guard,status,code,meaning",
              "SELECT guard, stage, refusal, about FROM machine_guards ORDER BY stage, guard"),
    ]
    return "\n\n".join(parts) + "\n"


def main() -> None:
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        sys.stdout.write(document(connection))


if __name__ == "__main__":
    main()
