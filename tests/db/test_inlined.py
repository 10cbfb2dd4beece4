"""An SQL function that the planner cannot write into the statement around it is parsed and planned again by every statement that
calls it: it costs more than a table. So each is taken in, or it is plpgsql; one that returns rows is taken in only where rows are."""

import re


def called_with(types: list[str]) -> tuple[str, str]:
    """A column of a table x for each argument, as a statement would have them: constants would be folded away. And the arguments."""
    return ", ".join(f"NULL::{kind} AS a{i}" for i, kind in enumerate(types)) or "1 AS a0", ", ".join(f"x.a{i}" for i in range(len(types)))


def test_expressions_are_taken_in(db):
    found = db.execute("""
        SELECT p.oid::regprocedure::text, p.proname, ARRAY(SELECT format_type(t, NULL) FROM unnest(p.proargtypes) AS t)
        FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
        WHERE p.pronamespace = current_schema()::regnamespace AND l.lanname = 'sql' AND NOT p.proretset AND p.prokind = 'f'
        ORDER BY 1""").fetchall()
    assert len(found) > 50
    called = []
    with db.transaction(force_rollback=True):
        db.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        for n, (signature, name, types) in enumerate(found):
            columns, arguments = called_with(types)
            plan = db.execute(
                f"EXPLAIN (VERBOSE, COSTS OFF) SELECT {name}({arguments}) FROM (SELECT {columns} FROM generate_series(1, 2) OFFSET 0) AS x"
            ).fetchall()
            output = next(line for line, in plan if "Output:" in line)
            if f"{name}(" in output:
                called.append(signature)
    assert not called, f"neither taken in nor plpgsql: {called}"


def test_rows_are_taken_in(db):
    """But of what an operator calls by hand: the audit, and what has settings of its own."""
    found = db.execute("""
        SELECT p.proname, ARRAY(SELECT format_type(t, NULL) FROM unnest(p.proargtypes) AS t), p.proconfig IS NOT NULL OR p.proname ~ '^audit_'
        FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
        WHERE p.pronamespace = current_schema()::regnamespace AND l.lanname = 'sql' AND p.proretset ORDER BY 1""").fetchall()
    assert len(found) > 20
    called = []
    for name, types, by_hand in found:
        columns, arguments = called_with(types)
        plan = db.execute(f"EXPLAIN (VERBOSE, COSTS OFF) SELECT * FROM (SELECT {columns} OFFSET 0) AS x CROSS JOIN LATERAL {name}({arguments}) AS y")
        if not by_hand and any(re.search(rf"Function Scan on \S*\b{name}\b", line) for line, in plan):
            called.append(name)
    assert not called, f"neither taken in nor plpgsql: {called}"

    # As a column it is planned by every call.
    words = re.compile(rf"(\w+)\s+(?:{'|'.join(name for name, *_ in found)})\(", re.IGNORECASE)
    bodies = db.execute("""
        SELECT p.proname, coalesce(pg_get_function_sqlbody(p.oid), p.prosrc) FROM pg_proc p
        WHERE p.pronamespace = current_schema()::regnamespace AND p.prokind = 'f'""").fetchall()
    columns = [(name, match[0]) for name, body in bodies for match in words.finditer(body) if match[1].upper() not in ("FROM", "JOIN", "LATERAL")]
    assert not columns
