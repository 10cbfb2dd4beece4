"""Who sees which rows (machines.md 5): role × own or other over every read. What is out of sight is 404 without a hint."""

import pytest
from test_story_complex import whistled

STAFF = ("dispatcher", "leader", "supervisor", "auditor")
EVERYBODY = ("citizen", "citizen2", "grid1", "grid2", "grid3", "community_xf", "community_ca", "clerk",
             "city", "water", *STAFF)
NO_CASES = ("property", "admin")


@pytest.fixture(scope="module")
def scene(request):
    """Cases in the situations that the table tells apart, and who may see each."""
    service, contract = request.getfixturevalue("service"), request.getfixturevalue("contract")
    from support.world import Clock, Street

    street = Street(service, contract, Clock(), "street")
    cases, seen = {}, {}

    def put(name, case, *who):
        cases[name], seen[name] = case, set(who) | set(STAFF)

    put("in XF-01, reported by a citizen", street.report(category="litter", at="XF-01"),
        "citizen", "grid1", "community_xf")
    put("in CA-01", street.report(category="litter", at="CA-01"), "citizen", "grid3", "community_ca")
    put("nowhere, working", street.report(category="litter", location=None, address="Somewhere"),
        "citizen", "grid1", "grid2", "grid3", "community_xf", "community_ca")
    gone = street.report(category="litter", location=None, address="Somewhere")
    street.dispatcher.case(gone["id"], "reject", code="not_ours", basis="b", reason="r")
    put("nowhere, rejected", gone, "citizen")
    put("of the window", street.report(street.clerk, source="window", category="litter", at="XF-02"),
        "clerk", "grid2", "community_xf")
    checking = street.report(category="litter", at="XF-01")
    for action, body in (("accept", {}), ("register", {"level": "ordinary"}), ("start-source", {}),
                         ("source-done", {"result": "r", "reply": "p"})):
        street.grid1.case(checking["id"], action, **body)
    put("in checking, of the same community", checking, "citizen", "grid1", "grid2", "community_xf")
    put("whistled for city alone", whistled(street, organisations=("city",)),
        "citizen", "grid1", "community_xf", "city")
    return street, cases, seen


@pytest.mark.parametrize("reader", EVERYBODY)
def test_case_reads(scene, reader):
    street, cases, seen = scene
    client = getattr(street, reader)
    listed, cursor = set(), None
    while True:
        page = client.get("/v1/cases", limit=200, cursor=cursor)
        assert page.status == 200, page
        listed |= {c["id"] for c in page["items"]}
        cursor = page["next_cursor"]
        if cursor is None:
            break
    for name, case in cases.items():
        expected = 200 if reader in seen[name] else 404
        got = client.get(f"/v1/cases/{case['id']}")
        assert got.status == expected, f"{reader}, {name}: {got}"
        assert client.get(f"/v1/cases/{case['id']}/events").status == expected, f"{reader}, events, {name}"
        assert (case["id"] in listed) == (expected == 200), f"{reader}, list, {name}"


@pytest.mark.parametrize("reader", NO_CASES)
def test_roles_without_cases(scene, reader):
    street, cases, _ = scene
    client = getattr(street, reader)
    assert client.get("/v1/cases").status == 403
    assert client.get(f"/v1/cases/{next(iter(cases.values()))['id']}").status == 403


def test_tickets(scene):
    street, cases, _ = scene
    ticket = cases["whistled for city alone"]["tickets"][0]["id"]
    for reader, expected in {"city": 200, "city2": 200, "water": 404, "dispatcher": 200, "leader": 200,
                             "supervisor": 200, "auditor": 200, "community_xf": 200, "community_ca": 404,
                             "grid1": 200, "grid3": 404, "citizen": 403, "property": 403, "admin": 403}.items():
        client = getattr(street, reader)
        for path in (f"/v1/tickets/{ticket}", f"/v1/tickets/{ticket}/events"):
            assert client.get(path).status == expected, f"{reader} {path}"
        if expected == 403:
            continue
        listed = {t["id"] for t in client.get("/v1/tickets", limit=200)["items"]}
        assert (ticket in listed) == (expected == 200), reader


def test_of_other_tickets_a_department_sees_organisation_role_and_state(street):
    case = whistled(street)
    shown = street.water.get(f"/v1/cases/{case['id']}")["tickets"]
    other = next(t for t in shown if t["organisation"]["code"] == "city")
    assert {k for k, v in other.items() if v is not None} == {"organisation", "role", "state"}
    own = next(t for t in shown if t["organisation"]["code"] == "water")
    assert own["id"]


def test_citizen_sees_public_events_without_names(scene):
    street, cases, _ = scene
    case = cases["in checking, of the same community"]
    events = street.citizen.get(f"/v1/cases/{case['id']}/events")["items"]
    assert events and all(e["visibility"] == "public" for e in events)
    text = str(events)
    for name in ("Grid One", "Dispatcher"):
        assert name not in text
    assert "tickets" not in street.citizen.get(f"/v1/cases/{case['id']}").json


def test_names_and_phones_are_masked(street):
    case = whistled(street, organisations=("city", "water"),
                    reporter={"name": "王小明", "phone": "13812345678", "contactable": True})

    def reporter(client):
        return client.get(f"/v1/cases/{case['id']}")["reporter"]

    for client in (street.dispatcher, street.leader, street.supervisor, street.grid1, street.community_xf,
                   street.citizen, street.city):
        assert (reporter(client)["name"], reporter(client)["phone"]) == ("王小明", "13812345678"), client.name
    for client in (street.auditor, street.water):
        assert (reporter(client)["name"], reporter(client)["phone"]) == ("王**", "138****5678"), client.name
    for page in (street.auditor.get("/v1/cases", number=case["number"]),
                 street.water.get("/v1/tickets", limit=200)):
        assert "13812345678" not in str(page.json) and "王小明" not in str(page.json)


def test_another_tenant_is_another_world(street, elsewhere):
    case = street.report(category="litter", at="XF-01")
    for reader in ("dispatcher", "leader", "supervisor", "auditor", "grid1", "citizen"):
        client = getattr(elsewhere, reader)
        assert client.get(f"/v1/cases/{case['id']}").status == 404
        listed = {c["id"] for c in client.get("/v1/cases", limit=200)["items"]}
        assert case["id"] not in listed
    refused = elsewhere.dispatcher.post(f"/v1/cases/{case['id']}/accept", {}, '"1"')
    assert refused.status == 404


def test_a_token_only_narrows(street):
    case = street.report(category="litter", at="XF-01")
    narrowed = street.client("community_xf", ["community"], areas=["XF-02"])
    assert narrowed.get(f"/v1/cases/{case['id']}").status == 404
    street_wide = street.client("community_xf", ["community"], areas=["ST"])
    assert street_wide.get(f"/v1/cases/{case['id']}").status == 200
    greedy = street.client("community_xf", ["community"], areas=["CA"])
    assert greedy.get(f"/v1/cases/{case['id']}").status == 404
    fewer = street.client("dispatcher", ["auditor"])
    assert fewer.get(f"/v1/cases/{case['id']}").status == 403


def test_attachment_goes_with_the_object(street):
    photo = street.photo(street.citizen)
    path = f"/v1/attachments/{photo}"
    assert street.citizen.get(path).status == 200
    assert street.dispatcher.get(path).status == 404, "it hangs on nothing yet"
    street.report(category="litter", at="XF-01", attachments=[photo])
    for reader, expected in {"citizen": 200, "dispatcher": 200, "grid1": 200, "grid3": 404, "citizen2": 404,
                             "city": 404}.items():
        assert getattr(street, reader).get(path).status == expected, reader


def test_a_merged_report_shows_its_reporter_their_own_words(street):
    """Two report one thing: the target is the case of both, and neither reads what the other said, sent or lives at."""
    picture = street.photo(street.citizen)
    first = street.report(at="XF-01", category="litter", title="Mrs Zhang's", description="Mrs Zhang of flat 502 leaves bags at the door",
                          address="Road 12, flat 502", attachments=[picture], external_ref={"system": "12345", "number": f"m-{street.clock.now}"})
    second = street.report(street.citizen2, at="XF-02", category="litter", description="Rubbish at the gate", address="Road 12, gate")
    street.dispatcher.case(second["id"], "merge", into=first["id"], reason="The same")
    path = f"/v1/cases/{first['id']}"
    theirs = street.citizen2.get(path)
    assert (theirs.status, theirs["id"], theirs["number"]) == (200, first["id"], first["number"])
    assert (theirs["title"], theirs["description"], theirs["address"]) == (None, "Rubbish at the gate", "Road 12, gate")
    assert theirs["location"] == second["location"] and theirs["location"] != first["location"]
    assert theirs["attachments"] == theirs["external_refs"] == [] and theirs["reporter"]["name"] == second["reporter"]["name"]
    assert "502" not in theirs.content.decode() and "Zhang" not in street.citizen2.get(f"{path}/events").content.decode()
    assert street.citizen2.get(f"/v1/attachments/{picture}").status == 404
    listed = {i["id"]: i["description"] for i in street.citizen2.get("/v1/cases", limit=200)["items"]}
    assert listed[first["id"]] == "Rubbish at the gate"
    assert first["id"] not in {i["id"] for i in street.citizen2.get("/v1/cases", q="Zhang", limit=200)["items"]}, "nor finds it by them"
    mine = street.citizen.get(path)
    assert mine["description"] == first["description"] and [a["id"] for a in mine["attachments"]] == [picture]
    assert mine["external_refs"] == [], "of several reporters nobody knows whose number it is"
    whole = street.dispatcher.get(path)
    assert whole["description"] == first["description"] and whole["address"] == "Road 12, flat 502" and len(whole["external_refs"]) == 1
