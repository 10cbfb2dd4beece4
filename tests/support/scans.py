"""Whether PostgreSQL reads tables that grow from end to end: counted in the transaction itself, with all that functions and
triggers do in it."""

from contextlib import contextmanager

import psycopg

# A street has tens or hundreds of these, whatever happens in it. Every other table grows.
BOUNDED = {
    "areas", "calendar_days", "categories", "client_secrets", "clients", "dictionary_entries", "feed_positions",
    "figure_positions", "figure_progress", "grid_assignments", "history_parts", "job_leases", "migrations", "organisations", "places", "policies", "releases",
    "secrets", "tenant_entries", "tenants", "webhook_events", "webhook_progress", "webhook_secrets", "webhooks",
}


class Scans:
    def __init__(self, connection: psycopg.Connection):
        self.connection = connection
        self.parts: set[str] = set()  # partitions that the last transaction looked into

    def _seen(self) -> dict[str, int]:
        return dict(self.connection.execute(
            "SELECT relname, seq_scan FROM pg_stat_xact_user_tables WHERE schemaname = 'whistled'").fetchall())

    def _parts(self) -> dict[str, int]:
        return dict(self.connection.execute("""
            SELECT s.relname, s.seq_scan + s.idx_scan FROM pg_stat_xact_user_tables s
            JOIN pg_inherits i ON i.inhrelid = s.relid AND i.inhparent = 'whistled.case_history'::regclass""").fetchall())

    @contextmanager
    def found(self, undo: bool = False):
        """A transaction; afterwards the list has the tables that grow and were scanned in it."""
        scanned: list[str] = []
        with self.connection.transaction(force_rollback=undo):
            before, parts = self._seen(), self._parts()
            yield scanned
            after = self._seen()
            self.parts = {name for name, n in self._parts().items() if n > parts.get(name, 0)}
            scanned += sorted(name for name, n in after.items() if name not in BOUNDED and n > before.get(name, 0))
