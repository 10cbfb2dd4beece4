"""Clocks: which run, what is due, and when somebody has to look next."""

from datetime import datetime, timedelta


def earliest(*moments: datetime | None) -> datetime | None:
    return min((moment for moment in moments if moment is not None), default=None)


def case_running(c: dict) -> list[tuple]:
    """(clock, start, due) of each that runs and is not met."""
    state, found = c["state"], []
    if state in ("checking", "evaluating", "closed", "rejected", "merged", "voided") or state == "handling" and c["tickets_unsubmitted"] == 0:
        return found
    if c["arrive_due_at"] and not c["arrived_at"]:
        found.append(("arrive", c["received_at"], c["arrive_due_at"]))
    if state == "suspended":
        return found
    if c["resolve_due_at"]:
        start = c["round_started_at"] + timedelta(seconds=c["round_suspended"])
        found.append(("resolve" if c["registered_at"] else "late_registration", start, c["resolve_due_at"]))
    if c["plan_due_at"] and not c["planned_at"]:
        found.append(("plan", c["plan_started_at"], c["plan_due_at"]))
    return found


def ticket_running(t: dict) -> list[tuple]:
    found, issued = [], t["issued_at"]
    if t["state"] in ("submitted", "closed", "returned", "recalled", "suspended"):
        return found
    if t["sign_due_at"] and not t["signed_at"]:
        found.append(("sign", issued, t["sign_due_at"]))
    if t["contact_due_at"] and not t["contacted_at"] and not t["not_contacted"]:
        found.append(("contact", issued, t["contact_due_at"]))
    if t["report_due_at"] and not t["reported_in_at"] and not t["started_at"]:
        found.append(("report", issued, t["report_due_at"]))
    if t["finish_due_at"]:
        found.append(("finish", t.get("finish_started_at", issued), t["finish_due_at"]))
    return found


def reminded(clock: str) -> str:
    """A case that waits for registration is reminded as any other."""
    return "resolve" if clock == "late_registration" else clock


def overdue_clocks(running: list[tuple], overdue_at: datetime | None, now: datetime) -> tuple[bool, list[str]]:
    if overdue_at is None or overdue_at >= now:
        return False, []
    return True, [reminded(clock) for clock, _, due in running if due < now]


def settle(row: dict, running: list[tuple], policy: dict, timer: datetime | None) -> None:
    """The earliest due time, and when the clock job has to look next. What has come meanwhile is that job's, once a second."""
    due, moments, fired = None, [timer], row["fired"]
    for name, start, ends in running:
        due, clock = earliest(due, ends), reminded(name)
        if f"{name}:breach" not in fired:
            moments.append(ends)
        stages = policy["stages"] if clock in ("resolve", "plan", "finish") else [100] if clock in ("arrive", "sign") else []
        moments += [start + (ends - start) * stage / 100 for stage in stages if f"{clock}:{stage}" not in fired]
    row["overdue_at"], row["clock_next_at"] = due, earliest(*moments)


def settle_case(c: dict, policy) -> None:
    timer = c["evaluating_at"] + policy.days("evaluate_days") if c["state"] == "evaluating" else None
    settle(c, case_running(c), policy, timer)


def settle_ticket(t: dict, policy) -> None:
    settle(t, ticket_running(t), policy, None)


def ticket_due(dictionary, c: dict, policy, clock: str, now: datetime) -> datetime:
    """A due time of a ticket issued now: by its kind, never later than the case's, never earlier than its floor."""
    if f"everyday_{clock}_minutes" in policy:
        due = now + policy.minutes(f"everyday_{clock}_minutes")
    else:
        due = dictionary.add_working_time(now, policy.days(f"everyday_{clock}_days"))
    return max(earliest(due, c["resolve_due_at"]), now + policy.minutes(f"floor_{clock}_minutes"))
