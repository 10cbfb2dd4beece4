"""The auditor of db/procedures/80_audit.sql, asked as a test asks."""

import psycopg


def assert_audit(url: str) -> None:
    """Each object recomputed from its events equals what is stored."""
    with psycopg.connect(url, autocommit=True) as connection:
        schema = connection.execute(
            "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'api\\_%' ORDER BY oid DESC LIMIT 1"
        ).fetchone()[0]
        connection.execute(f"SET search_path = {schema}, whistled, public")
        for (tenant,) in connection.execute("SELECT tenant FROM tenants").fetchall():
            found = connection.execute("SELECT * FROM audit_objects(%s)", (tenant,)).fetchall()
            assert not found, f"{tenant}: the auditor differs: {found[:10]}"
