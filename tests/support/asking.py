"""Asking and deciding, as two people do it over the wire."""


def whistled(street, *organisations, level="complex", **more):
    """A case that the dispatcher whistled for: the first organisation leads."""
    case = street.report(category="pothole", at="XF-01", **more)
    street.dispatcher.case(case["id"], "accept")
    street.dispatcher.case(case["id"], "register", level=level)
    return street.dispatcher.case(case["id"], "whistle", kind="everyday", tickets=tickets_for(*(organisations or ("city",))))


def tickets_for(*organisations) -> list[dict]:
    return [{"organisation": o, "role": "assist" if n else "lead", "task": "Do it"} for n, o in enumerate(organisations)]


def worked(street, client, ticket_id: str):
    """Sign, report in, start, submit."""
    client.ticket(ticket_id, "sign")
    client.ticket(ticket_id, "report-in", point=street.point("XF-01"))
    client.ticket(ticket_id, "start")
    return client.ticket(ticket_id, "submit", result="Done", reply="It is done.")


def at_source(street, until="checking", **more):
    """Of grid worker one, from intake to that state."""
    case = street.report(category="litter", at="XF-01", **more)
    for state, action, body in (("accepted", "accept", {}), ("registered", "register", {"level": "ordinary"}),
                                ("source_handling", "start-source", {}),
                                ("checking", "source-done", {"result": "Swept", "reply": "It is clean."})):
        case = street.grid1.case(case["id"], action, **body)
        if state == until:
            break
    return case


def evaluating(street, **more):
    case = at_source(street, **more)
    return street.supervisor.case(case["id"], "check", point=street.point("XF-01"), **{"pass": True})


def ask(client, kind: str, thing_id: str, expect: int = 201, /, **body):
    reply = client.post(f"/v1/{kind}/{thing_id}/requests", {"reason": "Because"} | body)
    assert reply.status == expect, reply
    return reply


def decide(client, request, action: str, expect: int = 200, /, **body):
    return client.act("requests", request["id"], action, expect, **body)


def ticked(db, street, case) -> None:
    """The clock job looks at this case until nothing is left to do."""
    while db.execute("SELECT case_ticked(%s, %s, %s)", (street.tenant, case["id"], street.clock.now)).fetchone()[0]:
        pass
