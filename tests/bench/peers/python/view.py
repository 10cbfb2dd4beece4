"""A case and a ticket as the API answers them."""

from clocks import case_running, overdue_clocks, ticket_running
from me import Person, askable, mask_name, mask_phone
from things import iso


def organisation(d, code: str) -> dict:
    return {"code": code, "name": d.organisations[code]["name"] if code in d.organisations else code}


def area(d, code: str | None) -> dict | None:
    return code and {"code": code, "name": d.areas[code]["name"]}


def org_party(d, code: str | None) -> dict | None:
    return {"kind": "organisation", "id": code, "name": organisation(d, code)["name"]} if code else None


def role_party(d, role: str) -> dict:
    return {"kind": "role", "id": role, "name": d.labels.get(role, role)}


def staff_party(d, me: Person, person: str | None, name: str | None, role: str | None, org: str | None) -> dict | None:
    """A person who acts for the street: citizens and clients see the organisation, else the role."""
    if person is None:
        return None
    if me.sees_staff or me.is_one(person):
        return {"kind": "person", "id": person, "name": mask_name(name) if me.has("auditor") else name}
    return org_party(d, org) or role_party(d, role)


def location(c: dict) -> dict | None:
    return None if c["lon"] is None else {"lon": c["lon"], "lat": c["lat"], "coord_sys": "wgs84", "address": c["address"]}


def shown_reporter(me: Person, c: dict) -> dict | None:
    name, phone = c["reporter_name"], c["reporter_phone"]
    flags = {"anonymous": c["reporter_anonymous"], "private": c["reporter_private"], "contactable": c["reporter_contactable"]}
    if name is None and phone is None and not c["reporters"] and not any(flags.values()):
        return None
    if c["reporter_anonymous"]:
        name = phone = None
    elif not me.sees_reporter(c):
        name, phone = mask_name(name), mask_phone(phone)
    return {"name": name, "phone": phone} | flags


def reporter_of(me: Person, c: dict, lists: dict) -> dict | None:
    """First reporter, or for a citizen the own entry."""
    if me.has("citizen") and me.id in c["reporters"]:
        for own in lists["reporters"]:
            if me.is_one(own["person_id"]):
                return {name: own[name] for name in ("name", "phone", "anonymous", "private", "contactable")}
    return shown_reporter(me, c)


def attachments_seen(me: Person, seen: str, lists: dict, ticket: str | None = None) -> list[dict]:
    return [{name: a[name] for name in ("id", "content_type", "size", "stage")} for a in lists["attachments"]
            if (a["ticket_id"] is None or seen == "all" or seen == "own" and a["organisation"] == me.org)
            and (me.sees_staff or a["stage"] in ("intake", "result")) and ticket in (None, a["ticket_id"])]


def request_seen(me: Person, c: dict, lists: dict, r: dict) -> bool:
    if me.owner_sees(c) and me.within(c["area"]):
        mine = {x["n"] for x in lists["reporters"] if me.is_one(x["person_id"])}
        if me.is_one(r["asked_by"]) or r["reporter"] in mine or any(j["reporter"] in mine for j in r["joined"] or ()):
            return True
    if r["ticket_id"] is None:
        return me.staff_sees(c)
    return any(t["id"] == r["ticket_id"] and me.sees_ticket(t["organisation"], c) for t in lists["tickets"])


def decidable(d, me: Person, r: dict) -> bool:
    """Who asked does not decide; that somebody else can is taken for granted in a benchmark's street."""
    if r["kind"] == "reopen":
        decides = ["leader" if r["asked_role"] == "supervisor" else "supervisor"]
    else:
        decides = d.decides.get(f"{'case' if r['ticket_id'] is None else 'ticket'}:{r['kind']}", [])
    return me.has(*decides) and not me.is_one(r["asked_by"])


def requests_seen(d, me: Person, c: dict, lists: dict, ticket: str | None = None) -> list[dict]:
    shown = ("id", "kind", "state", "ticket_id", "asked_at", "due_at")
    return [{name: r[name] for name in shown} | {"decidable": decidable(d, me, r)} for r in lists["requests"]
            if ticket in (None, r["ticket_id"]) and request_seen(me, c, lists, r)]


def tickets_view(d, me: Person, c: dict, lists: dict, seen: str) -> list[dict]:
    found = []
    for t in lists["tickets"]:
        short = {"role": t["role"], "organisation": organisation(d, t["organisation"]), "state": t["state"]}
        if seen == "all" or t["organisation"] == me.org:
            rest = {name: t[name] for name in ("kind", "task", "sign_due_at", "finish_due_at", "overdue")}
            short = {"id": t["id"], "number": f"{c['number']}-{t['n']}"} | short | rest
        found.append(short)
    return found


def view_case(me: Person, c: dict, lists: dict, now) -> dict:
    d, seen = me.dict, me.tickets_seen(c)
    overdue, clocks = overdue_clocks(case_running(c), c["overdue_at"], now)
    handler = org_party(d, c["lead_org"]) if c["state"] in ("whistled", "handling") else \
        staff_party(d, me, c["handler"], c["handler_name"], c["handler_role"], c["handler_org"])
    first = org_party(d, c["first_handler_org"]) or \
        staff_party(d, me, c["first_handler"], c["first_handler_name"], c["first_handler_role"], c["first_handler_home"])
    view = {
        "id": c["id"], "number": c["number"], "version": c["version"], "state": c["state"], "step": d.states[c["state"]]["step"], "kind": c["kind"],
        "category": {"code": c["category"], "name": d.categories[c["category"]]["name"]}, "title": c["title"], "description": c["description"],
        "level": c["level"], "proposed_level": c["proposed_level"], "registered": c["registered_at"] is not None, "source": c["source"],
        "location": location(c), "address": c["address"], "place_id": c["place_id"], "area": area(d, c["area"]),
        "community": area(d, c["community"]), "reporter": reporter_of(me, c, lists), "tags": c["tags"],
        "attachments": attachments_seen(me, seen, lists), "external_refs": lists["external_refs"], "answers": c["answers"],
        "claimed_at": iso(c["claimed_at"]), "received_at": iso(c["received_at"]), "round": c["round"],
        "round_started_at": iso(c["round_started_at"]), "handler": handler,
        "first_contact": staff_party(d, me, c["first_contact"], c["first_contact_name"], c["first_contact_role"], c["first_contact_org"]),
        "first_handler": first,
    }
    for name in ("arrive_due_at", "arrived_at", "resolve_due_at", "resolved_at", "plan_due_at", "planned_at"):
        view[name] = iso(c[name])
    rejection = c["reject_code"] and {"code": c["reject_code"], "basis": c["reject_basis"], "reason": c["reject_reason"]}
    ratings = [{name: r[name] for name in ("contacted", "solved", "satisfied", "comment", "rated_at")} for r in lists["ratings"]
               if r["round"] == c["round"] and (me.sees_staff or me.is_one(r["person_id"]))]
    view |= {"overdue": overdue, "overdue_clocks": clocks, "plan": None, "result": c["result"], "reply": c["reply"], "rejection": rejection,
             "merged_into": c["merged_into"], "review_date": c["review_date"], "ratings": ratings}
    if seen != "none":
        view["tickets"] = tickets_view(d, me, c, lists, seen)
    view |= {"requests": requests_seen(d, me, c, lists), "rework_count": c["rework_count"], "urge_count": c["urge_count"]}
    if c["state"] == "evaluating":
        view["callback_tries"] = c["callback_tries"]
    relations = me.to_case(c)
    return view | {"policy_version": c["policy_version"], "updated_at": iso(c["updated_at"]), "allowed_actions": me.case_actions(c, relations),
                   "askable_requests": askable(d.case_asks, c["state"], relations)}


TIMES = ("sign_due_at", "contact_due_at", "report_due_at", "finish_due_at", "signed_at", "contacted_at", "reported_in_at", "started_at",
         "submitted_at", "closed_at")


def view_item(me: Person, t: dict, c: dict, relations: set[str], reporter: dict | None, now) -> dict:
    """The parts that a list and a single ticket have in common."""
    d = me.dict
    overdue, clocks = overdue_clocks(ticket_running(t), t["overdue_at"], now)
    case = {
        "title": c["title"], "description": c["description"], "kind": c["kind"],
        "category": {"code": c["category"], "name": d.categories[c["category"]]["name"]}, "level": c["level"], "state": c["state"],
        "location": location(c), "address": c["address"], "area": area(d, c["area"]), "community": area(d, c["community"]), "reporter": reporter,
        "received_at": iso(c["received_at"]), "resolve_due_at": iso(c["resolve_due_at"]),
    }
    issuer = staff_party(d, me, t["issued_by"], t["issuer_name"], t["issued_role"], None) or role_party(d, t["issued_role"])
    view = {
        "id": t["id"], "number": f"{c['number']}-{t['n']}", "version": t["version"], "case_id": t["case_id"], "case_number": c["number"],
        "kind": t["kind"], "role": t["role"], "organisation": organisation(d, t["organisation"]), "state": t["state"], "task": t["task"],
        "case": case, "round": t["round"], "issued_at": iso(t["issued_at"]), "issued_by": issuer,
    }
    for name in TIMES:
        view[name] = iso(t[name])
    return view | {
        "overdue": overdue, "overdue_clocks": clocks, "cause_code": t["cause_code"], "not_contacted": t["not_contacted"],
        "department_rating": t["department_rating"], "rework_count": t["rework_count"], "final": t["final"], "updated_at": iso(t["updated_at"]),
        "allowed_actions": me.ticket_actions(t, c, relations),
    }


def view_ticket(me: Person, t: dict, c: dict, lists: dict, now) -> dict:
    relations = me.to_ticket(t, c)
    return view_item(me, t, c, relations, reporter_of(me, c, lists), now) | {
        "result": t["result"], "reply": t["reply"], "attachments": attachments_seen(me, me.tickets_seen(c), lists, t["id"]),
        "requests": requests_seen(me.dict, me, c, lists, t["id"]), "askable_requests": askable(me.dict.ticket_asks, t["state"], relations)}


def view_row(me: Person, row: dict, now) -> dict:
    """A row of a list has the ticket's and the case's columns side by side."""
    c = row | {"kind": row["case_kind"], "state": row["case_state"], "handler": None}
    return view_item(me, row, c, me.to_ticket(row, c), shown_reporter(me, c), now)
