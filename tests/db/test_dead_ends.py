"""From every open state somebody's action leads on, and every request finds who decides it: a search over the tables."""

import pytest

# Roles that some active person holds. The smallest street: one dispatcher, one leader, one supervisor, one department's
# person, one grid worker, and the citizens.
STREETS = {
    "whole": {"citizen", "grid_worker", "community", "window_clerk", "dispatcher", "leader", "department", "supervisor"},
    "six people": {"citizen", "grid_worker", "dispatcher", "leader", "department", "supervisor"},
    "nobody in the field": {"citizen", "dispatcher", "leader", "department", "supervisor"},
}
# Done by the system when this request is approved, or when time comes.
BY_REQUEST = {"suspend": "suspend", "void": "void", "reopen": "reopen", "whistle": "hard_whistle", "return": "return"}
BY_TIME = {"auto_close", "resume", "keep"}


def exits(db, machine: str, state: str, roles: set[str]) -> set[str]:
    """Actions that lead out of a state, by somebody of these roles, by a request they can ask and decide, or by time."""
    kinds = {kind: (asks, decides) for kind, asks, decides in
             db.execute("SELECT kind, asks, decides FROM request_kinds").fetchall()}
    found = set()
    for action, who in db.execute(f"SELECT action, who FROM {machine}_moves WHERE state = %s AND to_state <> '='", (state,)):
        kind = BY_REQUEST.get(action)
        if {entry.split(":")[0] for entry in who} & roles or action in BY_TIME:
            found.add(action)
        elif kind:
            asks, decides = kinds[kind]
            if {entry.split(":")[0] for entry in asks} & roles and set(decides) & roles:
                found.add(action)
    return found


@pytest.mark.parametrize("street", STREETS)
@pytest.mark.parametrize("machine", ["case", "ticket"])
def test_every_open_state_has_an_exit_that_is_not_the_void(db, machine, street):
    for (state,) in db.execute(f"SELECT state FROM {machine}_states WHERE open").fetchall():
        found = exits(db, machine, state, STREETS[street])
        assert found - {"void", "suspend", "withdraw"}, f"{machine} {state} is a dead end: {found}"


@pytest.mark.parametrize("street", STREETS)
def test_every_request_that_can_be_asked_can_be_decided(db, street):
    roles = STREETS[street] | {"system"}
    for kind, subject, asks, decides in db.execute("SELECT kind, subject, asks, decides FROM request_kinds").fetchall():
        if {entry.split(":")[0] for entry in asks} & roles:
            assert set(decides) & roles, f"nobody decides {subject} {kind}"


def test_the_loop_can_be_walked_to_its_end(db):
    """Reachability: from intake every state, and from every open state closed, along rows that people can take."""
    moves = db.execute("SELECT state, action, to_state FROM case_moves").fetchall()
    decided = {"whistle": ["whistled", "handling"], "check": ["evaluating", "closed", "handling", "source_handling"],
               "check_sampled_out": ["evaluating", "closed"], "callback": ["evaluating", "closed"], "withdraw": ["voided"],
               "reopen": ["handling", "source_handling"],
               "resume": ["registered", "source_handling", "whistled", "handling"]}
    edges = {}
    for state, action, to_state in moves:
        for target in decided[action] if to_state == "?" else [state if to_state == "=" else to_state]:
            edges.setdefault(state, set()).add(target)

    def reach(start: str) -> set[str]:
        seen, todo = {start}, [start]
        while todo:
            for target in edges.get(todo.pop(), ()):
                if target not in seen:
                    seen.add(target)
                    todo.append(target)
        return seen

    states = db.execute("SELECT state, open FROM case_states").fetchall()
    assert reach("received") == {state for state, _ in states}
    for state, is_open in states:
        assert not is_open or "closed" in reach(state), state
