"""Who decides when posts are held by few or none; what waits in a suspension; what a merge does to a suspended target."""

from datetime import timedelta

from support.machine import done, refused, registered, tickets_for, whistled


def posts(m, **held):
    for subject in ("leader", "leader2"):
        m.cursor.execute("UPDATE people SET posts = %s WHERE tenant = %s AND subject = %s",
                         (held.get(subject, []), m.tenant, subject))


def hard(m):
    return done(m.ask("dispatcher", "case", registered(m), kind="hard_whistle", tickets=tickets_for("city")))


def test_one_approval_counts_for_all_posts_of_the_person(m):
    posts(m, leader=["secretary", "street_head"])
    request = hard(m)
    refused(m.decide("leader2", "approve", request), "not_decider")
    assert done(m.decide("leader", "approve", request))["state"] == "approved"


def test_no_post_held_any_leader(m):
    posts(m)
    assert done(m.decide("leader2", "approve", hard(m)))["state"] == "approved"


def test_other_posts_do_not_decide(m):
    posts(m, leader=["secretary"], leader2=["deputy_head"])
    request = hard(m)
    refused(m.decide("leader2", "approve", request), "not_decider")
    refused(m.decide("leader2", "decline", request, reason="r"), "not_decider")
    assert done(m.decide("leader", "approve", request))["state"] == "approved"


def test_a_hard_whistle_decided_too_late(m):
    request = hard(m)
    case = m.one("SELECT case_id AS id FROM requests WHERE id = %s", request["id"])
    done(m.case("dispatcher", "whistle", case, kind="everyday", tickets=tickets_for("city")))
    refused(m.decide("leader", "approve", request), "lead_not_closed")
    done(m.decide("leader", "decline", request, reason="r"))


def test_a_return_waits_with_its_suspended_ticket(m):
    case = whistled(m)
    ticket = m.tickets(case)[0]
    request = done(m.ask("city", "ticket", ticket, kind="return", basis="law"))
    pause = done(m.ask("dispatcher", "case", case, kind="suspend",
                       review_date=(m.clock.now + timedelta(days=3)).date().isoformat()))
    done(m.decide("leader", "approve", pause))
    assert m.tickets(case)[0]["state"] == "suspended"
    assert m.one("SELECT state FROM requests WHERE id = %s", request["id"])["state"] == "pending"
    refused(m.decide("dispatcher", "approve", request, new_lead={"organisation": "water"}), "invalid_transition")
    m.clock.forward(minutes=10)
    done(m.case("dispatcher", "resume", case))
    assert m.tickets(case)[0]["state"] == "return_requested"
    done(m.decide("dispatcher", "decline", request, reason="r"))
    ticket = m.tickets(case)[0]
    assert (ticket["state"], ticket["final"]) == ("issued", True)


def test_a_void_ends_what_is_pending(m):
    case = whistled(m)
    back = done(m.ask("city", "ticket", m.tickets(case)[0], kind="return", basis="law"))
    done(m.decide("leader", "approve", done(m.ask("dispatcher", "case", case, kind="void"))))
    states = {r["kind"]: r["state"] for r in m.all("SELECT kind, state FROM requests WHERE case_id = %s", case["id"])}
    assert states == {"return": "expired", "void": "approved"}, back["id"]


def test_merging_into_an_older_case_breaches_at_once(m):
    first = done(m.create("citizen2"))
    begun = m.clock.now
    m.clock.forward(minutes=40)
    target = registered(m, "ordinary")
    assert ("resolve", 1) not in m.breaches(target)
    done(m.case("dispatcher", "merge", first, into=str(target["id"]), reason="r"))
    assert m.stored(target)["resolve_due_at"] == begun + timedelta(minutes=30)
    assert m.breaches(target)["resolve", 1] == (begun + timedelta(minutes=30), m.clock.now)
    assert ("late_registration", 1) in m.breaches(first), "the merged case keeps its own"


def test_merging_into_a_suspended_case(m):
    target = whistled(m)
    pause = done(m.ask("dispatcher", "case", target, kind="suspend",
                       review_date=(m.clock.now + timedelta(days=3)).date().isoformat()))
    done(m.decide("leader", "approve", pause))
    m.clock.forward(hours=1)
    done(m.case("dispatcher", "merge", done(m.create("citizen2")), into=str(target["id"]), reason="r"))
    assert m.stored(target)["state"] == "suspended"
    assert len(m.stored(target)["reporters"]) == 2


def test_an_emergency_on_a_new_case_accepts_and_registers(m):
    case = done(m.create())
    done(m.case("community_xf", "whistle", case, kind="emergency", reason="r", tickets=tickets_for("city")))
    names = [e["action"] for e in m.events(case)]
    assert [n for n in names if n in ("accept", "register", "whistle")] == ["accept", "register", "whistle"]
    assert (m.stored(case)["level"], m.stored(case)["state"]) == ("complex", "whistled")
    review = m.pending(case, "emergency_review")
    assert review["due_at"] == m.clock.now + timedelta(hours=24)
    done(m.case("dispatcher", "whistle", case, kind="emergency", reason="r",
                tickets=[{"organisation": "water", "role": "assist", "task": "t"}]))
    assert m.pending(case, "emergency_review")["id"] == review["id"], "joined, not doubled"


def test_a_return_taken_back_in_a_suspension(m):
    """The ticket stays suspended, and goes on from where the return was asked."""
    case = whistled(m)
    done(m.ticket("city", "sign", m.tickets(case)[0]))
    back = done(m.ask("city", "ticket", m.tickets(case)[0], kind="return", basis="law"))
    request = done(m.ask("dispatcher", "case", case, kind="suspend", review_date=str((m.clock.now + timedelta(days=3)).date())))
    done(m.decide("leader", "approve", request))
    done(m.decide("city", "withdraw", back))
    assert (m.tickets(case)[0]["state"], m.stored(case)["tickets_open"]) == ("suspended", 1)
    done(m.case("dispatcher", "resume", case))
    ticket = m.tickets(case)[0]
    assert (ticket["state"], ticket["state_before"], ticket["final"]) == ("signed", None, False)
