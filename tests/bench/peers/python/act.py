"""Actions on a case and on a ticket: read and lock, check, change in memory, write."""

from clocks import settle_ticket, ticket_due
from me import may_be_called
from read import read_all
from things import UUID, Call, NotMeasured, Refusal, as_moment, iso, new_id, point_of, read_body, take_key
from view import view_case, view_ticket
from work import Work


def opened(app, call: Call, me, c: dict, lists: dict, body: dict) -> Work:
    if c["policy_version"] not in app.dict.policies or c["level"] == "major" or c["plan_request"] or lists["requests"]:
        raise NotMeasured
    return Work(app, call, me, c, lists, body)


def fresh(call: Call, version: int) -> None:
    """If-Match against the row under its lock."""
    allowed = call.request.headers.get("if-match", "*").strip()
    if allowed != "*" and str(version) not in (tag.strip().strip('"').split(".")[0] for tag in allowed.split(",")):
        raise Refusal("precondition_failed", detail={"version": version})


def precheck(app, call: Call, needs_version: bool) -> dict:
    body = read_body(app, call)
    if needs_version and "if-match" not in call.request.headers:
        raise Refusal("precondition_required")
    if not UUID.fullmatch(call.id):
        raise Refusal("not_found")
    return body


async def act_on_case(app, call: Call):
    body = precheck(app, call, True)
    async with app.pool.acquire() as connection, connection.transaction():
        work = opened(app, call, *await read_all(app, connection, call, call.id, "case_lock"), body)
        if await take_key(app, connection, call, call.id):
            raise NotMeasured
        if not work.me.sees_case(work.case):
            raise Refusal("not_found")
        fresh(call, work.case["version"])
        await check_case(work, connection)
        {"accept": accept, "register": register, "whistle": whistle, "check": passed, "rate": rate}[call.action](work)
        work.write_case()
        await work.flush(connection)
        view = view_case(work.me, work.case, work.lists, call.now)
    return 200, view, view["version"], {}


def wrong_state(work: Work, ticket: bool) -> Refusal:
    if ticket:
        detail = {"state": work.ticket["state"], "allowed_actions": work.me.ticket_actions(work.ticket, work.case, work.me.to_ticket(work.ticket, work.case))}
    else:
        detail = {"state": work.case["state"], "allowed_actions": work.me.case_actions(work.case, work.me.to_case(work.case))}
    return Refusal("invalid_transition", detail=detail)


def leads(work: Work) -> int:
    return sum(t["role"] == "lead" for t in work.body.get("tickets") or ())


def rater(work: Work) -> dict | None:
    """The reporter in whose name the caller may rate."""
    rated = {g["reporter"] for g in work.lists["ratings"] if g["round"] == work.case["round"]}
    return next((r for r in work.lists["reporters"] if not r["withdrawn"] and r["n"] not in rated and work.me.is_one(r["person_id"])), None)


def find_move(moves: list[dict], action: str, variant: str) -> dict | None:
    return next((m for m in moves if m["action"] == action and m["variant"] == variant), None)


async def check_case(work: Work, connection) -> None:
    """State, world, person, row, in this order."""
    d, me, body, c, action = work.app.dict, work.me, work.body, work.case, work.call.action
    variant = {"whistle": body.get("kind"), "check": "pass" if body.get("pass") else "fail"}.get(action, "")
    if variant in ("emergency", "fail"):
        raise NotMeasured
    move = find_move(d.case_moves.get(c["state"], []), action, variant)
    if move is None:
        raise wrong_state(work, False)
    if action == "rate" and me.id in c["reporters"] and rater(work) is None:
        raise Refusal("already_done")
    lead_open = any(t["id"] == c["lead_ticket"] and d.open_tickets[t["state"]] for t in work.lists["tickets"])
    if "lead_free" in move["guards"] and leads(work) and lead_open:
        raise Refusal("lead_not_closed")
    near = me.has("community") and c["area"] in me.areas or me.id in c["workers"] or c["community"] in me.communities and c["area"] not in me.grids
    work.role = me.acting_role(move["who"], me.to_case(c), near)
    if "level_allowed" in move["guards"] and work.role != "dispatcher" and body["level"] != "ordinary":
        raise Refusal("level_not_allowed")
    await check_row(work, connection, move)


async def check_row(work: Work, connection, move: dict) -> None:
    d, body, c, policy = work.app.dict, work.body, work.case, work.policy
    if "category" in body:
        category = d.categories.get(body["category"])
        if category is None or not category["active"] and body["category"] != c["category"]:
            raise Refusal("unknown_reference", "/category")
    if body.get("attachments"):
        raise NotMeasured
    if "lead_named" in move["guards"] and (leads(work) > 1 or leads(work) == 0 and not c["lead_ticket"]):
        raise Refusal("lead_not_named", "/tickets")
    for i, t in enumerate(body.get("tickets") or () if "organisations_known" in move["guards"] else ()):
        if not d.organisations.get(t["organisation"], {}).get("active"):
            raise Refusal("unknown_reference", f"/tickets/{i}/organisation")
    if "check_near" not in move["guards"] or not d.categories[c["category"]]["on_scene"] or c["lon"] is None:
        return
    point = point_of(body, "point")
    if not point:
        raise Refusal("required", "/point")
    metres = (await work.app.row(connection, "distance", work.call.tenant, c["id"], point["lon"], point["lat"]))[0]
    if metres > policy["check_metres"] + min(point["accuracy"], policy["check_accuracy_metres"]):
        raise Refusal("too_far", "/point")


def accept(work: Work) -> None:
    me, c = work.me, work.case
    if c["first_contact"] is None:
        c |= {"first_contact": me.id, "first_contact_name": me.name, "first_contact_role": work.role, "first_contact_org": me.org}
    work.case_to("accept", work.role, "accepted", work.body.get("note"))


def register(work: Work) -> None:
    c, body, now = work.case, work.body, work.call.now
    if body["level"] == "major" or c["resolve_cause"] in ("reopen", "delay"):
        raise NotMeasured
    c |= {"level": body["level"], "registered_at": now, "category": body.get("category", c["category"])}
    work.case_to("register", work.role, "registered", body.get("note"), {"level": c["level"], "category": c["category"]})
    due = c["round_started_at"] + work.policy.minutes(f"{c['level']}_minutes")
    if due != c["resolve_due_at"]:
        work.write("due_insert", c["id"], new_id(), c["resolve_due_at"], due, "register", now, work.me.id, work.role)
    c["resolve_due_at"] = due


def whistle(work: Work) -> None:
    c, body, now = work.case, work.body, work.call.now
    if leads(work) and c["lead_ticket"]:
        raise NotMeasured  # a new lead in place of a closed one
    to = "=" if c["state"] in ("whistled", "handling") else "handling" if c["signed_round"] == c["round"] else "whistled"
    whistle_id, reason = new_id(), body.get("reason")
    c["handler"] = None
    work.case_to("whistle", work.role, to, reason, {"kind": "everyday", "tickets": body["tickets"]})
    work.write("whistle_insert", whistle_id, c["id"], "everyday", c["round"], reason, now, work.me.id, work.role)
    for wanted in body["tickets"]:
        issue(work, whistle_id, wanted)
    count(work)


def issue(work: Work, whistle_id: str, wanted: dict) -> None:
    c, now, policy, me, role = work.case, work.call.now, work.policy, work.me, work.role
    due = lambda clock: ticket_due(work.app.dict, c, policy, clock, now)  # noqa: E731
    c["tickets_issued"] += 1
    t = {"id": new_id(), "n": c["tickets_issued"], "kind": "everyday", "role": wanted["role"], "organisation": wanted["organisation"], "state": "issued",
         "task": wanted["task"], "issued_at": now, "finish_started_at": now, "fired": [], "sign_due_at": due("sign"),
         "contact_due_at": due("contact") if may_be_called(wanted, c) else None, "report_due_at": due("report"), "finish_due_at": due("finish"),
         "signed_at": None, "contacted_at": None, "not_contacted": False, "reported_in_at": None, "started_at": None}
    settle_ticket(t, policy)
    work.write("ticket_insert", t["id"], c["id"], t["n"], whistle_id, t["kind"], t["role"], t["organisation"], t["task"], c["round"], now, me.id, role,
               t["sign_due_at"], t["contact_due_at"], t["report_due_at"], t["finish_due_at"], t["overdue_at"], t["clock_next_at"])
    work.happened("issue", role, "staff", None, "issued", None, t["id"], {name: t[name] for name in ("kind", "role", "organisation")})
    work.lists["tickets"].append(t | {"sign_due_at": iso(t["sign_due_at"]), "finish_due_at": iso(t["finish_due_at"]), "overdue": False,
                                      "submitted_at": None, "closed_round": None, "result": None, "reply": None})


def passed(work: Work) -> None:
    c, now, reason = work.case, work.call.now, work.body.get("reason")
    point = point_of(work.body, "point") or {}
    work.write("check_insert", c["id"], new_id(), c["round"], reason, now, work.me.id, work.role, point.get("lon"), point.get("lat"), point.get("accuracy"))
    c["state_before"] = None
    if any(not r["withdrawn"] and not r["anonymous"] and r["contactable"] and (r["person_id"] is None or r["person_id"] != c["handler"])
           for r in work.lists["reporters"]):
        c |= {"evaluating_at": now, "callback_tries": 0}
        work.case_to("check", work.role, "evaluating", reason, {"pass": True})
    else:
        c |= {"evaluating_at": None, "closed_at": now, "closed_how": "unrated"}
        work.case_to("check", work.role, "closed", reason, {"pass": True, "closed": "unrated"})


def rate(work: Work) -> None:
    c, now, body = work.case, work.call.now, work.body
    if body["solved"] == "no" or body["satisfied"] <= 2 or c["state"] != "evaluating":
        raise NotMeasured
    n, comment = rater(work)["n"], body.get("comment")
    answers = {name: value for name, value in body.items() if name != "comment"}
    work.write("rating_insert", c["id"], c["round"], n, work.me.id, now, body["contacted"], body["solved"], body["satisfied"], comment)
    work.lists["ratings"].append(answers | {"round": c["round"], "reporter": n, "person_id": work.me.id, "comment": comment, "rated_at": iso(now)})
    work.changed = True
    c |= {"closed_at": now, "closed_how": "rated"}
    work.case_to("rate", work.role, "closed", comment, answers)


async def act_on_ticket(app, call: Call):
    """The case is locked before its ticket, so its id is asked first."""
    body = precheck(app, call, call.action != "contact")
    async with app.pool.acquire() as connection, connection.transaction():
        found = await app.row(connection, "ticket_case", call.tenant, call.id)
        if found is None:
            raise Refusal("not_found")
        work = opened(app, call, *await read_all(app, connection, call, found["case_id"], "case_lock"), body)
        work.ticket = dict(await app.row(connection, "ticket_lock", call.tenant, call.id))
        work.ticket["state_at"] = work.ticket["updated_at"]
        if await take_key(app, connection, call, call.id):
            raise NotMeasured
        if not work.me.sees_ticket(work.ticket["organisation"], work.case):
            raise Refusal("not_found")
        fresh(call, work.ticket["version"])
        check_ticket(work)
        do_ticket(work)
        work.write_case()
        await work.flush(connection)
        view = view_ticket(work.me, work.ticket, work.case, work.lists, call.now)
    return 200, view, view["version"], {}


def check_ticket(work: Work) -> None:
    d, me, body, c, t, action = work.app.dict, work.me, work.body, work.case, work.ticket, work.call.action
    moves, category = d.ticket_moves.get(t["state"], []), d.categories[c["category"]]
    move = find_move(moves, action, "") or (None if category["on_scene"] else find_move(moves, action, "remote"))
    if move is None or action == "contact" and not may_be_called(t, c):
        raise wrong_state(work, True)
    work.role = me.acting_role(move["who"], me.to_ticket(t, c), c["area"] in me.areas)
    if body.get("attachments"):
        raise NotMeasured
    if "lead_reply" in move["guards"] and t["role"] == "lead" and not (body.get("reply") or "").strip():
        raise Refusal("required", "/reply")
    if "photo" in move["guards"] and category["photo_required"]:
        raise Refusal("photo_missing", "/attachments")
    if action == "approve" and body.get("feedback") is not None:
        check_feedback(work)


def check_feedback(work: Work) -> None:
    """The feedback that comes with the last approval, looked at as if the ticket were closed already."""
    move = find_move(work.app.dict.case_moves.get(work.case["state"], []), "feedback", "")
    if move is None:
        raise wrong_state(work, False)
    if work.case["tickets_open"] != 1:
        raise Refusal("open_tickets")
    if not work.case["lead_ticket"]:
        raise Refusal("lead_not_closed")
    work.me.acting_role(move["who"], work.me.to_case(work.case), False)


def step(t: dict, action: str, body: dict, now, case_round: int) -> tuple[str, dict]:
    """What a step changes in the ticket: the state it leads to, and what its event says."""
    if action == "sign":
        t["signed_at"] = now
        return "signed", {}
    if action == "contact":
        t["contacted_at"] = t["contacted_at"] or now
        return "=", {}
    if action == "report_in":
        point = point_of(body, "point")
        t |= {"reported_in_at": now, "point": point}
        return "reported_in", {name: point[name] for name in ("lon", "lat", "accuracy")}
    if action == "start":
        t["started_at"] = t["started_at"] or now
        return "in_progress", {}
    if action == "submit":
        t |= {"submitted_at": now, "not_contacted": t["contact_due_at"] is not None and t["contacted_at"] is None, "result": body["result"],
              "reply": body.get("reply"), "cause_code": body.get("cause_code")}
        return "submitted", {"reply": t["reply"], "cause_code": t["cause_code"]}
    t |= {"department_rating": body["rating"], "closed_at": now, "closed_round": case_round}
    return "closed", {"rating": body["rating"]}


def do_ticket(work: Work) -> None:
    me, body, action, c, t = work.me, work.body, work.call.action, work.case, work.ticket
    was = (t["state"], t["contacted_at"])
    for row in (t, c) if action != "approve" else ():
        if me.id not in row["workers"]:
            row["workers"] = [*row["workers"], me.id]
    to, data = step(t, action, body, work.call.now, c["round"])
    if action == "sign":
        c["signed_round"] = c["round"]
    work.ticket_to(action, to, body.get("result") if action == "submit" else body.get("note"), data)
    if action == "sign" and c["state"] == "whistled":  # the first signature
        if not c["first_handler"] and not c["first_handler_org"]:
            c["first_handler_org"] = c["lead_org"]
        work.case_to("first_sign", "system", "handling")
    if (t["state"], t["contacted_at"]) != was:
        t["version"] += 1
    write_ticket(work)
    count(work)
    if action == "approve" and body.get("feedback") is not None:
        feedback(work, body["feedback"])


def write_ticket(work: Work) -> None:
    t, point = work.ticket, work.ticket.get("point") or {}
    settle_ticket(t, work.policy)
    values = [t[name] for name in ("id", "version", "state", "state_at", "workers", "signed_at", "contacted_at", "not_contacted", "reported_in_at")]
    values += [point.get(name) for name in ("lon", "lat", "accuracy")]
    values += [t[name] for name in ("started_at", "submitted_at", "closed_at", "closed_round", "result", "reply", "cause_code", "department_rating",
                                    "overdue_at", "clock_next_at", "updated_at")]
    work.write("ticket_update", *values)
    brief = next(b for b in work.lists["tickets"] if b["id"] == t["id"])
    brief |= {name: t[name] for name in ("state", "submitted_at", "closed_round", "clock_next_at", "result", "reply")}


def count(work: Work) -> None:
    """What the case knows of its tickets, counted again."""
    opened_ones = [t for t in work.lists["tickets"] if work.app.dict.open_tickets[t["state"]]]
    kept = [t for t in work.lists["tickets"] if t["state"] not in ("returned", "recalled")]
    lead = next((t for t in kept if t["role"] == "lead"), {})
    work.case |= {"tickets_open": len(opened_ones), "tickets_unsubmitted": sum(t["state"] != "submitted" for t in opened_ones),
                  "open_orgs": sorted({t["organisation"] for t in opened_ones}), "organisations": sorted({t["organisation"] for t in kept}),
                  "lead_ticket": lead.get("id"), "lead_org": lead.get("organisation")}


def feedback(work: Work, body: dict) -> None:
    """办结反馈: the latest submission among the tickets closed in this round is when the work was done."""
    c = work.case
    done = [as_moment(t["submitted_at"]) for t in work.lists["tickets"]
            if t["state"] == "closed" and t["closed_round"] == c["round"] and t["submitted_at"]]
    lead = next(t for t in work.lists["tickets"] if t["id"] == c["lead_ticket"])
    c |= {"resolved_at": max(done, default=work.call.now), "result": lead["result"], "reply": body.get("reply") or lead["reply"],
          "state_before": "handling"}
    work.case_to("feedback", work.role, "checking", c["reply"], {"note": body.get("note")})
