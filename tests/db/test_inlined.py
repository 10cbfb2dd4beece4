"""An SQL function that the planner cannot write into the statement around it is parsed and planned again by every statement that
calls it: it costs more than a table. So each is an expression that is taken in, or it is plpgsql."""


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
            # A column for each argument, as a statement would have them: constants would be folded away.
            columns = ", ".join(f"NULL::{kind} AS a{i}" for i, kind in enumerate(types)) or "1 AS a0"
            arguments = ", ".join(f"x.a{i}" for i in range(len(types)))
            plan = db.execute(
                f"EXPLAIN (VERBOSE, COSTS OFF) SELECT {name}({arguments}) FROM (SELECT {columns} FROM generate_series(1, 2) OFFSET 0) AS x"
            ).fetchall()
            output = next(line for line, in plan if "Output:" in line)
            if f"{name}(" in output:
                called.append(signature)
    assert not called, f"neither taken in nor plpgsql: {called}"
