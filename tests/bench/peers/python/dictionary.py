"""What changes so rarely that it is read at start and kept: the catalogue, the areas, the machines' tables, the policies."""

import json
import os
from datetime import date, datetime, time, timedelta
from pathlib import Path

from things import LOCAL

DAY = timedelta(days=1)


def by(rows, name: str, value=None) -> dict:
    return {row[name]: row[value] if value else dict(row) for row in rows}


def grouped(rows) -> dict[str, list[dict]]:
    found: dict[str, list[dict]] = {}
    for row in rows:
        found.setdefault(row["state"], []).append(dict(row))
    return found


class Policy(dict):
    """Numbers by name."""

    def minutes(self, name: str) -> timedelta:
        return timedelta(minutes=self[name])

    def days(self, name: str) -> timedelta:
        return timedelta(days=self[name])


class Dictionary:
    @staticmethod
    async def load(pool, sql: dict[str, str]) -> "Dictionary":
        d = Dictionary()
        contract = json.loads(Path(os.environ["BENCH_CONTRACT"]).read_text())
        d.errors, d.roles, d.bodies = contract["errors"], contract["roles"], contract["bodies"]
        d.tenant = os.environ["BENCH_TENANT"]
        async with pool.acquire() as c:
            await d.load_street(c)
            await d.load_machines(c, sql)
        return d

    async def load_street(self, c) -> None:
        street = lambda sql: c.fetch(sql + " WHERE tenant = $1", self.tenant)  # noqa: E731
        self.prefix = (await street("SELECT number_prefix FROM tenants"))[0][0]
        self.cursor_key = await c.fetchval("SELECT value FROM secrets WHERE name = 'cursor'")
        self.categories = by(await street("SELECT * FROM categories"), "code")
        for category in self.categories.values():
            category["required"] = [q["code"] for q in json.loads(category["questions"]) if q.get("required")]
        self.areas = by(await street("SELECT code, kind, name, path, community_code, organisation_code FROM areas"), "code")
        self.organisations = by(await street("SELECT code, name, active FROM organisations"), "code")
        days = await street("SELECT day, kind, active FROM calendar_days")
        self.days = {row["day"]: row["kind"] == "workday" for row in days if row["active"]}
        policies = await c.fetch("""SELECT version, (policy_defaults() || settings)::text AS settings FROM policies
            WHERE tenant = $1 AND valid_from <= clock_timestamp() ORDER BY version""", self.tenant)
        self.policies = {row["version"]: Policy(json.loads(row["settings"])) for row in policies}
        self.policy_version = policies[-1]["version"]

    async def load_machines(self, c, sql: dict[str, str]) -> None:
        self.labels = by(await c.fetch("SELECT code, zh FROM dictionary_entries WHERE dictionary = 'role'"), "code", "zh")
        self.states = by(await c.fetch("SELECT state, step, working FROM case_states"), "state")
        self.open_tickets = by(await c.fetch("SELECT state, open FROM ticket_states"), "state", "open")
        self.offers = grouped(await c.fetch(sql["case_offers"]))
        asks = await c.fetch(sql["asks"])
        self.case_asks = grouped(row for row in asks if row["subject"] == "case")
        self.ticket_asks = grouped(row for row in asks if row["subject"] == "ticket")
        self.case_moves = grouped(await c.fetch(sql["case_moves"]))
        self.ticket_moves = grouped(await c.fetch(sql["ticket_moves"]))
        self.shown = by(await c.fetch("SELECT DISTINCT ON (action) action, shown FROM case_transitions ORDER BY action, ordinal"), "action", "shown")
        self.relations = by(await c.fetch("SELECT relation, refusal FROM machine_relations"), "relation", "refusal")
        self.decides = by(await c.fetch("SELECT subject || ':' || kind AS kind, decides FROM request_kinds"), "kind", "decides")

    def below(self, codes: list[str]) -> set[str]:
        wanted = set(codes)
        return {code for code, area in self.areas.items() if not wanted.isdisjoint(area["path"])}

    def works(self, day: date) -> bool:
        return self.days.get(day, day.weekday() < 5)

    def add_working_time(self, start: datetime, left: timedelta) -> datetime:
        """Working days are counted as 24 hours each, on working days only."""
        opens = start.astimezone(LOCAL)
        while True:
            closes = datetime.combine(opens.date(), time(), LOCAL) + DAY
            if self.works(opens.date()):
                if left <= closes - opens:
                    return opens + left
                left -= closes - opens
            opens = closes
