"""The three colours, and the machine of hazards: every test point of the rule, who may, and what midnight does."""

from datetime import timedelta

import pytest
from support.machine import done, refused
from support.world import PEOPLE, iso

RULE = [("hall29", False, "orange"), ("hall30", False, "red"), ("hall31", False, "red"), ("hall1000", True, "blue"),
        ("hall0", False, "orange"), ("unknown", True, "blue")]


def midnight(m, days: int = 1):
    return m.clock.now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=days)


def nodes(m, *hours):
    return [{"title": f"Step {n}", "due_at": iso(m.clock.now + timedelta(hours=n))} for n in hours]


def submitted(m, hazard, by="grid1"):
    return done(m.hazard(by, "submit", hazard, result="r", photos_after=[m.picture(by)]))


def events(m, hazard):
    return [row["action"] for row in m.all("SELECT action FROM hazard_events WHERE hazard_id = %s ORDER BY seq", hazard["id"])]


def changes(m, hazard):
    return m.all("SELECT * FROM hazard_deadline_changes WHERE hazard_id = %s ORDER BY id", hazard["id"])


@pytest.mark.parametrize("place,same_day,colour", RULE)
def test_the_rule_of_three_colours(m, place, same_day, colour):
    hazard = done(m.found(place, same_day))
    assert (hazard["colour"], hazard["state"]) == (colour, "open")
    assert hazard["due_at"] == (midnight(m) if same_day else None)


def test_an_unknown_capacity_has_no_colour(m):
    refused(m.found("unknown"), "capacity_unknown", "/place_id")
    assert not m.all("SELECT * FROM hazards WHERE tenant = %s", m.tenant)


def test_the_threshold_is_the_policys(m):
    m.one("""INSERT INTO policies (tenant, version, valid_from, settings) VALUES (%s, 2, '2021-01-01', '{"hazard_people": 31}')
          RETURNING version""", m.tenant)
    assert [done(m.found(place))["colour"] for place in ("hall30", "hall31")] == ["orange", "red"]


def test_found_in_the_future_or_nowhere(m):
    refused(m.found("hall30", found_at=iso(m.clock.now + timedelta(seconds=1))), "not_in_past", "/found_at")
    refused(m.found("nowhere"), "unknown_reference", "/place_id")
    refused(m.found("hall30", category="none"), "unknown_reference", "/category")
    refused(m.found("hall30", responsible={"organisation": "none"}), "unknown_reference", "/responsible/organisation")
    refused(m.found("hall30", photos_before=[m.picture("grid2")]), "unknown_reference", "/photos_before/0")


@pytest.mark.parametrize("who,place,code", [("grid2", "hall30", "not_in_area"), ("community_ca", "hall30", "not_in_area"),
                                            ("community_xf", "hall30", None), ("grid3", "far", None), ("property", "garage", "insufficient_role")])
def test_only_in_the_own_area(m, who, place, code):
    assert m.found(place, by=who).code == code


def test_red_is_planned_before_it_starts(m):
    hazard = done(m.found("hall31"))
    refused(m.hazard("grid1", "start", hazard), "nodes_missing")
    refused(m.hazard("grid1", "plan", hazard, nodes=nodes(m, 0)), "not_in_future", "/nodes/0/due_at")
    planned = done(m.hazard("grid1", "plan", hazard, nodes=nodes(m, 24, 48)))
    assert planned["due_at"] == m.clock.now + timedelta(hours=48)
    # Only an extension moves it.
    refused(m.hazard("grid1", "plan", hazard, nodes=nodes(m, 24, 49)), "out_of_range", "/nodes/1/due_at")
    refused(m.hazard("grid1", "plan", hazard, nodes=nodes(m, 24)), "out_of_range", "/nodes")
    again = done(m.hazard("grid1", "plan", hazard, nodes=nodes(m, 12, 36, 48)))
    assert len(again["nodes"]) == 3 and again["due_at"] == planned["due_at"]
    assert [(c["old_due"], c["cause"]) for c in changes(m, hazard)] == [(None, "plan")]
    assert done(m.hazard("grid1", "start", hazard))["state"] == "rectifying"
    assert events(m, hazard) == ["create", "plan", "plan", "start"]


def test_nodes_of_a_new_hazard(m):
    hazard = done(m.found("hall31", nodes=nodes(m, 5, 30)))
    assert hazard["due_at"] == m.clock.now + timedelta(hours=30)
    assert done(m.hazard("community_xf", "start", hazard))["started_by__id"] == m.person("community_xf")


def test_nodes_are_done_once_and_stay(m):
    hazard = done(m.found("hall31", nodes=nodes(m, 5, 30)))
    first = hazard["nodes"][0]["node_id"]
    after = done(m.hazard("grid1", "node_done", hazard, node_id=first, note="n", photos=[m.picture("grid1")]))
    assert after["nodes"][0]["note"] == "n" and len(after["nodes"][0]["photos"]) == 1
    refused(m.hazard("grid1", "node_done", hazard, node_id=first), "already_done")
    refused(m.hazard("grid1", "node_done", hazard, node_id=str(hazard["id"])), "unknown_reference", "/node_id")
    again = done(m.hazard("grid1", "plan", hazard, nodes=nodes(m, 20, 30)))
    assert [n["done_at"] is not None for n in again["nodes"]] == [True, False, False]
    refused(m.hazard("grid1", "node_done", hazard, node_id=hazard["nodes"][1]["node_id"]), "unknown_reference", "/node_id")


def test_blue_needs_no_node_and_bounds_those_it_has(m):
    hazard = done(m.found("hall1000", True))
    refused(m.hazard("grid1", "plan", hazard, nodes=nodes(m, 15)), "out_of_range", "/nodes/0/due_at")
    planned = done(m.hazard("grid1", "plan", hazard, nodes=nodes(m, 2)))
    assert planned["due_at"] == midnight(m) and not changes(m, hazard)
    assert done(m.hazard("grid1", "start", hazard))["state"] == "rectifying"


def test_submitting_wants_a_photo(m):
    hazard = done(m.found("hall1000", True))
    refused(m.hazard("grid1", "submit", hazard, result="r"), "photo_missing", "/photos_after")
    refused(m.hazard("grid1", "submit", hazard, result="r", photos_after=[m.picture("grid2")]), "unknown_reference", "/photos_after/0")
    twice = m.picture("grid1")
    refused(m.hazard("grid1", "submit", hazard, result="r", photos_after=[twice, twice.upper()]), "unknown_reference", "/photos_after/1")
    after = submitted(m, hazard)
    assert (after["state"], len(after["photos_after"]), after["rectified_at"]) == ("submitted", 1, m.clock.now)
    photo = after["photos_after"][0]["id"]
    refused(m.found("hall30", photos_before=[photo]), "unknown_reference", "/photos_before/0")


def test_who_worked_on_it_does_not_verify_it(m):
    hazard = done(m.found("hall31", nodes=nodes(m, 5)))
    done(m.hazard("community_xf", "start", hazard))
    submitted(m, hazard)
    for who in ("grid1", "community_xf", "leader"):
        assert "pass" not in done(m.call("hazard_get", who, m.clock.now, hazard["id"]))["allowed_actions"]
        refused(m.hazard(who, "pass", hazard), "worked_on_it")
    assert m.hazard("dispatcher", "pass", hazard).code == "insufficient_role"
    assert m.hazard("grid2", "pass", hazard).code == "not_found"
    after = done(m.hazard("supervisor", "pass", hazard))
    assert (after["state"], after["colour"], after["sole_person"]) == ("verified", "red", False)
    assert not after["allowed_actions"]


def test_who_found_it_or_worked_on_it_sees_it_from_elsewhere(m):
    hazard = done(m.found("hall31"))
    m.one("UPDATE grid_assignments SET valid_to = '2020-01-02', valid_from = '2020-01-01' WHERE tenant = %s AND person_id = %s RETURNING 1",
          m.tenant, m.person("grid1"))
    mine = done(m.call("hazard_get", "grid1", m.clock.now, hazard["id"]))
    assert mine["state"] == "open" and not mine["allowed_actions"]
    assert m.call("hazard_list", "grid1", m.clock.now, None, None, 10, None)["_item"]
    for who in ("grid2", "community_ca"):
        assert m.call("hazard_get", who, m.clock.now, hazard["id"]).code == "not_found"
    assert m.call("hazard_list", "grid2", m.clock.now, None, None, 10, None) is None


def test_the_finder_may_verify(m):
    """Finding is not fixing."""
    hazard = done(m.found("hall1000", True))
    submitted(m, hazard, "community_xf")
    assert done(m.hazard("grid1", "pass", hazard))["verified_by__id"] == m.person("grid1")


def test_the_sole_person_is_on_record(m):
    hazard = done(m.found("hall1000", True))
    submitted(m, hazard)
    m.one("UPDATE people SET active = false WHERE tenant = %s AND roles && '{supervisor,community}' RETURNING 1", m.tenant)
    assert done(m.hazard("leader", "pass", hazard))["sole_person"] is True
    account = m.one("SELECT * FROM accountability WHERE tenant = %s", m.tenant)
    assert (account["kind"], account["facts"]) == ("sole_person", {"hazard_id": str(hazard["id"]), "action": "pass"})


def test_without_a_leader_the_last_supervisor(m, monkeypatch):
    name, _, *rest = PEOPLE["supervisor"]
    monkeypatch.setitem(PEOPLE, "supervisor", (name, ["supervisor", "community"], *rest))
    m.one("""UPDATE people SET roles = '{supervisor,community}', areas = '{XF}' WHERE tenant = %s AND subject = 'supervisor'
          RETURNING 1""", m.tenant)
    hazard = done(m.found("hall1000", True))
    submitted(m, hazard, "supervisor")
    m.one("""UPDATE people SET active = false WHERE tenant = %s AND subject IN ('grid1', 'community_xf', 'leader', 'leader2')
          RETURNING 1""", m.tenant)
    refused(m.hazard("supervisor", "pass", hazard), "worked_on_it")
    m.one("UPDATE people SET active = false WHERE tenant = %s AND subject = 'supervisor2' RETURNING 1", m.tenant)
    assert done(m.hazard("supervisor", "pass", hazard))["sole_person"] is True


def test_a_fail_leads_back_to_work(m):
    hazard = done(m.found("hall31", nodes=nodes(m, 5)))
    submitted(m, hazard)
    after = done(m.hazard("community_xf", "fail", hazard, reason="still there"))
    assert (after["state"], after["rework_count"], after["rectified_at"]) == ("rectifying", 1, None)
    assert after["due_at"] == m.clock.now + timedelta(hours=5)
    submitted(m, hazard, "community_xf")
    assert events(m, hazard) == ["create", "submit", "fail", "submit"]


def test_states_refuse(m):
    hazard = done(m.found("hall1000", True))
    reply = refused(m.hazard("grid1", "pass", hazard), "invalid_transition")
    assert reply["_detail"] == {"state": "open", "allowed_actions": ["plan", "node_done", "start", "submit"]}
    submitted(m, hazard)
    for action, body in (("start", {}), ("plan", {"nodes": nodes(m, 1)}), ("submit", {"result": "r"})):
        refused(m.hazard("grid1", action, hazard, **body), "invalid_transition")
    stale = m.act("hazard", "supervisor", "pass", hazard, stale=True)
    assert stale.code == "precondition_failed"


def test_property_works_on_its_own_places(m):
    for place, by in (("garage", "grid1"), ("kiosk", "grid2")):
        hazard = done(m.found(place, True, by=by))
        assert done(m.hazard("property", "start", hazard))["state"] == "rectifying"
        submitted(m, hazard, "property")
    assert m.hazard("property", "start", done(m.found("hall29", True))).code == "not_found"


def looked_at(m) -> tuple[int, int]:
    """Rows and blocks of a company's list; the second time, when the session knows the tables."""
    for _ in range(2):
        plan = m.one("""EXPLAIN (ANALYZE, BUFFERS, FORMAT json) SELECT * FROM hazard_list(%s, 'property', '{property}', '{property}',
                     NULL, NULL, %s, NULL, NULL, 20, NULL)""", m.tenant, m.clock.now)["QUERY PLAN"][0]["Plan"]
    return plan["Actual Rows"], plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]


def test_a_company_finds_its_own_among_many(m):
    """What others have costs it nothing."""
    other = done(m.found("hall29"))
    done(m.found("garage"))
    alone = looked_at(m)
    m.all("""INSERT INTO hazards (tenant, id, state, colour, same_day_fixable, capacity, category, description, place_id, area, community,
                found_at, found_by, found_role, policy_version, event_seq, created_at, updated_at)
            SELECT tenant, uuid7(), 'voided', colour, same_day_fixable, capacity, category, description, place_id, area, community,
                found_at, found_by, found_role, policy_version, 0, created_at, updated_at
            FROM hazards, generate_series(1, 3000) WHERE id = %s RETURNING 1""", other["id"])
    m.cursor.execute("ANALYZE hazards")  # as a server does by itself
    among = looked_at(m)
    m.one("WITH gone AS (DELETE FROM hazards WHERE tenant = %s AND event_seq = 0) SELECT 1", m.tenant)
    assert alone[0] == among[0] == 1 and among[1] < alone[1] + 100, (alone, among)
