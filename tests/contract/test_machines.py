"""The contract against the machines as the database has them: who may, what may be refused, what every enum holds."""

import re

import pytest
from support.contract import Contract

CONTRACT = Contract()
MACHINES = {"cases": "case_transitions", "tickets": "ticket_transitions", "hazards": "hazard_transitions"}


def machine(db, resource):
    """action → (roles, codes that its tables can refuse with)"""
    relations = dict(db.execute("SELECT relation, refusal FROM machine_relations").fetchall())
    guards = dict(db.execute("SELECT guard, refusal FROM machine_guards").fetchall())
    found = {}
    sql = f"SELECT action, who, guards FROM {MACHINES[resource]} WHERE offered OR action = 'create'"
    for action, who, names in db.execute(sql).fetchall():
        roles, codes = found.setdefault(action, (set(), set()))
        for entry in who:
            role, _, relation = entry.partition(":")
            roles.add(role)
            codes |= {relations[relation]} if relation else set()
        codes |= {guards[name] for name in names}
    return found


def documented(operation) -> set[str]:
    text = operation.entry["description"].split("**Refusals**", 1)[1]
    return set(re.findall(r"`(\w+)`", text))


@pytest.mark.parametrize("resource", MACHINES)
def test_every_offered_action_is_an_operation(db, resource):
    missing = [action for action in machine(db, resource) if f"{resource}.{action}" not in CONTRACT.by_id]
    assert not missing


@pytest.mark.parametrize("resource", MACHINES)
def test_roles_are_those_of_the_machine(db, resource):
    """A role that the contract names and the table does not could never succeed."""
    for action, (roles, _) in machine(db, resource).items():
        operation = CONTRACT.by_id[f"{resource}.{action}"]
        assert set(operation.roles) == roles - {"system"}, operation.id


@pytest.mark.parametrize("resource", MACHINES)
def test_every_refusal_of_the_machine_is_documented(db, resource):
    for action, (_, codes) in machine(db, resource).items():
        operation = CONTRACT.by_id[f"{resource}.{action}"]
        assert codes <= documented(operation), f"{operation.id} does not name {codes - documented(operation)}"


def test_states_are_those_of_the_machines(db):
    for enum, table in {"CaseState": "case_states", "TicketState": "ticket_states", "HazardState": "hazard_states"}.items():
        states = [row[0] for row in db.execute(f"SELECT state FROM {table} ORDER BY ordinal").fetchall()]
        assert CONTRACT.document["components"]["schemas"][enum]["enum"] == states


# Enum of the contract → its dictionary, for the labels that an app shows.
DICTIONARIES = {
    "CaseState": "case_state", "TicketState": "ticket_state", "RequestState": "request_state",
    "RequestKind": "request_kind", "CaseKind": "case_kind", "Level": "level", "Source": "source", "StepOrNull": "step",
    "RejectCode": "reject_code", "CauseCode": "cause_code", "WhistleKind": "whistle_kind", "TicketRole": "ticket_role",
    "Clock": "clock", "BreachClock": "breach_clock", "Visibility": "visibility", "Solved": "solved", "CoordinateSystem": "coord_sys", "Role": "role",
    "ClientScope": "client_scope", "ClientCredential": "client_credential", "Open311Offer": "open311_offer",
    "AreaKind": "area_kind", "OrganisationKind": "organisation_kind", "AttachmentStage": "attachment_stage",
    "WebhookDeliveryState": "webhook_delivery_state", "WebhookDisabledReasonOrNull": "webhook_disabled_reason",
    "WebhookErrorOrNull": "webhook_error", "WebhookAction": "webhook_action",
    "HazardState": "hazard_state", "HazardColour": "hazard_colour",
}  # fmt: skip


@pytest.mark.parametrize("enum,dictionary", DICTIONARIES.items())
def test_every_enum_has_labels(db, enum, dictionary):
    labels = {row[0] for row in db.execute("SELECT code FROM dictionary_entries WHERE dictionary = %s AND active",
                                           (dictionary,)).fetchall()}
    values = {value for value in CONTRACT.document["components"]["schemas"][enum]["enum"] if value is not None}
    assert values <= labels, f"{dictionary} lacks {values - labels}"


def test_dictionaries_named_in_the_contract_exist(db):
    told = CONTRACT.document["components"]["schemas"]["Catalog"]["properties"]["dictionaries"]["description"]
    known = {row[0] for row in db.execute("SELECT DISTINCT dictionary FROM dictionary_entries").fetchall()}
    named = set(re.findall(r"`([a-z_]+)`", told.split("Names:", 1)[1]))
    # The street brings the classes of its categories itself.
    assert named - {"category_class"} <= known, named - known
