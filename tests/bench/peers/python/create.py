"""Intake."""

import re
import unicodedata

from clocks import settle_case
from me import Person
from read import read_all
from things import Call, NotMeasured, Refusal, iso, new_id, point_of, read_body, take_key
from view import view_case
from work import Work

# Fields whose work is not in the benchmark.
UNMEASURED = ("register", "start_source", "arrived", "external_ref", "attachments", "place_id", "area", "claimed_at")
WHO = ("dispatcher", "community", "grid_worker", "window_clerk", "client", "citizen")
SOURCES = {"citizen": "resident_app", "grid_worker": "patrol", "window_clerk": "window"}
GAPS = re.compile(r"[\s!-/:-@\[-`{-~\u2000-\u206f\u3000-\u303f]+")
NOTHING = dict.fromkeys((
    "registered_at", "place_id", "handler", "first_handler", "first_handler_org", "lead_ticket", "lead_org", "claimed_at", "arrived_at", "resolved_at",
    "plan_due_at", "planned_at", "state_before", "result", "reply", "reject_code", "merged_into", "review_date", "evaluating_at", "closed_at", "closed_how",
    "handler_name", "handler_role", "handler_org", "first_handler_name", "first_handler_role", "first_handler_home", "area", "community"))
ZERO = dict.fromkeys(("tickets_issued", "tickets_open", "tickets_unsubmitted", "signed_round", "rework_count", "urge_count", "callback_tries", "event_seq",
                      "round_suspended"), 0)


async def create_case(app, call: Call):
    body = read_body(app, call)
    async with app.pool.acquire() as connection, connection.transaction():
        me = Person(app, call, await app.row(connection, "person", call.tenant, call.subject))
        case = new_id()
        if done := await take_key(app, connection, call, case):
            return await replay(app, connection, call, done)
        work = await drafted(app, connection, call, me, case, body)
        if me.id is None:
            me.id = new_id()
            await app.row(connection, "person_insert", call.tenant, me.id, call.subject)
        work.case["created_by"] = me.id
        if work.role == "citizen":
            work.case["reporters"] = [me.id]
        found = await insert_case(app, connection, call, work)
        view = view_case(me, work.case, work.lists, call.now)
        view["duplicates"] = {"count": len(found)} | ({"ids": found} if me.sees_staff else {})
    return 201, view, view["version"], {"Location": f"/v1/cases/{case}"}


async def replay(app, connection, call: Call, case: str):
    """Done before under this key: the object as it is now."""
    me, c, lists = await read_all(app, connection, call, case)
    if not me.sees_case(c):
        raise Refusal("not_found")
    return 201, view_case(me, c, lists, call.now), c["version"], {"Location": f"/v1/cases/{case}", "Idempotent-Replayed": "true"}


async def drafted(app, connection, call: Call, me: Person, case: str, body: dict) -> Work:
    """The case as intake would have it, or why it may not be."""
    now, d = call.now, app.dict
    if any(body.get(name) for name in UNMEASURED) or body.get("answers"):
        raise NotMeasured
    role = next(one for one in WHO if one in me.roles)
    category = d.categories.get(body["category"])
    if category is None or not category["active"]:
        raise Refusal("unknown_reference", "/category")
    staff = role not in ("citizen", "client")
    c = NOTHING | ZERO | {
        "id": case, "version": 1, "state": "received", "kind": body["kind"], "category": body["category"], "title": body.get("title"),
        "description": body["description"], "level": "ordinary", "proposed_level": body.get("level"),
        "source": body.get("source") or SOURCES.get(role, "other"), "tags": sorted(set(body.get("tags") or ())), "answers": {}, "created_role": role,
        "created_org": me.org, "reporters": [], "withdrawn": [], "first_contact": me.id if staff else None, "first_contact_name": me.name,
        "first_contact_role": role, "first_contact_org": me.org, "workers": [], "organisations": [], "open_orgs": [], "plan_parties": [], "fired": [],
        "supervised": [], "policy_version": d.policy_version, "received_at": now, "round": 1, "round_started_at": now, "state_at": now, "updated_at": now}
    lists = {name: [] for name in ("attachments", "external_refs", "ratings", "tickets", "requests", "reporters")}
    work = Work(app, call, me, c, lists, body)
    work.role = role
    await place(app, connection, call, c, body)
    if category["required"]:
        raise Refusal("required", f"/answers/{category['required'][0]}")
    reporter(work, me, body.get("reporter"))
    c["resolve_due_at"] = now + work.policy.minutes("ordinary_minutes")
    c["arrive_due_at"] = now + work.policy.minutes("arrive_minutes") if category["on_scene"] else None
    settle_case(c, work.policy)
    return work


async def place(app, connection, call: Call, c: dict, body: dict) -> None:
    point = point_of(body, "location") or {}
    c |= {"lon": point.get("lon"), "lat": point.get("lat"), "address": body.get("address") or point.get("address")}
    if c["lon"] is None and c["address"] is None:
        raise Refusal("place_missing", "/location")
    if point and (grid := await app.row(connection, "grid", call.tenant, c["lon"], c["lat"])):
        c |= {"area": grid["code"], "community": grid["community_code"]}


def reporter(work: Work, me: Person, given: dict | None) -> None:
    """A citizen reports for themselves; staff who name nobody found it themselves."""
    citizen, said = work.role == "citizen", given or {}
    name = said.get("name") or (me.name or None if citizen else None)
    phone = said.get("phone") or (me.phone if citizen else None)
    anonymous, private = said.get("anonymous", False), said.get("private", False)
    contactable = said.get("contactable", not anonymous and (citizen or phone is not None))
    work.case |= {"reporter_name": name, "reporter_phone": phone, "reporter_anonymous": anonymous, "reporter_private": private,
                  "reporter_contactable": contactable}
    if citizen or given is not None:
        work.lists["reporters"] = [{"n": 1, "name": name, "phone": phone, "anonymous": anonymous, "private": private, "contactable": contactable,
                                    "withdrawn": False}]


async def insert_case(app, connection, call: Call, work: Work) -> list[str]:
    """The row and what hangs on it; returns the ids of what may be the same."""
    c, now = work.case, call.now
    work.happened("create", work.role, "public", None, "received", data={name: c[name] for name in ("source", "category", "proposed_level")})
    number = f"{app.dict.prefix}{iso(now)[:10].replace('-', '')}-"
    columns = ("kind", "category", "title", "description", "proposed_level", "source", "tags")
    rest = ("lon", "lat", "address", "area", "community", "created_by", "created_role", "created_org", "reporter_name", "reporter_phone",
            "reporter_anonymous", "reporter_private", "reporter_contactable", "reporters", "first_contact", "policy_version", "claimed_at", "received_at",
            "arrive_due_at", "resolve_due_at", "overdue_at", "clock_next_at")
    work.write("case_insert", c["id"], number, *(c[name] for name in columns), "{}", *(c[name] for name in rest))
    work.write("text_insert", c["id"], grams(c["title"], c["description"], c["address"]))
    for r in work.lists["reporters"]:
        r["person_id"] = c["reporters"][0] if c["reporters"] else None
        work.write("reporter_insert", c["id"], r["person_id"], r["name"], r["phone"], r["anonymous"], r["private"], r["contactable"], now)
    work.write_events(1, [])
    if c["lon"] is not None:
        work.write("duplicates", c["id"], c["category"], c["lon"], c["lat"], float(work.policy["duplicate_metres"]),
                   now - work.policy.days("duplicate_days"))
    answers = await work.flush(connection)
    c["number"] = answers[0][0]["number"]
    return [row["id"] for row in answers[-1]] if c["lon"] is not None else []


def grams(*parts: str | None) -> list[str]:
    """What a text is found by: pairs of neighbouring characters, and single ones of Chinese."""
    found = set()
    for word in GAPS.split(unicodedata.normalize("NFKC", "\n".join(part for part in parts if part is not None)).lower()):
        found.update(word[i:i + 2] for i in range(len(word) - 1))
        found.update(letter for letter in word if letter >= "\u4e00")
    return list(found)
