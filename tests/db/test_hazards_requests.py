"""What is asked about a hazard, and what a case makes of the hazard that was referred as it."""

from datetime import timedelta

import pytest
from psycopg.types.json import Jsonb
from support.machine import at_source, done, refused
from support.world import iso, place_uuid
from test_hazards_machine import changes, events, nodes, submitted


def ask(m, subject, hazard, kind, **body):
    row = m.one("SELECT gen_random_uuid() AS id")
    return m.call("hazard_ask", subject, row["id"], None, None, m.clock.now, hazard["id"], Jsonb({"kind": kind, "reason": "r"} | body))


def later(m, **how):
    return iso(m.clock.now + timedelta(**how))


def test_an_extension_moves_the_due_and_the_last_node(m):
    hazard = done(m.found("hall31", nodes=nodes(m, 5, 30)))
    refused(ask(m, "grid1", hazard, "extend", until=later(m, hours=30)), "out_of_range", "/until")
    request = done(ask(m, "grid1", hazard, "extend", until=later(m, hours=50)))
    assert (request["hazard_id"], request["case_id"], request["state"]) == (hazard["id"], None, "pending")
    refused(ask(m, "community_xf", hazard, "extend", until=later(m, hours=60)), "request_pending")
    refused(m.decide("leader", "approve", request), "not_decider")
    refused(m.decide("dispatcher", "approve", request, handler=m.person("grid1")), "invalid_value", "/handler")
    assert m.ledger(hazard)["due_at"] == hazard["due_at"]
    done(m.decide("dispatcher", "approve", request, note="n"))
    after = done(m.call("hazard_get", "grid1", m.clock.now, hazard["id"]))
    assert after["due_at"] == m.clock.now + timedelta(hours=50) and after["nodes"][-1]["due_at"] == later(m, hours=50)
    assert [(c["cause"], c["person_id"] is not None) for c in changes(m, hazard)] == [("extend", True)]
    assert events(m, hazard) == ["create", "request", "approve", "extend"]
    refused(m.decide("dispatcher", "approve", request), "invalid_transition")


def test_what_cannot_be_extended(m):
    blue, unplanned = done(m.found("hall31", True)), done(m.found("hall31"))
    for hazard in (blue, unplanned):
        assert "extend" not in done(m.call("hazard_get", "grid1", m.clock.now, hazard["id"]))["askable_requests"]
        refused(ask(m, "grid1", hazard, "extend", until=later(m, hours=90)), "invalid_transition")
    planned = done(m.found("hall31", nodes=nodes(m, 5)))
    assert done(m.call("hazard_get", "grid1", m.clock.now, planned["id"]))["askable_requests"] == ["extend"]
    assert done(m.call("hazard_get", "community_xf", m.clock.now, planned["id"]))["askable_requests"] == ["extend", "void"]
    refused(ask(m, "grid2", planned, "extend", until=later(m, hours=90)), "not_found")


def test_a_day_that_has_come_is_not_granted(m):
    hazard = done(m.found("hall31", nodes=nodes(m, 5)))
    request = done(ask(m, "grid1", hazard, "extend", until=later(m, hours=10)))
    m.clock.forward(hours=11)
    refused(m.decide("dispatcher", "approve", request), "window_over")
    assert done(m.decide("dispatcher", "decline", request, reason="late"))["state"] == "declined"
    assert m.ledger(hazard)["due_at"] == hazard["due_at"]


def test_voiding_is_asked_by_the_community(m):
    hazard = done(m.found("hall31"))
    refused(ask(m, "grid1", hazard, "void"), "insufficient_role")
    refused(ask(m, "community_xf", hazard, "void", until=later(m, hours=1)), "invalid_value", "/until")
    request = done(ask(m, "community_xf", hazard, "void"))
    refused(m.decide("dispatcher", "approve", request), "not_decider")
    assert done(m.decide("leader", "approve", request))["state"] == "approved"
    assert m.ledger(hazard)["state"] == "voided" and events(m, hazard) == ["create", "request", "approve", "void"]


@pytest.mark.parametrize("action,state", [("decline", "declined"), ("withdraw", "withdrawn")])
def test_what_is_not_granted_changes_nothing(m, action, state):
    hazard = done(m.found("hall31"))
    request = done(ask(m, "community_xf", hazard, "void"))
    refused(m.decide("leader", "withdraw", request), "not_handler")
    reply = m.decide("leader" if action == "decline" else "community_xf", action, request, reason="no")
    assert done(reply)["state"] == state and m.ledger(hazard)["state"] == "open"
    done(ask(m, "community_xf", hazard, "void"))


def test_a_request_ends_with_the_states_for_it(m):
    hazard = done(m.found("hall31", nodes=nodes(m, 5)))
    requests = [done(ask(m, "community_xf", hazard, "void")), done(ask(m, "grid1", hazard, "extend", until=later(m, hours=9)))]
    submitted(m, hazard)
    for request in requests:
        row = m.one("SELECT * FROM requests WHERE id = %s", request["id"])
        assert (row["state"], row["decided_role"]) == ("expired", "system")
    assert sorted(events(m, hazard)[-2:]) == ["expire", "expire"] and m.ledger(hazard)["requests_pending"] == 0
    refused(ask(m, "community_xf", hazard, "void"), "invalid_transition")


def test_the_only_dispatcher_decides_the_own_request(m):
    """grid1 is made the street's only dispatcher as well."""
    m.one("UPDATE people SET active = false WHERE tenant = %s AND 'dispatcher' = ANY (roles) RETURNING 1", m.tenant)
    m.one("UPDATE people SET roles = '{dispatcher,grid_worker}' WHERE tenant = %s AND subject = 'grid1' RETURNING 1", m.tenant)
    hazard = done(m.found("hall31", nodes=nodes(m, 5)))
    request = done(ask(m, "grid1", hazard, "extend", until=later(m, hours=9)))
    who = ["dispatcher", "grid_worker"]
    row = m.one("SELECT * FROM request_act(%s, 'grid1', %s, %s, NULL, NULL, 'approve', NULL, NULL, NULL, %s, %s, '{}')",
                m.tenant, who, who, m.clock.now, request["id"])
    assert done(row)["sole_person"] is True
    assert m.one("SELECT facts ->> 'kind' AS kind FROM accountability WHERE tenant = %s", m.tenant)["kind"] == "extend"


# A case


def referred(m, by: str = "community_xf", **more):
    hazard = done(m.found("hall31"))
    after = done(m.hazard(by, "refer", hazard, **more))
    assert after["state"] == "referred"
    return hazard, m.one("SELECT * FROM cases WHERE id = %s", after["case_id"])


@pytest.mark.parametrize("by", ["community_xf", "dispatcher"])
def test_it_goes_on_as_a_case(m, by):
    hazard, case = referred(m, by, level="complex")
    assert (case["hazard_id"], case["kind"], case["category"], case["area"]) == (hazard["id"], "hazard", "litter", "XF-01")
    assert (case["state"], case["proposed_level"], case["description"]) == ("received", "complex", "d")
    refused(m.hazard("grid1", "start", hazard), "invalid_transition")
    assert m.hazard("grid1", "refer", done(m.found("hall31"))).code == "insufficient_role"


def test_the_case_lies_where_the_place_does(m):
    m.one("UPDATE places SET location = ST_SetSRID(ST_MakePoint(%s, %s), 4326), address = '7 Lake Road' WHERE id = %s RETURNING 1",
          m.point["lon"], m.point["lat"], place_uuid(m.tenant, "hall31"))
    _, case = referred(m)
    where = m.one("SELECT ST_X(point) AS lon, ST_Y(point) AS lat, address FROM cases WHERE id = %s", case["id"])
    assert where == {"lon": m.point["lon"], "lat": m.point["lat"], "address": "7 Lake Road"} and case["area"] == "XF-01"


def test_a_place_drawn_into_another_grid_takes_the_case_nowhere(m):
    m.one("UPDATE places SET location = (SELECT ST_PointOnSurface(geometry) FROM areas WHERE tenant = %s AND code = 'CA-01') "
          "WHERE id = %s RETURNING 1", m.tenant, place_uuid(m.tenant, "hall31"))
    _, case = referred(m)
    assert (case["area"], case["point"]) == ("XF-01", None)


def test_of_a_retired_place_too(m):
    hazard = done(m.found("hall31"))
    m.one("UPDATE places SET active_to = '2020-01-01' WHERE id = %s RETURNING 1", place_uuid(m.tenant, "hall31"))
    after = done(m.hazard("dispatcher", "refer", hazard))
    assert m.one("SELECT place_id, area FROM cases WHERE id = %s", after["case_id"]) == {"place_id": None, "area": "XF-01"}


def test_of_a_retired_category_not(m):
    hazard = done(m.found("hall31"))
    m.one("UPDATE categories SET active = false WHERE tenant = %s AND code = 'litter' RETURNING 1", m.tenant)
    reply = m.hazard("dispatcher", "refer", hazard)
    assert (reply.code, reply.pointer) == ("unknown_reference", None)


def test_what_intake_refuses_is_not_referred(m):
    m.one("""UPDATE categories SET questions = '[{"code": "q", "zh": "q", "en": "q", "type": "text", "required": true}]'
          WHERE tenant = %s AND code = 'litter' RETURNING 1""", m.tenant)
    hazard = done(m.found("hall31"))
    refused(m.hazard("dispatcher", "refer", hazard), "required", "/answers/q")
    assert m.ledger(hazard)["state"] == "open" and not m.all("SELECT FROM cases WHERE tenant = %s", m.tenant)
    assert done(m.hazard("dispatcher", "refer", hazard, answers={"q": "a"}))["state"] == "referred"


def closed(m, case):
    for action, body in (("accept", {}), ("register", {"level": "ordinary"}), ("start_source", {}),
                         ("source_done", {"result": "Cleared", "reply": "p"})):
        done(m.case("grid1", action, case, **body))
    done(m.case("supervisor", "check", case, **{"pass": True, "point": m.point}))
    assert m.stored(case)["state"] == "closed"


def test_a_closed_case_submits_it(m):
    hazard, case = referred(m)
    closed(m, case)
    after = m.ledger(hazard)
    assert (after["state"], after["result"], after["rectified_at"], after["submitted_by"]) == ("submitted", "Cleared", m.clock.now, None)
    refused(m.hazard("grid1", "pass", hazard), "worked_on_it")  # who cleared the case
    assert done(m.hazard("supervisor", "pass", hazard))["state"] == "verified"


@pytest.mark.parametrize("action,body", [("reject", {"code": "unclear", "basis": "b", "reason": "r"})])
def test_a_rejected_case_gives_it_back(m, action, body):
    hazard, case = referred(m)
    done(m.case("dispatcher", action, case, **body))
    assert m.ledger(hazard)["state"] == "open" and events(m, hazard) == ["create", "refer", "case_dropped"]
    assert done(m.hazard("community_xf", "refer", hazard))["case_id"] != case["id"]


def test_a_voided_case_gives_it_back(m):
    hazard, case = referred(m)
    request = done(m.ask("dispatcher", "case", case, kind="void"))
    done(m.decide("leader", "approve", request))
    assert m.ledger(hazard)["state"] == "open"


def test_a_blue_that_comes_back_after_its_midnight(m):
    hazard = done(m.found("hall31", True))
    case = {"id": done(m.hazard("community_xf", "refer", hazard))["case_id"]}
    assert m.ledger(hazard)["clock_next_at"] is None
    m.clock.forward(days=2)
    assert m.ledger(hazard)["colour"] == "blue"
    done(m.case("dispatcher", "reject", case, code="unclear", basis="b", reason="r"))
    assert (m.ledger(hazard)["colour"], m.ledger(hazard)["state"]) == ("red", "open")


def test_it_follows_what_its_case_went_up_in(m):
    hazard, case = referred(m)
    first, second = done(m.create(category="litter")), done(m.create(category="litter"))
    for target in (first, second):
        source = case if target is first else first
        done(m.case("dispatcher", "merge", source, into=str(target["id"]), reason="same"))
        assert (m.ledger(hazard)["case_id"], m.ledger(hazard)["state"]) == (target["id"], "referred")
    closed_by_source = at_source(m)  # another one's end is none of its
    assert closed_by_source and m.ledger(hazard)["state"] == "referred"
    for action, body in (("accept", {}), ("reject", {"code": "unclear", "basis": "b", "reason": "r"})):
        done(m.case("dispatcher", action, second, **body))
    assert m.ledger(hazard)["state"] == "open"


def reopened(m, case):
    request = done(m.ask("supervisor", "case", case, kind="reopen"))
    done(m.decide("leader", "approve", request, handler=m.person("grid1")))


def test_a_reopened_case_takes_it_back(m):
    hazard, case = referred(m)
    closed(m, case)
    reopened(m, case)
    assert m.ledger(hazard)["state"] == "referred" and m.ledger(hazard)["rectified_at"] is None
    done(m.case("grid1", "source_done", case, result="Again", reply="p"))
    done(m.case("supervisor", "check", case, **{"pass": True, "point": m.point}))
    assert (m.ledger(hazard)["state"], m.ledger(hazard)["result"]) == ("submitted", "Again")


def test_what_is_verified_stays_so(m):
    hazard, case = referred(m)
    closed(m, case)
    done(m.hazard("supervisor", "pass", hazard))
    reopened(m, case)
    assert m.ledger(hazard)["state"] == "verified"


def test_what_people_submitted_themselves_is_not_the_cases(m):
    hazard, case = referred(m)
    closed(m, case)
    done(m.hazard("supervisor", "fail", hazard, reason="no"))
    submitted(m, hazard)
    reopened(m, case)
    assert m.ledger(hazard)["state"] == "submitted"
