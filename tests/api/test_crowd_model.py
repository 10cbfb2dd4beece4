"""What the crowd's model knows against the contract: every action of a case and a ticket, every kind of request and every decision is in
the model (support/model_rules.py), or named here with what tests it instead."""

import re

import pytest
from support.contract import ROOT
from support.crowd_chance import DECISIONS, LEGAL
from support.model_rules import CASE, REQUESTS, TICKET

ELSEWHERE = {
    "case breaches": "reads", "case deadline-changes": "reads", "case events": "reads", "ticket events": "reads",
    "case requests": "asking: the model's REQUESTS", "ticket requests": "asking: the model's REQUESTS",
    "case complaints": "leaves the case as it is: test_complaints.py",
    "request extend": "of a hazard, a machine of its own",
}  # fmt: skip
# The system's own, by the tables of docs/machines.md: how the model has them.
BY_THE_SYSTEM = {
    "create": "Rules and Case.created", "first_sign": "sign", "retake": "a return's approval, or recall", "check_sampled_out": "the policy draws every round: test_case_paths.py",
    "auto_close": "time stands still: test_clock_simulation.py", "reopen": "its request; a failed check", "suspend": "its request", "void": "its request",
    "issue": "whistle, and what takes a lead's place", "send_failed": "webhooks: test_webhook_tickets.py", "delivered": "webhooks: test_webhook_tickets.py",
    "ask_return": "its request", "keep": "a return declined or withdrawn", "return": "its request", "resume": "with the case", "lead_replaced": "a new lead",
    "promote": "a return's approval, or recall",
}  # fmt: skip


def paths(contract, prefix: str) -> set[str]:
    """The last part of each path of one object."""
    found = {path.split("/")[-1] for path in contract.document["paths"] if path.startswith(f"{prefix}/")}
    return {part.replace("-", "_") for part in found}


def table(machine: str) -> set[str]:
    """The first column of a table of docs/machines.md."""
    part = (ROOT / "docs" / "machines.md").read_text(encoding="utf-8").split(f"\n## {machine}\n")[1].split("\n## ")[0]
    return {row for row in re.findall(r"^\| (\w+) \|", part, re.M) if row not in ("action", "kind")}


@pytest.mark.parametrize("machine,model", [("case", CASE), ("ticket", TICKET)])
def test_every_action_is_in_the_model(contract, machine, model):
    known = {name.split()[1].replace("-", "_") for name in ELSEWHERE if name.startswith(f"{machine} ")}
    actions = paths(contract, f"/v1/{machine}s/{{{machine}_id}}")
    actions |= {"edit"} if "patch" in contract.document["paths"][f"/v1/{machine}s/{{{machine}_id}}"] else set()
    assert actions == {*model} | known


@pytest.mark.parametrize("machine,model", [("Case", CASE), ("Ticket", TICKET)])
def test_every_row_of_the_tables_is_in_the_model(machine, model):
    assert table(machine) - {*model} <= {*BY_THE_SYSTEM}, table(machine) - {*model} - {*BY_THE_SYSTEM}


def test_every_kind_of_request_is_in_the_model():
    known = {name.split()[1] for name in ELSEWHERE if name.startswith("request ") and name.count(" ") == 1}
    assert table("Requests") == {*REQUESTS} | known


def test_every_decision_is_in_the_model(contract):
    assert paths(contract, "/v1/requests/{request_id}") == {*DECISIONS}


def test_what_the_tables_allow_from_a_state_is_counted(db):
    """The transitions that the crowd's coverage expects are those of the tables, state by state."""
    for machine, model in (("case", CASE), ("ticket", TICKET)):
        rows = db.execute(f"SELECT state, action FROM {machine}_moves WHERE state <> '-' AND who <> '{{system}}'").fetchall()
        assert {(s, a) for s, a in rows if s != "send_failed"} == {(s, a) for m, s, a in LEGAL if m == machine and a in model}
