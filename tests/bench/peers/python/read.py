"""Reads: one case, and a department's tickets."""

import json

from me import Person
from things import UUID, Call, NotMeasured, Refusal
from view import view_case, view_row


async def read_all(app, connection, call: Call, case: str, name: str = "case") -> tuple[Person, dict, dict]:
    me = Person(app, call, await app.row(connection, "person", call.tenant, call.subject))
    row = await app.row(connection, name, call.tenant, case)
    if row is None:
        raise Refusal("not_found")
    lists = await app.row(connection, "case_lists", call.tenant, case)
    c = dict(row)
    c["answers"] = json.loads(c["answers"])
    return me, c, {name: json.loads(text) for name, text in lists.items()}


async def get_case(app, call: Call):
    if not UUID.fullmatch(call.id):
        raise Refusal("not_found")
    async with app.pool.acquire() as connection:
        me, c, lists = await read_all(app, connection, call, call.id)
    if not me.sees_case(c):
        raise Refusal("not_found")
    if c["level"] == "major" or c["plan_request"]:
        raise NotMeasured
    return 200, view_case(me, c, lists, call.now), c["version"], {}


async def list_tickets(app, call: Call):
    """What a department's app asks for: its tickets, newest first, or what changed after a cursor of the feed."""
    query = call.request.query_params
    if set(query) - {"limit", "cursor"}:
        raise NotMeasured
    limit = int(query.get("limit", 20))
    payload = app.auth.open_cursor(call, query["cursor"]) if "cursor" in query else None
    if payload and not payload.startswith("feed|"):
        raise NotMeasured
    _, era, position = payload.split("|") if payload else (None, None, 0)
    async with app.pool.acquire() as connection:
        me = Person(app, call, await app.row(connection, "person", call.tenant, call.subject))
        if not me.has("department") or me.sees_all or me.scope is not None or me.org is None:
            raise NotMeasured
        end = {}
        if payload:
            end = await app.row(connection, "feed_last", call.tenant, era) or {"last_position": 0, "era": "", "upto": 0}
            if int(position) > (end["upto"] or 0):
                raise Refusal("cursor_reset")
            rows = await app.rows(connection, "ticket_feed", call.tenant, me.org, int(position), limit + 1, end["era"])
        else:
            rows = await app.rows(connection, "ticket_list", call.tenant, me.org, limit + 1)
    shown = [dict(row) for row in rows[:limit]]
    place = shown[-1]["place"] if len(rows) > limit else f"feed|{end['era']}|{end['last_position']}" if payload else None
    cursor, headers = place and app.auth.seal_cursor(call, place), {}
    if cursor:
        kept = [part for part in call.request.url.query.split("&") if part and not part.startswith("cursor=")]
        headers["Link"] = f'<{call.request.url.path}?{"&".join(kept + [f"cursor={cursor}"])}>; rel="next"'
    return 200, {"items": [view_row(me, row, call.now) for row in shown], "next_cursor": cursor}, None, headers
