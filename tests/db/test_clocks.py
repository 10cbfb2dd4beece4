"""Clocks: breaches at their moment, reminders in stages, work that stands submitted, suspension."""

from datetime import datetime, time, timedelta

from support.machine import at_source, done, local, refused, registered, tickets_for, whistled, worked
from support.world import LOCAL


def minutes(n: float) -> timedelta:
    return timedelta(minutes=n)


def raised(m, case) -> list[tuple]:
    rows = m.all("SELECT * FROM supervisions WHERE case_id = %s ORDER BY raised_at, stage", case["id"])
    return [(r["clock"], r["stage"], r["addressee"], r["raised_at"]) for r in rows]


def test_a_case_nobody_looks_at(m):
    start = m.clock.now
    case = done(m.create())
    m.tick(minutes=4)
    assert m.breaches(case) == {}
    m.tick(minutes=96)
    assert m.breaches(case) == {
        ("arrive", 1): (start + minutes(5), start + minutes(5)),
        ("late_registration", 1): (start + minutes(30), start + minutes(30)),
    }
    stages = [
        ("arrive", 100, "dispatcher", start + minutes(5)),
        ("resolve", 80, "dispatcher", start + minutes(24)),
        ("resolve", 100, "dispatcher", start + minutes(30)),
        ("resolve", 120, "leader", start + minutes(36)),
    ]
    assert raised(m, case) == stages
    assert m.tick(minutes=1) == 0, "nothing twice"
    done(m.case("dispatcher", "accept", case))
    done(m.case("dispatcher", "register", case, level="ordinary"))
    assert m.breaches(case)["resolve", 1] == (start + minutes(30), m.clock.now), "a due in the past is breached at once"
    assert raised(m, case) == stages, "a stage given is not repeated in its run"


def test_upgrade_after_the_fact_erases_nothing(m):
    start = m.clock.now
    case = registered(m, "ordinary")
    m.tick(minutes=31)
    refused(m.case("dispatcher", "reclass", case, level="complex", reason="r"), "level_not_allowed")
    moved = done(m.case("leader", "reclass", case, level="complex", reason="r"))
    assert moved["resolve_due_at"] == start + timedelta(hours=4)
    assert m.breaches(case)["resolve", 1] == (start + minutes(30), start + minutes(30))
    m.tick(hours=5)
    assert m.breaches(case)["resolve", 1] == (start + minutes(30), start + minutes(30)), "one breach a run"


def test_submitted_work_is_breached_only_when_refused(m):
    start = m.clock.now
    case = at_source(m)
    m.tick(hours=1)
    assert ("resolve", 1) not in m.breaches(case)
    done(m.case("grid2", "check", case, reason="no", point=m.point, **{"pass": False}))
    assert m.breaches(case)["resolve", 1] == (start + minutes(30), m.clock.now)


def test_a_ticket_sent_back_after_its_due(m):
    case = whistled(m)
    ticket = m.tickets(case)[0]
    worked(m, "city", ticket)
    m.tick(hours=5)
    assert not {("finish", 1), ("resolve", 1)} & set(m.breaches(case))
    done(m.ticket("dispatcher", "rework", ticket, reason="r"))
    assert m.breaches(case)["finish", 1][1] == m.breaches(case)["resolve", 1][1] == m.clock.now


def test_floor_of_a_late_whistle(m):
    case = registered(m, "ordinary")
    m.clock.forward(hours=1)
    done(m.case("dispatcher", "whistle", case, kind="everyday", tickets=tickets_for("city")))
    ticket = m.tickets(case)[0]
    floors = {"sign": 10, "contact": 60, "report": 30, "finish": 60}
    assert {c: ticket[f"{c}_due_at"] for c in floors} == {c: m.clock.now + minutes(n) for c, n in floors.items()}


def test_suspension_moves_what_runs_around_the_clock(m):
    start = m.clock.now
    case = whistled(m, "city", "water")
    done(m.ticket("city", "sign", m.tickets(case)[0]))
    review = (start + timedelta(days=2)).date()
    refused(m.ask("city", "case", case, kind="suspend", review_date=str(start.date())), "out_of_range", "/review_date")
    request = done(m.ask("city", "case", case, kind="suspend", review_date=str(review)))
    refused(m.ask("dispatcher", "case", case, kind="suspend", review_date=str(review)), "request_pending")
    m.clock.forward(hours=1)
    done(m.decide("leader", "approve", request))
    assert [t["state"] for t in m.tickets(case)] == ["suspended", "suspended"]
    m.tick(days=3)
    midnight = datetime.combine(review, time(), LOCAL)
    length = midnight - (start + timedelta(hours=1))
    stored = m.stored(case)
    assert (stored["state"], stored["resolve_due_at"]) == ("handling", start + timedelta(hours=4) + length)
    lead, assist = m.tickets(case)
    assert (lead["state"], assist["state"]) == ("signed", "issued")
    assert assist["sign_due_at"] == start + timedelta(hours=1) + length
    resumed = next(e for e in m.events(case) if e["action"] == "resume")
    assert (resumed["at"], resumed["role"]) == (midnight, "system")


def test_working_days_go_on_with_what_was_left(m):
    start = m.clock.now  # a Wednesday, 10:00
    case = whistled(m, level="major")
    assert m.tickets(case)[0]["finish_due_at"] == start + timedelta(days=5), "over the weekend"
    request = done(m.ask("dispatcher", "case", case, kind="suspend", review_date=str((start + timedelta(days=3)).date())))
    m.clock.forward(hours=2)
    done(m.decide("leader", "approve", request))
    m.tick(days=2, hours=20)
    # Left at Wednesday noon: 70 hours. From Saturday 00:00 they begin to count on Monday.
    monday = datetime.combine((start + timedelta(days=5)).date(), time(), LOCAL)
    assert m.tickets(case)[0]["finish_due_at"] == monday + timedelta(hours=70)


def test_emergency_ends_a_suspension(m):
    start = m.clock.now
    case = registered(m)
    request = done(m.ask("dispatcher", "case", case, kind="suspend", review_date=str((start + timedelta(days=3)).date())))
    done(m.decide("leader", "approve", request))
    m.clock.forward(hours=1)
    whistle = done(m.case("community_xf", "whistle", case, kind="emergency", reason="r", tickets=tickets_for("city")))
    assert (whistle["state"], whistle["resolve_due_at"]) == ("whistled", start + timedelta(hours=5))


def test_plan_in_force_is_the_emergencys_due(m):
    case = done(m.create())
    done(m.case("dispatcher", "whistle", case, kind="emergency", level="major", reason="r", tickets=tickets_for("city")))
    assert m.tickets(case)[0]["finish_due_at"] is None
    due = m.clock.now + timedelta(days=4)
    step = {"what": "w", "due_at": local(due), "who": {"kind": "organisation", "id": "city"}}
    done(m.case("dispatcher", "plan", case, steps=[step]))
    done(m.decide("leader", "approve", m.pending(case, "plan")))
    assert m.stored(case)["resolve_due_at"] == m.tickets(case)[0]["finish_due_at"] == due


def test_nobody_rates_and_nobody_calls(m):
    case = at_source(m)
    done(m.case("grid2", "check", case, point=m.point, **{"pass": True}))
    began = m.clock.now
    done(m.case("supervisor", "callback", case, reached=False))
    m.tick(days=8)
    stored = m.stored(case)
    assert (stored["state"], stored["closed_how"], stored["closed_at"]) == ("closed", "unrated", began + timedelta(days=7))
    kinds = m.all("SELECT kind FROM accountability WHERE case_id = %s AND kind <> 'breach'", case["id"])
    assert [k["kind"] for k in kinds] == ["missed_callback"]
    refused(m.case("citizen", "rate", case, contacted=True, solved="yes", satisfied=5), "window_over")


def test_a_review_nobody_makes_is_put_on_record_once(m):
    case = done(m.create())
    done(m.case("community_xf", "whistle", case, kind="emergency", reason="r", tickets=tickets_for("city")))
    m.tick(hours=25)
    m.tick(hours=25)
    kinds = [k["kind"] for k in m.all("SELECT kind FROM accountability WHERE case_id = %s AND kind <> 'breach'", case["id"])]
    assert kinds == ["missed_review"]
    done(m.decide("leader", "decline", m.pending(case, "emergency_review"), reason="r"))


def test_at_the_due_moment_itself_it_is_in_time(m):
    """Within five minutes includes the fifth (Civil Code art. 1259): a breach comes right after the due moment."""
    for seconds, late in ((0, False), (0.001, True)):
        case = done(m.create(category="litter"))
        done(m.case("grid1", "accept", case))
        done(m.case("grid1", "register", case, level="ordinary"))
        done(m.case("grid1", "start_source", case))
        begun = m.clock.now
        m.clock.forward(minutes=5, seconds=seconds)
        done(m.case("grid1", "arrive", case, point=m.point))
        assert (("arrive", 1) in m.breaches(case)) == late
        m.clock.now = begun + timedelta(minutes=30, seconds=seconds)
        done(m.case("grid1", "source_done", case, result="r", reply="p"))
        m.tick(minutes=10)
        assert (("resolve", 1) in m.breaches(case)) == late
        if late:
            assert m.breaches(case)["resolve", 1] == (begun + minutes(30), begun + minutes(30)), "at the due moment, not when it was noticed"
