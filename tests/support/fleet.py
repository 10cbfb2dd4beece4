"""Instances of the service that are killed between any two steps, and what must hold of webhooks whatever died when."""

from collections import defaultdict

import psycopg

from .audit import assert_audit
from .contract import Contract
from .hooks import Hooks, wait
from .postgres import Postgres
from .service import Service
from .world import Clock, Street, build_world

SETTINGS = {"webhook_allow": "127.0.0.0/8", "webhook_ports": "1024-65535", "webhook_timeout_ms": 2000}
GATE = 4711  # an advisory lock: who holds it stops the sender at a step
STEPS = ["ticket.issued", "ticket.signed", "ticket.reported_in", "ticket.started", "ticket.submitted"]


class Fleet:
    """A cluster and a service that are going to be hurt, and a superuser's view."""

    def __init__(self, instances: int = 1):
        self.postgres = Postgres(durable=True)
        self.postgres.start()
        self.postgres.create_database("main")
        self.services = [Service(self.postgres, "main", **SETTINGS) for _ in range(instances)]
        assert self.services[0].run("migrate").returncode == 0
        build_world(self.postgres.url("whistled_owner", "main"), "street")
        for service in self.services:
            service.start()
        self.service, self.contract, self.clock = self.services[0], Contract(), Clock()
        self.street = Street(self.service, self.contract, self.clock, "street")
        self.db = self.connect()
        self.hooks, self.gates = Hooks(self.db), []

    def connect(self) -> psycopg.Connection:
        connection = psycopg.connect(self.postgres.url("postgres", "main"), autocommit=True)
        schema = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'api\\_%'").fetchone()[0]
        connection.execute(f"SET search_path = {schema}, whistled, public")
        return connection

    def kill(self, service: Service | None = None) -> None:
        service = service or self.service
        service.process.kill()
        service.process.wait()

    def forget(self) -> None:
        """The dead instance's lease need not run out in the tests' time."""
        self.db.execute("UPDATE job_leases SET until = clock_timestamp() - interval '1 ms'")

    def end(self) -> None:
        for receiver in self.hooks.receivers:
            receiver.stop()
        for service in self.services:
            assert service.process.poll() is not None or service.stop() == 0, service.log_text()[-4000:]
        self.db.close()
        assert_audit(self.postgres.url("whistled_owner", "main"))
        self.postgres.remove()


class Gate:
    """Holds the sender where it writes to a table, until it is opened."""

    def __init__(self, own: Fleet, table: str, when: str):
        self.own, self.table = own, table
        self.holder = own.connect()
        self.holder.execute("SELECT pg_advisory_lock(%s)", (GATE,))
        own.gates.append(self)
        self.holder.execute("CREATE OR REPLACE FUNCTION whistled.gate() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER "
                            "SET lock_timeout = 0 AS $$ BEGIN "
                            f"PERFORM pg_advisory_xact_lock_shared({GATE}); RETURN coalesce(NEW, OLD); END $$")
        self.holder.execute(f"CREATE TRIGGER gate {when} ON whistled.{table} FOR EACH ROW EXECUTE FUNCTION whistled.gate()")

    def waiting(self) -> list[int]:
        return [row[0] for row in self.own.db.execute(
            "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND NOT granted", (GATE,))]

    def open(self, lost: bool) -> None:
        """The sender is dead; its transaction is lost with it, or is committed all the same."""
        if lost:
            for pid in self.waiting():
                self.own.db.execute("SELECT pg_terminate_backend(%s)", (pid,))
            wait(lambda: not self.waiting(), "the end of the dead one's backend")
        self.remove()

    def remove(self) -> None:
        if not self.holder.closed:
            self.holder.execute("SELECT pg_advisory_unlock(%s)", (GATE,))
            wait(lambda: not self.waiting(), "the open gate")
            self.holder.execute(f"DROP TRIGGER gate ON whistled.{self.table}")
            self.holder.close()


def everything(own: Fleet, hook, n: int):
    rows = own.db.execute("SELECT id::text, state FROM webhook_messages WHERE webhook_id = %s", (hook.id,)).fetchall()
    return len(rows) == n and {state for _, state in rows} == {"delivered"} and {message for message, _ in rows}


def in_order(hook, tickets: list[str]) -> None:
    """No message of a ticket was sent before the one before it had been received."""
    arrived, ids = defaultdict(list), {}
    for received in list(hook.receiver.got):
        done = arrived[received.ticket]
        place = STEPS.index(received.type)
        assert place <= len(done), f"{received.type} of {received.ticket} came when only {done} had arrived"
        assert ids.setdefault((received.ticket, received.type), received.id) == received.id, "a second id"
        if received.status == 204 and place == len(done):
            done.append(received.type)
    assert {t: arrived[t] for t in tickets} == {t: STEPS for t in tickets}
