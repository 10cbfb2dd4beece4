"""What the clocks leave behind, read through the door: breaches and changed due times, by sight; and what may be asked for."""

from datetime import timedelta

import pytest
from support.asking import ask, at_source, decide, ticked, whistled
from support.world import iso


@pytest.fixture
def late(street, clock, db):
    """Two departments that sign late, on a case to which somebody came late."""
    case = whistled(street, "city", "water")
    clock.forward(minutes=70)
    ticked(db, street, case)
    return case


def rows(client, path: str, **query) -> list[tuple]:
    reply = client.get(path, **query)
    assert reply.status == 200, reply
    return [(i["clock"], i["organisation"] and i["organisation"]["code"]) for i in reply["items"]]


def test_breaches_of_a_case(street, late):
    path = f"/v1/cases/{late['id']}/breaches"
    everything = rows(street.dispatcher, path)
    assert everything[0] == ("arrive", None) and set(everything[1:]) == {("sign", "city"), ("sign", "water")}
    for client in (street.leader, street.supervisor, street.auditor, street.grid1, street.community_xf):
        assert rows(client, path) == everything
    assert rows(street.city, path) == [("sign", "city")] and rows(street.water, path) == [("sign", "water")]
    for client in (street.grid3, street.community_ca, street.clerk):
        assert client.get(path).status == 404, "out of sight"
    for client in (street.citizen, street.admin, street.property):
        assert client.get(path).code == "insufficient_role"
    arrive = street.leader.get(path)["items"][0]
    assert (arrive["ticket_id"], arrive["due_at"], arrive["breached_at"]) == (None, late["arrive_due_at"], late["arrive_due_at"])
    assert (arrive["case_number"], arrive["run"], arrive["round"]) == (late["number"], 1, 1)


def test_breaches_page_by_page(street, late):
    path = f"/v1/cases/{late['id']}/breaches"
    seen, cursor = [], None
    while True:
        page = street.leader.get(path, limit=1, cursor=cursor, count="exact")
        assert page["total"] == 3
        seen += [(i["clock"], i["ticket_id"]) for i in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 3


def test_breaches_of_the_street(street, late, clock):
    day = {"from": clock.now.date().isoformat(), "to": (clock.now.date() + timedelta(days=1)).isoformat()}
    for client in (street.dispatcher, street.leader, street.supervisor, street.auditor):
        assert set(rows(client, "/v1/breaches", **day)) == {("arrive", None), ("sign", "city"), ("sign", "water")}
    times = [i["breached_at"] for i in street.leader.get("/v1/breaches", **day)["items"]]
    assert times == sorted(times, reverse=True)
    for narrow, expected in (({"clock": "arrive"}, {("arrive", None)}), ({"organisation": "city"}, {("sign", "city")}),
                             ({"area": "XF"}, {("arrive", None), ("sign", "city"), ("sign", "water")}), ({"area": "CA"}, set()),
                             ({"case": late["id"], "clock": ["sign", "finish"]}, {("sign", "city"), ("sign", "water")}),
                             ({"from": day["to"], "to": "2999-01-01"}, set())):
        assert set(rows(street.leader, "/v1/breaches", **day | narrow)) == expected, narrow
    first = street.leader.get("/v1/breaches", **day, limit=2, count="exact")
    rest = street.leader.get("/v1/breaches", **day, limit=2, cursor=first["next_cursor"])
    assert (first["total"], len(first["items"]), len(rest["items"]), rest["next_cursor"]) == (3, 2, 1, None)
    assert rows(street.client("leader", ["leader"], areas=["CA"]), "/v1/breaches", **day) == [], "a token only narrows"
    for client in (street.citizen, street.grid1, street.city, street.community_xf, street.admin):
        assert client.get("/v1/breaches").code == "insufficient_role"


def test_how_due_times_moved(street, clock):
    case = whistled(street, "city", "water")
    path = f"/v1/cases/{case['id']}/deadline-changes"
    lead = case["tickets"][0]["id"]
    street.city.ticket(lead, "sign")
    until = clock.now + timedelta(days=1)
    decide(street.leader, ask(street.city, "tickets", lead, kind="delay", until=iso(until)), "approve")
    moved = [(i["clock"], i["ticket_id"], i["cause"], i["role"], i["new_due_at"]) for i in street.dispatcher.get(path)["items"]]
    assert moved[0][:4] == ("resolve", None, "register", "dispatcher")
    assert set(moved[1:]) == {("finish", lead, "delay", "leader", iso(until)), ("resolve", None, "delay", "leader", iso(until))}
    assert [i["ticket_id"] for i in street.city.get(path)["items"]] == [lead]
    assert street.water.get(path)["items"] == [] and street.water.get(path, count="exact")["total"] == 0
    shown = street.leader.get(path)["items"][0]
    assert shown["changed_by"] == {"kind": "person", "id": street.person("dispatcher"), "name": "Dispatcher One"}
    assert street.auditor.get(path)["items"][0]["changed_by"]["name"].startswith("D*"), "masked"
    assert street.citizen.get(path).code == "insufficient_role" and street.grid3.get(path).status == 404
    first = street.leader.get(path, limit=2)
    assert len(first["items"]) == 2 and len(street.leader.get(path, limit=2, cursor=first["next_cursor"])["items"]) == 1


def test_what_may_be_asked_for(street):
    def askable(client, path: str) -> list[str]:
        return client.get(path)["askable_requests"]

    fresh = street.report(at="XF-01", category="litter")
    path = f"/v1/cases/{fresh['id']}"
    assert fresh["askable_requests"] == [] and askable(street.dispatcher, path) == ["void"] and askable(street.grid1, path) == []
    street.grid1.case(fresh["id"], "accept")
    street.grid1.case(fresh["id"], "register", level="ordinary")
    assert askable(street.grid1, path) == askable(street.community_xf, path) == ["whistle"]
    assert street.grid1.case(fresh["id"], "start-source")["askable_requests"] == ["whistle", "suspend"], "the handler"
    assert askable(street.community_xf, path) == ["whistle"] and askable(street.dispatcher, path) == ["hard_whistle", "suspend", "void"]
    assert askable(street.leader, path) == askable(street.citizen, path) == []
    case = whistled(street, "city", "water")
    path, lead = f"/v1/cases/{case['id']}", f"/v1/tickets/{case['tickets'][0]['id']}"
    assert askable(street.city, path) == ["suspend"] and askable(street.water, path) == []
    assert askable(street.city, lead) == ["return"] and askable(street.dispatcher, lead) == []
    assert street.city.ticket(case["tickets"][0]["id"], "sign")["askable_requests"] == ["return", "delay"]
    ask(street.city, "tickets", case["tickets"][0]["id"], kind="return", basis="Law")
    assert askable(street.city, lead) == [], "what waits for a decision is in neither state"


def test_a_closed_case_may_be_asked_to_be_opened_again(street):
    case = at_source(street)["id"]
    street.grid2.case(case, "check", point=street.point("XF-01"), **{"pass": True})
    closed = street.citizen.case(case, "rate", contacted=True, solved="yes", satisfied=5)
    assert closed["state"] == "closed" and closed["askable_requests"] == ["reopen"]
    assert street.supervisor.get(f"/v1/cases/{case}")["askable_requests"] == ["reopen"]
    assert street.dispatcher.get(f"/v1/cases/{case}")["askable_requests"] == []
