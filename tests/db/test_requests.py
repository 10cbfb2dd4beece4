"""What one asks and another decides: every kind, its guards, and what both answers do."""

from datetime import timedelta

from support.machine import at_source, done, local, refused, registered, tickets_for, whistled, worked


def test_return_of_a_lead(m):
    case = whistled(m, "city", "water")
    lead, assist = m.tickets(case)
    request = done(m.ask("city", "ticket", lead, kind="return", basis="law"))
    assert m.tickets(case)[0]["state"] == "return_requested"
    assert request["due_at"] == m.clock.now + timedelta(minutes=30)
    done(m.decide("city", "withdraw", request))
    assert (m.tickets(case)[0]["state"], m.tickets(case)[0]["final"]) == ("issued", False), "withdrawn does not count"
    request = done(m.ask("city", "ticket", lead, kind="return", basis="law"))
    refused(m.decide("dispatcher", "approve", request), "lead_not_named")
    refused(m.decide("dispatcher", "approve", request, retake=m.person("grid1")), "open_tickets")
    done(m.decide("dispatcher", "approve", request, promote=str(assist["id"])))
    lead, assist = m.tickets(case)
    assert (lead["state"], assist["role"], lead["final"], assist["final"]) == ("returned", "lead", True, True)
    refused(m.ask("water", "ticket", assist, kind="return", basis="law"), "already_done")
    refused(m.ticket("dispatcher", "recall", assist, reason="r", retake=m.person("grid2")), "unknown_reference", "/retake")
    done(m.ticket("dispatcher", "recall", assist, reason="r", retake=m.person("grid1")))
    assert (m.stored(case)["state"], str(m.stored(case)["handler"])) == ("source_handling", m.person("grid1"))


def test_return_with_a_new_lead(m):
    case = whistled(m)
    request = done(m.ask("city", "ticket", m.tickets(case)[0], kind="return", basis="law"))
    done(m.decide("dispatcher", "approve", request, new_lead={"organisation": "water"}))
    old, new = m.tickets(case)
    assert (old["state"], new["state"], new["organisation"], new["role"]) == ("returned", "issued", "water", "lead")
    assert new["final"], "one approved return per whistle"


def test_return_undecided_is_declined_by_the_system(m):
    case = whistled(m)
    done(m.ticket("city", "sign", m.tickets(case)[0]))
    request = done(m.ask("city", "ticket", m.tickets(case)[0], kind="return", basis="law"))
    m.tick(minutes=31)
    ticket = m.tickets(case)[0]
    assert (ticket["state"], ticket["final"]) == ("signed", True)
    row = m.one("SELECT state, decided_role FROM requests WHERE id = %s", request["id"])
    assert (row["state"], row["decided_role"]) == ("declined", "system")


def test_return_within_four_working_hours(m):
    case = whistled(m, level="major")
    ticket = m.tickets(case)[0]
    m.clock.forward(hours=5)  # 10–12 and 13–15
    request = done(m.ask("city", "ticket", ticket, kind="return", basis="law"))
    done(m.decide("city", "withdraw", request))
    m.clock.forward(seconds=1)
    refused(m.ask("city", "ticket", ticket, kind="return", basis="law"), "window_over")


def test_delays(m):
    start = m.clock.now
    case = whistled(m, "city", "water")
    lead, assist = m.tickets(case)
    done(m.ticket("city", "sign", lead))
    done(m.ticket("water", "sign", assist))

    def ask(subject, ticket, hours):
        return m.ask(subject, "ticket", ticket, kind="delay", until=local(start + timedelta(hours=hours)))

    refused(ask("water", assist, 5), "out_of_range", "/until")
    refused(ask("city", lead, 1), "out_of_range", "/until")
    request = done(ask("city", lead, 10))
    refused(m.decide("dispatcher", "approve", request), "not_decider")
    done(m.decide("leader", "approve", request))
    assert m.stored(case)["resolve_due_at"] == start + timedelta(hours=10)
    done(m.case("leader", "reclass", case, level="ordinary", reason="r"))
    assert m.stored(case)["resolve_due_at"] == start + timedelta(hours=10), "a later approved delay stays"
    done(m.decide("dispatcher", "approve", done(ask("water", assist, 9))))
    second = done(ask("water", assist, 10))
    refused(m.decide("dispatcher", "approve", second), "not_decider")
    done(m.decide("leader", "approve", second))
    refused(ask("water", assist, 10), "already_done")
    request = done(ask("city", lead, 11))
    for action in ("report_in", "start", "submit"):
        done(m.ticket("city", action, lead, point=m.point, result="r", reply="p"))
    assert m.one("SELECT state FROM requests WHERE id = %s", request["id"])["state"] == "expired"


def test_hard_whistle_needs_every_post(m):
    case = registered(m)
    request = done(m.ask("dispatcher", "case", case, kind="hard_whistle", tickets=tickets_for("city")))
    first = done(m.decide("leader", "approve", request))
    assert (first["state"], first["version"]) == ("pending", 1), "an approval that is not the last leaves the version"
    refused(m.decide("leader", "approve", request), "already_done")
    refused(m.decide("dispatcher", "approve", request), "not_decider")
    assert done(m.decide("leader2", "approve", request))["state"] == "approved"
    assert (m.stored(case)["state"], m.tickets(case)[0]["kind"]) == ("whistled", "hard")


def test_whistle_asked_for_by_the_grid(m):
    case = registered(m, "ordinary")
    request = done(m.ask("grid1", "case", case, kind="whistle", tickets=tickets_for("city")))
    refused(m.decide("dispatcher", "approve", request, tickets=tickets_for("nowhere")), "unknown_reference",
            "/tickets/0/organisation")
    done(m.decide("dispatcher", "approve", request, tickets=tickets_for("water")))
    assert m.tickets(case)[0]["organisation"] == "water", "altered in the call"
    case = registered(m, "ordinary")
    request = done(m.ask("grid1", "case", case, kind="whistle", tickets=tickets_for("city")))
    done(m.case("dispatcher", "whistle", case, kind="everyday", tickets=tickets_for("city")))
    assert m.one("SELECT state FROM requests WHERE id = %s", request["id"])["state"] == "expired"


def test_void_recalls_what_is_open(m):
    case = whistled(m, "city", "water")
    request = done(m.ask("dispatcher", "case", case, kind="void"))
    refused(m.decide("supervisor", "approve", request), "not_decider")
    done(m.decide("leader", "approve", request))
    assert m.stored(case)["state"] == "voided"
    assert {t["state"] for t in m.tickets(case)} == {"recalled"}


def test_reopening_after_a_bad_rating(m):
    case = whistled(m)
    ticket = m.tickets(case)[0]
    worked(m, "city", ticket)
    done(m.ticket("dispatcher", "approve", ticket, rating=3, feedback={}))
    done(m.case("grid2", "check", case, point=m.point, **{"pass": True}))
    done(m.case("citizen", "rate", case, contacted=True, solved="no", satisfied=1))
    request = m.pending(case, "reopen")
    refused(m.ask("citizen", "case", case, kind="reopen"), "already_done")
    refused(m.decide("leader", "approve", request, handler=m.person("grid1")), "not_decider")
    refused(m.decide("supervisor", "approve", request), "lead_not_named")
    done(m.decide("supervisor", "approve", request, rework_tickets=[{"ticket_id": str(ticket["id"])}]))
    stored = m.stored(case)
    assert (stored["state"], stored["round"]) == ("handling", 2)
    assert stored["resolve_due_at"] == m.clock.now + timedelta(days=5), "three working days from a Wednesday"
    assert m.tickets(case)[0]["finish_run"] == 2


def test_reopening_at_the_source(m):
    case = at_source(m)
    done(m.case("grid2", "check", case, point=m.point, **{"pass": True}))
    done(m.case("citizen", "rate", case, contacted=True, solved="yes", satisfied=5))
    request = done(m.ask("citizen", "case", case, kind="reopen"))
    refused(m.decide("supervisor", "approve", request, handler=m.person("grid3")), "unknown_reference", "/handler")
    done(m.decide("supervisor", "approve", request, handler=m.person("community_xf")))
    assert (m.stored(case)["state"], m.stored(case)["round"]) == ("source_handling", 2)
    done(m.case("community_xf", "source_done", case, result="r", reply="p"))
    done(m.case("grid2", "check", case, point=m.point, **{"pass": True}))
    done(m.case("citizen", "rate", case, contacted=True, solved="yes", satisfied=5))
    m.clock.forward(days=15, seconds=1)
    refused(m.ask("citizen", "case", case, kind="reopen"), "window_over")


def test_nobody_else_is_left_to_decide(m):
    m.cursor.execute("UPDATE people SET active = false WHERE tenant = %s "
                     "AND subject NOT IN ('dispatcher', 'leader', 'grid1', 'citizen')", (m.tenant,))
    case = registered(m, "major")
    step = {"what": "w", "due_at": local(m.clock.now + timedelta(days=1)), "who": {"kind": "role", "id": "leader"}}
    done(m.case("grid1", "start_source", case))
    done(m.case("grid1", "plan", case, steps=[step]))
    done(m.decide("leader", "approve", m.pending(case, "plan")))
    step_id = m.one("SELECT step_id FROM plan_steps WHERE case_id = %s", case["id"])["step_id"]
    done(m.case("leader", "step_done", case, step_id=str(step_id)))
    done(m.case("grid1", "source_done", case, result="r", reply="p"))
    done(m.case("leader", "check", case, point=m.point, **{"pass": True}))
    check = next(e for e in m.events(case) if e["action"] == "check")
    assert check["data"]["sole_person"] is True, "the leader worked on it, and is the only one who could check"
