"""A department's machine hears of its tickets and acts on many at once, as far and as long as its scopes go."""

import time

import pytest
from support.client import Client
from support.sse import Stream


@pytest.fixture
def machine(street, anonymous):
    """Makes a client and its token."""

    def make(*scopes: str, **more) -> Client:
        made = street.admin.post("/v1/clients", {"name": "App", "scopes": list(scopes)} | more)
        granted = anonymous.form("/v1/oauth/token", {
            "grant_type": "client_credentials", "client_id": made["client_id"], "client_secret": made["client_secret"]})
        return Client(street.service.base, street.contract, granted["access_token"], made["client_id"], street.clock)

    return make


def tickets_of(street, *organisations: str) -> dict:
    case = street.report(at="XF-01", category="advice")["id"]
    street.dispatcher.case(case, "accept")
    street.dispatcher.case(case, "register", level="complex")
    whistled = street.dispatcher.case(case, "whistle", kind="everyday", tickets=[
        {"organisation": code, "role": "assist" if n else "lead", "task": "t"} for n, code in enumerate(organisations)])
    return {t["organisation"]["code"]: t["id"] for t in whistled["tickets"]}


def test_it_streams_what_its_department_sees_until_its_scope_goes(street, machine):
    app = machine("tickets:work", organisation="city")
    stream, colleague = Stream(app).ready(), Stream(street.city).ready()
    tickets = tickets_of(street, "city", "water")
    assert app.ticket(tickets["city"], "sign")["state"] == "signed"
    street.water.ticket(tickets["water"], "sign")
    heard = stream.until(lambda event: event["action"] == "sign")
    assert {event["ticket_id"] for event in heard} <= {None, tickets["city"]} and heard[-1]["role"] == "department"
    path = f"/v1/clients/{app.name}"
    street.admin.patch(path, {"scopes": ["cases:read"]}, street.admin.get(path).etag)
    assert stream.ended.wait(20) and not colleague.ended.is_set()
    assert Stream(app).json["code"] == "insufficient_role"
    colleague.close()


def test_without_a_scope_for_it_there_is_no_stream(machine):
    assert Stream(machine("cases:create")).json["code"] == "insufficient_role"
    reader = Stream(machine("cases:read")).ready()
    reader.close()


def test_in_a_batch_it_may_what_it_may_alone(street, machine):
    app, other = machine("tickets:work", organisation="city"), machine("cases:read")
    tickets = tickets_of(street, "city", "water")
    items = [{"ticket_id": tickets["city"], "action": "sign", "if_match": "1"}, {"ticket_id": tickets["water"], "action": "sign", "if_match": "1"},
             {"ticket_id": tickets["city"], "action": "recall", "if_match": "2", "body": {"reason": "x"}}]
    done = app.post("/v1/tickets/batch", {"items": items})["items"]
    assert [(i["status"], i.get("problem", {}).get("code")) for i in done] == [(200, None), (404, "not_found"), (403, "insufficient_role")]
    assert done[0]["ticket"] == app.get(f"/v1/tickets/{tickets['city']}").json
    assert other.post("/v1/tickets/batch", {"items": items}).code == "insufficient_role"


def test_it_waits_as_its_department_does(street, machine, drained):
    """Who reports only asks, and is answered at once."""
    app, other = machine("tickets:work", organisation="city"), machine("cases:read")
    drained()
    begun = time.monotonic()
    reply = app.request("GET", "/v1/tickets", params={"case": street.report(at="XF-01")["id"]}, headers={"Prefer": "wait=1"})
    assert reply["items"] == [] and reply.headers["Preference-Applied"] == "wait=1" and time.monotonic() - begun > 0.7
    reply = other.request("GET", "/v1/cases", headers={"Prefer": "wait=20"})
    assert reply["items"] == [] and "Preference-Applied" not in reply.headers and time.monotonic() - begun < 15
