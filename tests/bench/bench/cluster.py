"""PostgreSQL for the measurements: durable, with its settings written down, and databases that are copies of one."""

from pathlib import Path

import psycopg

from support.postgres import Postgres, binaries

# Durable, as one would run it for a street: what differs from initdb's, and nothing that trades safety for speed.
SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "2GB",
    "effective_cache_size": "8GB",
    "wal_buffers": "16MB",
    "max_wal_size": "16GB",
    "checkpoint_timeout": "30min",
    "checkpoint_completion_target": "0.9",
    "random_page_cost": "1.1",
    "jit": "off",
    "max_connections": "200",
    "autovacuum_naptime": "20s",
}


class Cluster:
    """`loaded` is the street; a measurement gets a copy of its own, so that nobody meets what another has written."""

    def __init__(self):
        self.postgres = Postgres(durable=True, settings=SETTINGS)
        self.postgres.start()

    @property
    def process_id(self) -> int:
        return self.postgres.process.pid

    def admin(self, database: str = "postgres") -> psycopg.Connection:
        return psycopg.connect(self.postgres.url("postgres", database), autocommit=True)

    def owner(self, database: str) -> psycopg.Connection:
        """With the search_path that the service has."""
        connection = psycopg.connect(self.postgres.url("whistled_owner", database), autocommit=True)
        schema = connection.execute(
            "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'api\\_%' ORDER BY oid DESC LIMIT 1").fetchone()
        connection.execute(f"SET search_path = {schema[0] + ', ' if schema else ''}whistled, public")
        connection.execute("SET TimeZone = 'Asia/Shanghai'")
        return connection

    def copy(self, source: str, target: str) -> None:
        """By files, and flushed: so that a measurement does not pay for the copying."""
        with self.admin() as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {target} WITH (FORCE)")
            connection.execute(f"CREATE DATABASE {target} TEMPLATE {source} OWNER whistled_owner STRATEGY FILE_COPY")
            connection.execute("CHECKPOINT")
        with self.admin(target) as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS pg_prewarm")
            connection.execute("""
                SELECT sum(pg_prewarm(c.oid)) FROM pg_class c
                WHERE c.relnamespace = 'whistled'::regnamespace AND c.relkind IN ('r', 'i')
                    AND pg_relation_size(c.oid) < 512 * 1024 * 1024""")

    def drop(self, database: str) -> None:
        with self.admin() as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")

    def version(self) -> str:
        with self.admin() as connection:
            return connection.execute("SHOW server_version").fetchone()[0]

    def close(self) -> None:
        self.postgres.remove()


def pgbench() -> Path:
    return binaries() / "pgbench"
