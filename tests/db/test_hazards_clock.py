"""What time and a change of capacity make of the colours: at the midnight, once, also after an outage, with its history."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import psycopg
import pytest
from psycopg.types.json import Jsonb
from support.machine import done, refused
from support.postgres import until
from support.world import iso, place_uuid
from test_hazards_machine import changes, events, midnight, nodes, submitted


def colours(m, hazard):
    shown = done(m.call("hazard_get", "leader", m.clock.now, hazard["id"]))["colour_history"]
    return [(c["colour"], c["cause"]) for c in shown]


def capacity(m, place: str, people: int | None, by: str = "dispatcher"):
    version = m.one("SELECT version FROM places WHERE id = %s", place_uuid(m.tenant, place))["version"]
    row = m.one("SELECT gen_random_uuid() AS id")
    return m.call("place_edit", by, row["id"], [version], m.clock.now, place_uuid(m.tenant, place), Jsonb({"capacity": people}))


def late_in_the_day(m):
    m.clock.now = m.clock.now.replace(hour=23, minute=59, second=59)


@pytest.mark.parametrize("place,colour,unknown", [("hall29", "orange", False), ("hall30", "red", False), ("unknown", "red", True)])
def test_found_a_second_before_midnight(m, place, colour, unknown):
    late_in_the_day(m)
    hazard = done(m.found(place, True))
    assert m.tick(milliseconds=999) == 0 and m.ledger(hazard)["colour"] == "blue"
    assert m.tick(milliseconds=1) == 1
    after = m.ledger(hazard)
    assert (after["colour"], after["capacity_unknown"], after["same_day_fixable"]) == (colour, unknown, False)
    assert after["due_at"] == m.clock.now + timedelta(days=1) and after["state"] == "open"
    assert colours(m, hazard) == [("blue", "create"), (colour, "midnight")]
    [node] = m.all("SELECT * FROM hazard_nodes WHERE hazard_id = %s", hazard["id"])
    assert node["due_at"] == after["due_at"] and node["planned_by"] is None
    assert [(c["old_due"], c["new_due"], c["cause"], c["role"]) for c in changes(m, hazard)] == [
        (hazard["due_at"], after["due_at"], "recolour", "system")]
    assert m.tick() == 0 and events(m, hazard) == ["create", "recolour"]
    # It may be started with that node, and is overdue the day after.
    assert done(m.hazard("grid1", "start", hazard))["overdue"] is False
    m.tick(days=1, seconds=1)
    assert done(m.call("hazard_get", "leader", m.clock.now, hazard["id"]))["overdue"] is True and m.ledger(hazard)["version"] == 3


def test_after_an_outage_as_if_it_had_been_watched(m):
    hazard = done(m.found("hall31", True))
    due = hazard["due_at"]
    assert m.tick(days=5) == 1
    after = m.ledger(hazard)
    assert (after["colour"], after["due_at"], after["updated_at"]) == ("red", due + timedelta(days=1), due)
    assert m.tick(days=1) == 0


def test_the_days_are_the_policys(m):
    m.one("""INSERT INTO policies (tenant, version, valid_from, settings) VALUES (%s, 2, '2021-01-01', '{"hazard_days": 3}')
          RETURNING version""", m.tenant)
    hazard = done(m.found("hall31", True))
    m.tick(days=1)
    assert m.ledger(hazard)["due_at"] == hazard["due_at"] + timedelta(days=3)


def test_what_was_planned_for_the_day_is_superseded(m):
    hazard = done(m.found("hall31", True, nodes=nodes(m, 1, 2)))
    first = hazard["nodes"][0]["node_id"]
    done(m.hazard("grid1", "node_done", hazard, node_id=first))
    m.tick(days=1)
    shown = done(m.call("hazard_get", "grid1", m.clock.now, hazard["id"]))["nodes"]
    assert [n["node_id"] == first for n in shown] == [True, False] and shown[1]["due_at"] == iso(m.ledger(hazard)["due_at"])


def test_who_comes_before_the_job_finds_it_recoloured(m):
    hazard = done(m.found("hall31", True))
    m.clock.forward(days=1)
    after = done(m.hazard("grid1", "start", hazard))
    assert (after["colour"], after["version"]) == ("red", 2) and events(m, hazard) == ["create", "recolour", "start"]
    assert m.tick() == 0


def test_what_it_then_is_decides_what_may_be_done(m):
    """The job has not come yet: the plan for the day is over, another one may be made, and more time asked for."""
    hazard = done(m.found("hall31", True, nodes=nodes(m, 1)))
    m.clock.forward(days=1)
    refused(m.hazard("grid1", "node_done", hazard, node_id=hazard["nodes"][0]["node_id"]), "unknown_reference", "/node_id")
    after = m.ledger(hazard)
    assert (after["colour"], after["version"]) == ("red", 2) and events(m, hazard) == ["create", "recolour"]
    done(m.hazard("grid1", "plan", hazard, nodes=nodes(m, 2, 14)))

    other = done(m.found("hall31", True))
    m.clock.forward(days=1)
    done(m.hazard("grid1", "plan", other, nodes=nodes(m, 14)))
    third = done(m.found("hall31", True))
    m.clock.forward(days=1)
    done(m.call("hazard_ask", "grid1", uuid.uuid4(), None, None, m.clock.now, third["id"],
                Jsonb({"kind": "extend", "reason": "r", "until": iso(m.clock.now + timedelta(days=2))})))
    assert m.ledger(third)["requests_pending"] == 1 and m.ledger(third)["colour"] == "red"


def test_submitted_in_time_stays_blue(m):
    late_in_the_day(m)
    hazard = done(m.found("hall31", True))
    submitted(m, hazard)
    assert m.tick(days=2) == 0
    after = done(m.hazard("supervisor", "pass", hazard))
    assert (after["state"], after["colour"], after["same_day_fixable"]) == ("verified", "blue", True)


def test_a_fail_past_the_midnight_recolours_at_once(m):
    hazard = done(m.found("hall31", True))
    submitted(m, hazard)
    m.clock.forward(days=2)
    after = done(m.hazard("supervisor", "fail", hazard, reason="no"))
    assert (after["state"], after["colour"]) == ("rectifying", "red") and after["due_at"] == midnight(m)
    assert colours(m, hazard) == [("blue", "create"), ("red", "rework")]
    assert m.tick() == 0


def test_a_fail_on_the_same_day_leaves_it_blue(m):
    hazard = done(m.found("hall31", True))
    submitted(m, hazard)
    assert done(m.hazard("supervisor", "fail", hazard, reason="no"))["colour"] == "blue"
    assert m.tick(days=1) == 1 and m.ledger(hazard)["colour"] == "red"


def test_written_down_when_its_day_was_over(m):
    yesterday = m.clock.now - timedelta(days=1)
    hazard = done(m.found("hall29", True, found_at=iso(yesterday)))
    assert (hazard["colour"], hazard["capacity_unknown"], hazard["due_at"]) == ("orange", False, midnight(m))
    assert events(m, hazard) == ["create", "recolour"]
    refused(m.found("unknown", True, found_at=iso(yesterday)), "capacity_unknown", "/place_id")


def test_what_comes_back_without_a_node_gets_one(m):
    hazard = done(m.found("hall31"))
    submitted(m, hazard)
    after = done(m.hazard("supervisor", "fail", hazard, reason="no"))
    assert (after["colour"], after["due_at"], after["state"]) == ("red", midnight(m), "rectifying")
    assert events(m, hazard) == ["create", "submit", "fail"]


def test_locked_ones_wait_for_the_next_second(m, owner_url, db):
    hazard = done(m.found("hall31", True))
    with psycopg.connect(owner_url) as other:
        other.execute("SELECT FROM whistled.hazards WHERE id = %s FOR UPDATE", (hazard["id"],))
        assert m.tick(days=1) == 0
    assert m.tick() == 1


@pytest.mark.parametrize("people,colour,unknown", [(29, "orange", False), (30, "red", False), (None, "red", True)])
def test_a_new_capacity_recolours_what_is_open(m, people, colour, unknown):
    one, two = done(m.found("hall31", nodes=nodes(m, 50))), done(m.found("hall31"))
    blue, waits = done(m.found("hall31", True)), done(m.found("hall31", nodes=nodes(m, 5)))
    submitted(m, waits)
    assert done(capacity(m, "hall31", people))["capacity"] == people
    for hazard in (one, two):
        after = m.ledger(hazard)
        assert (after["colour"], after["capacity"], after["capacity_unknown"]) == (colour, people, unknown)
        assert after["version"] == 2 and events(m, hazard) == ["create", "recolour"]
    # A due that was planned stays; what had none has the next midnight.
    assert m.ledger(one)["due_at"] == one["due_at"] and m.ledger(two)["due_at"] == midnight(m)
    assert m.ledger(blue)["colour"] == "blue" and m.ledger(waits)["capacity"] == 31
    kept = m.one("SELECT * FROM admin_events WHERE tenant = %s AND object_kind = 'place'", m.tenant)
    assert (kept["before"], kept["after"]) == ({"capacity": 31}, {"capacity": people})
    # It counts when it comes back to work.
    assert done(m.hazard("supervisor", "fail", waits, reason="no"))["colour"] == colour


def test_a_capacity_that_is_the_same_is_no_news(m):
    hazard = done(m.found("hall31"))
    assert done(capacity(m, "hall31", 31))["_version"] == 1 and m.ledger(hazard)["version"] == 1
    assert not m.all("SELECT * FROM admin_events WHERE tenant = %s", m.tenant)


def test_who_corrects_a_capacity(m):
    refused(capacity(m, "far", 3, "grid1"), "not_in_area")
    refused(capacity(m, "far", 3, "community_xf"), "not_in_area")
    assert done(capacity(m, "far", 3, "community_ca"))["capacity"] == 3


def waiting(connection) -> bool:
    connection.execute("SELECT pg_stat_clear_snapshot()")
    return bool(connection.execute("SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%hazard_act%'").fetchall())


def test_a_fail_waits_for_a_new_capacity(m, owner_url):
    """Both at once: the fail must not keep the capacity that was, for the change has passed it over."""
    hazard = done(m.found("hall31", nodes=nodes(m, 5)))
    submitted(m, hazard)
    with psycopg.connect(owner_url) as other, ThreadPoolExecutor(1) as pool:
        other.execute("UPDATE whistled.places SET capacity = 3 WHERE id = %s", (place_uuid(m.tenant, "hall31"),))
        failing = pool.submit(m.hazard, "supervisor", "fail", hazard, reason="no")
        until(lambda: waiting(other))
        other.commit()
        assert done(failing.result())["colour"] == "orange"
