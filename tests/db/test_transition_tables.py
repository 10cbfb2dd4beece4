"""docs/machines.md is what the tables say; the tables hang together."""

from support.contract import ROOT
from support.machines import document


def test_the_documentation_is_the_tables(db):
    written = (ROOT / "docs" / "machines.md").read_text()
    assert written == document(db), "run script/dump-machines > docs/machines.md"


def test_every_guard_and_relation_is_explained(db):
    guards = {row[0] for row in db.execute(
        "SELECT unnest(guards) FROM case_transitions UNION SELECT unnest(guards) FROM ticket_transitions "
        "UNION SELECT unnest(guards) FROM hazard_transitions UNION SELECT unnest(guards) FROM request_kinds")}
    assert guards <= {row[0] for row in db.execute("SELECT guard FROM machine_guards")}
    relations = {row[0] for row in db.execute(
        "SELECT split_part(w, ':', 2) FROM (SELECT unnest(who) AS w FROM case_transitions UNION ALL "
        "SELECT unnest(who) FROM ticket_transitions UNION ALL SELECT unnest(who) FROM hazard_transitions "
        "UNION ALL SELECT unnest(asks) FROM request_kinds) AS x "
        "WHERE w LIKE '%:%'")}
    assert relations <= {row[0] for row in db.execute("SELECT relation FROM machine_relations")}


def test_every_state_is_reached_and_every_open_state_left(db):
    for machine in ("case", "ticket", "hazard"):
        states = {row[0]: row[1] for row in db.execute(f"SELECT state, open FROM {machine}_states")}
        targets = {row[0] for row in db.execute(f"SELECT DISTINCT to_state FROM {machine}_transitions")}
        # What an action decides itself: each of these is named where the action is carried out.
        decided = {"case": {"whistled", "handling", "checking", "evaluating", "source_handling", "voided"},
                   "ticket": {"issued", "signed", "submitted", "in_progress", "reported_in", "return_requested"}, "hazard": set()}[machine]
        assert set(states) <= targets | decided, set(states) - targets - decided
        left = {row[0] for row in db.execute(f"SELECT DISTINCT state FROM {machine}_moves WHERE to_state <> '='")}
        assert {s for s, is_open in states.items() if is_open} <= left
