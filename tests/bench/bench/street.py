"""The street that is measured: migrated, its stories told, multiplied, and with a pool of fresh tickets to act on."""

import json
import subprocess
import time
from datetime import datetime, timedelta

from support.contract import ROOT
from support.service import Service

from .cluster import Cluster
from .multiply import multiply
from .stories import GRIDS, LOCAL, PLOTS, TENANT, Story, Teller, centres, tell_all

POOL_CATEGORY = "litter"
POOL_VERSION = 2
# Tickets of the pool have a day until the first clock of theirs says something: a run does not last that long.
POOL_POLICY = {"complex_minutes": 4320, "everyday_sign_minutes": 2880, "everyday_contact_minutes": 2880}
HELD_S = 3600


def pool_story(story: Story) -> None:
    story.create().whistled(assist=False)


POOL = {"pool": (pool_story, 0, 1.0)}


def psql(cluster: Cluster, database: str, *arguments: str, user: str = "whistled_owner") -> None:
    subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", *arguments, cluster.postgres.url(user, database)],
                   check=True, stdout=subprocess.DEVNULL)


def new_policy(connection, version: int, settings: dict) -> None:
    connection.execute(
        """INSERT INTO policies (tenant, version, valid_from, settings, note)
        SELECT tenant, %s, clock_timestamp() - interval '30 minutes' + %s * interval '1 second', settings || %s::jsonb, 'bench'
        FROM policies WHERE tenant = %s AND version = 1""", (version, version, json.dumps(settings), TENANT))


def tell_pool(service: Service, connection) -> list[tuple[str, str]]:
    """Under a policy of their own; afterwards the first one's numbers hold again."""
    new_policy(connection, POOL_VERSION, POOL_POLICY)
    teller, where, told = Teller(service), centres(connection), []
    for grid in GRIDS:
        story = Story(teller, grid, where[grid], POOL_CATEGORY, datetime.now(LOCAL) - timedelta(minutes=20))
        pool_story(story)
        told.append(("pool", story.case["id"]))
    new_policy(connection, POOL_VERSION + 1, {})
    return told


class Street:
    """`stories` is the database with the stories alone; others are made from it."""

    def __init__(self, cluster: Cluster, grids: list[str] | None = None):
        self.cluster = cluster
        cluster.postgres.create_database("stories")
        service = Service(cluster.postgres, "stories", workers=1, log_level="warning")
        done = service.run("migrate")
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        demo = [word for file in sorted((ROOT / "db" / "demo").glob("*.sql")) for word in ("-f", str(file))]
        psql(cluster, "stories", "--single-transaction", *demo)
        with cluster.owner("stories") as connection:
            for lease in ("clock", "sweep"):
                connection.execute("SELECT lease_take(%s, 'bench', %s)", (lease, HELD_S))
            service.start()
            try:
                self.told = tell_all(service, connection, grids or GRIDS)
                self.pool = tell_pool(service, connection)
            finally:
                service.stop()
            connection.execute("DELETE FROM job_leases")

    def grow(self, database: str, cases: int, tickets: int, figures: bool = True) -> float:
        """A street of about so many cases, and so many fresh tickets besides; the seconds it took. Without figures the
        job that counts them is told that it has."""
        began = time.monotonic()
        self.cluster.copy("stories", database)
        # The small part first: each makes the indexes anew.
        for told, plots, wanted in ((self.pool, POOL, tickets), (self.told, PLOTS, cases)):
            if wanted:
                with self.cluster.admin(database) as connection:
                    multiply(connection, told, plots, wanted)
        with self.cluster.owner(database) as connection:
            if figures:
                connection.execute("SELECT stats_rebuild(%s)", (TENANT,))
            else:
                connection.execute("INSERT INTO figure_positions (tenant, position) SELECT tenant, last_position FROM feed_positions "
                                   "ON CONFLICT (tenant) DO UPDATE SET position = excluded.position")
        with self.cluster.admin(database) as connection:
            connection.execute("ANALYZE")
            connection.execute("CHECKPOINT")
        return time.monotonic() - began

    def audit(self, database: str) -> list:
        """What the independent checker finds; nothing is right."""
        with self.cluster.owner(database) as connection:
            return connection.execute("SELECT * FROM audit_objects(%s) LIMIT 20", (TENANT,)).fetchall()

    def size(self, database: str) -> dict:
        with self.cluster.owner(database) as connection:
            states = dict(connection.execute("SELECT state, count(*) FROM cases GROUP BY 1 ORDER BY 2 DESC").fetchall())
            names = ("cases", "tickets", "case_history", "requests", "ratings", "case_reporters")
            counts = {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names}
            size = connection.execute("SELECT pg_database_size(current_database())").fetchone()[0]
        return {"states": states, "rows": counts, "bytes": size}
