"""Ways beside the straight one: objection, withdrawal, merging, verification, callbacks, the draw."""

import itertools
import uuid
from datetime import timedelta

from support.machine import at_source, done, refused, registered, whistled, worked


def test_objection_once_within_15_days(m):
    case = done(m.create())
    reject = {"code": "not_ours", "basis": "b", "reason": "r"}
    done(m.case("dispatcher", "reject", case, **reject))
    refused(m.case("citizen2", "object", case, reason="r"), "not_found")
    m.clock.forward(days=15)
    again = done(m.case("citizen", "object", case, reason="r"))
    assert (again["state"], again["round"], again["registered"], again["arrive_due_at"]) == ("received", 2, False, None)
    assert again["resolve_due_at"] == m.clock.now + timedelta(minutes=30)
    done(m.case("dispatcher", "reject", case, **reject))
    refused(m.case("citizen", "object", case, reason="r"), "already_done")


def test_objection_too_late(m):
    case = done(m.create())
    done(m.case("dispatcher", "reject", case, code="not_ours", basis="b", reason="r"))
    m.clock.forward(days=15, seconds=1)
    refused(m.case("citizen", "object", case, reason="r"), "window_over")


def test_merge_then_each_reporter_takes_themselves_off(m):
    first_at = m.clock.now
    first = done(m.create("citizen", external_ref={"system": "12345", "number": "A1"}))
    m.clock.forward(minutes=10)
    second = done(m.create("citizen2"))
    done(m.case("dispatcher", "accept", second))
    done(m.case("dispatcher", "register", second, level="complex"))
    refused(m.case("dispatcher", "merge", first, into=str(first["id"]), reason="r"), "target_state")
    merged = done(m.case("dispatcher", "merge", first, into=str(second["id"]), reason="r"))
    assert (merged["state"], merged["merged_into"]) == ("merged", second["id"])
    target = m.stored(second)
    assert (target["received_at"], target["resolve_due_at"]) == (first_at, first_at + timedelta(hours=4))
    assert m.one("SELECT case_id FROM external_refs WHERE tenant = %s", m.tenant)["case_id"] == second["id"]
    assert done(m.case("citizen", "withdraw", second, reason="r"))["state"] == "registered"
    refused(m.case("citizen", "withdraw", second, reason="r"), "not_handler")
    assert done(m.case("citizen2", "withdraw", second, reason="r"))["state"] == "voided"


def test_who_withdrew_and_reported_again_is_a_reporter_again(m):
    """The later report is merged into the case that its reporter had left; what each of them is shown is their own."""
    target, other = done(m.create("citizen", reporter={"name": "王小明", "phone": "13800000001"})), done(m.create("citizen2"))
    done(m.case("dispatcher", "accept", target))
    done(m.case("dispatcher", "merge", other, into=str(target["id"]), reason="r"))
    assert done(m.case("citizen", "withdraw", target, reason="r"))["state"] == "accepted"
    assert [str(person) for person in m.stored(target)["withdrawn"]] == [m.person("citizen")]
    again = done(m.create("citizen", reporter={"name": "王小明", "phone": "13800000009"}))
    merged = done(m.case("dispatcher", "merge", again, into=str(target["id"]), reason="r"))
    assert merged["state"] == "merged" and m.audit() == []
    stored = m.stored(target)
    assert (stored["withdrawn"], stored["reporter_phone"], len(stored["reporters"])) == ([], "13800000009", 2)
    assert done(m.case("citizen2", "withdraw", target, reason="r"))["state"] == "accepted"
    assert done(m.case("citizen", "withdraw", target, reason="r"))["state"] == "voided"


def test_verification_and_another_handler(m):
    case = done(m.create())
    done(m.case("dispatcher", "accept", case))
    refused(m.case("dispatcher", "ask_verification", case, grid_worker=m.person("grid2")), "unknown_reference",
            "/grid_worker")
    done(m.case("dispatcher", "ask_verification", case, grid_worker=m.person("grid1")))
    done(m.case("grid1", "report_verification", case, found=True))
    done(m.case("dispatcher", "register", case, level="ordinary"))
    done(m.case("grid1", "start_source", case))
    refused(m.case("dispatcher", "reassign", case, handler=m.person("grid3"), reason="r"), "unknown_reference", "/handler")
    done(m.case("dispatcher", "reassign", case, handler=m.person("community_xf"), reason="r"))
    refused(m.case("grid1", "source_done", case, result="r", reply="p"), "not_handler")


def test_supervision_is_answered_by_its_addressee(m):
    case = at_source(m, "source_handling")
    done(m.case("leader", "supervise", case, opinion="Hurry"))
    supervision = str(m.one("SELECT id FROM supervisions WHERE case_id = %s", case["id"])["id"])
    refused(m.case("community_xf", "reply_supervision", case, supervision_id=supervision, text="t"), "not_handler")
    done(m.case("grid1", "reply_supervision", case, supervision_id=supervision, text="t"))
    refused(m.case("grid1", "reply_supervision", case, supervision_id=supervision, text="t"), "not_handler")


def test_urging_once_an_hour(m):
    case = done(m.create())
    assert done(m.case("citizen", "urge", case))["urge_count"] == 1
    refused(m.case("citizen", "urge", case), "already_done")
    m.clock.forward(hours=1)
    done(m.case("citizen", "urge", case))


def test_callback_is_a_rating(m):
    case = at_source(m)
    done(m.case("grid2", "check", case, point=m.point, **{"pass": True}))
    refused(m.case("supervisor", "callback", case, reached=True), "required", "/contacted")
    closed = done(m.case("supervisor", "callback", case, reached=True, contacted=True, solved="yes", satisfied=5))
    assert closed["state"] == "closed"
    last = m.events(case)[-1]
    assert (last["action"], last["role"]) == ("rate", "supervisor")


def test_failed_check_with_a_new_lead(m):
    case = whistled(m)
    worked(m, "city", m.tickets(case)[0])
    done(m.ticket("dispatcher", "approve", m.tickets(case)[0], rating=1, feedback={}))
    failed = done(m.case("grid2", "check", case, reason="no", point=m.point, **{"pass": False},
                         tickets=[{"organisation": "water", "role": "lead", "task": "Again"}]))
    assert failed["state"] == "handling"
    assert [t["role"] for t in m.tickets(case)] == ["assist", "lead"]
    assert "lead_replaced" in [e["action"] for e in m.events(case)]


def test_the_draw_leaves_some_unchecked(m):
    m.cursor.execute("INSERT INTO policies (tenant, version, valid_from, settings) VALUES (%s, 2, '2021-01-01', %s)",
                     (m.tenant, '{"check_share": {"resident_app": 50}}'))
    # The draw is a hash of the case's id: the same ids in every run, the same luck.
    m.next_id = (uuid.uuid5(uuid.NAMESPACE_URL, f"draw/{n}") for n in itertools.count()).__next__
    states = [at_source(m)["state"] for _ in range(40)]
    assert 8 < states.count("evaluating") < 32
    assert set(states) == {"checking", "evaluating"}


def test_a_case_from_nowhere_is_in_everybodys_reach(m):
    case = done(m.create(at=None, address="Somewhere"))
    refused(m.case("grid3", "accept", case), "not_in_area")
    arrived = done(m.case("grid3", "arrive", case, point=m.point))
    assert (arrived["location__lon"], arrived["area__code"]) == (m.point["lon"], "XF-01"), "it takes this point"


def test_edit_keeps_the_grid_workers_case_in_the_grid(m):
    case = done(m.create())
    there = {"lon": 125.715, "lat": 41.605}
    refused(m.case("grid1", "edit", case, reason="r", location=there), "not_in_area")
    done(m.case("dispatcher", "edit", case, reason="r", location=there))
    assert m.stored(case)["area"] == "XF-02"
    done(m.case("dispatcher", "edit", case, reason="r", location=None))
    assert m.stored(case)["area"] == "XF-02", "clearing the point leaves the area"


def test_stale_version_changes_nothing(m):
    case = registered(m)
    before = m.stored(case)
    reply = refused(m.act("case", "grid1", "start_source", case, stale=True), "precondition_failed")
    assert reply["_detail"] == {"version": before["version"]}
    assert m.stored(case) == before


def test_failed_delivery_is_seen_and_does_not_stop_the_department(m):
    case = whistled(m)
    ticket = m.tickets(case)[0]

    def delivery(failed: bool) -> bool:
        return m.one("SELECT ticket_delivery(%s, %s, %s, %s) AS new", m.tenant, ticket["id"], failed, m.clock.now)["new"]

    assert (delivery(False), delivery(True), delivery(True)) == (False, True, False)
    assert m.tickets(case)[0]["state"] == "send_failed"
    assert delivery(False)
    assert m.tickets(case)[0]["state"] == "issued"
    assert delivery(True)
    done(m.ticket("city", "sign", ticket))
