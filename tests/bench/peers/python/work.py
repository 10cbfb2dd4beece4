"""An action on its way: what it changes in memory, and what it writes with it."""

import json

from clocks import earliest, settle_case
from things import as_moment, new_id

# What a reader sees of a case: when none of it changes, its version stays.
READ = ("state", "level", "category", "registered_at", "handler", "first_contact", "first_handler_org", "lead_org", "resolve_due_at", "resolved_at",
        "state_before", "result", "reply", "evaluating_at", "closed_at", "closed_how")
WRITTEN = ("state", "category", "level", "registered_at", "handler", "first_contact", "first_handler_org", "workers", "lead_ticket", "lead_org",
           "organisations", "open_orgs", "tickets_issued", "tickets_open", "tickets_unsubmitted", "resolve_due_at", "resolved_at", "overdue_at",
           "clock_next_at", "state_at", "state_before", "signed_round", "result", "reply", "evaluating_at", "closed_at", "closed_how",
           "callback_tries", "event_seq", "updated_at")


class Work:
    def __init__(self, app, call, me, c: dict, lists: dict, body: dict):
        self.app, self.call, self.me, self.case, self.lists, self.body = app, call, me, c, lists, body
        self.before, self.ticket, self.role, self.changed = dict(c), None, None, False
        self.policy = app.dict.policies[c["policy_version"]]
        self.events: list[dict] = []
        self.writes: list[tuple] = []

    def happened(self, action, role, shown, before, after, note=None, ticket=None, data=None) -> None:
        """An event; members of its data that are null are left out."""
        own = role != "system"
        kept = {name: value for name, value in (data or {}).items() if value is not None}
        self.events.append({
            "ticket": ticket, "action": action, "from": before, "to": after, "person": self.me.id if own else None, "role": role,
            "org": self.me.org if own else None, "shown": shown, "note": note, "data": json.dumps(kept, ensure_ascii=False)})
        self.case["event_seq"] += 1
        self.case["updated_at"] = self.call.now

    def case_to(self, action, role, wanted, note=None, data=None) -> None:
        before = self.case["state"]
        after = before if wanted == "=" else wanted
        if after != before:
            self.case |= {"state": after, "state_at": self.call.now}
        self.happened(action, role, self.app.dict.shown[action], before, after, note, None, data)

    def ticket_to(self, action, wanted, note=None, data=None) -> None:
        t = self.ticket
        before = t["state"]
        after = before if wanted == "=" else wanted
        if after != before:
            t |= {"state": after, "state_at": self.call.now}
        t["updated_at"] = self.call.now
        self.happened(action, self.role, "staff", before, after, note, t["id"], data)

    def write(self, name, *values) -> None:
        self.writes.append((name, self.call.tenant, *values))

    def write_events(self, first: int, organisations: list[str]) -> None:
        """The events and the outbox rows, one statement each."""
        seq, c, now = [first + i for i in range(len(self.events))], self.case, self.call.now
        columns = [[event[name] for event in self.events] for name in ("ticket", "action", "from", "to", "person", "role", "org", "shown", "note", "data")]
        self.write("events_insert", c["id"], c["round"], now, seq, [new_id() for _ in seq], *columns)
        self.write("outbox_insert", c["id"], organisations, c["area"], now, seq, columns[0])

    def settle(self, changed: bool) -> None:
        """The case's own clocks and those of its tickets. Where nothing moved its own, the next moment may only be nearer."""
        c, before = self.case, self.before
        at = before["clock_next_at"]
        if not changed and c["tickets_unsubmitted"] == before["tickets_unsubmitted"] and at and at > self.call.now:
            c["clock_next_at"] = earliest(at, self.ticket and self.ticket["clock_next_at"])
            return
        settle_case(c, self.policy)
        c["clock_next_at"] = earliest(c["clock_next_at"], *(as_moment(t["clock_next_at"]) for t in self.lists["tickets"]))

    def write_case(self) -> None:
        c, before = self.case, self.before
        changed = self.changed or any(c[name] != before[name] for name in READ)
        self.settle(changed)
        c["version"] += changed
        self.write("case_update", c["id"], c["version"], *(c[name] for name in WRITTEN))
        self.write_events(before["event_seq"] + 1, list(dict.fromkeys([*c["organisations"], *before["organisations"]])))

    async def flush(self, connection) -> list:
        return [await self.app.rows(connection, name, *values) for name, *values in self.writes]
