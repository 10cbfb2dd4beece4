"""Complaints: a reporter says what is wrong with the handling, a supervisor upholds or dismisses it."""

from test_accountability import closed_at_source, records
from test_story_complex import whistled


def complained(street, case, client=None, expect=201):
    reply = (client or street.citizen).post(f"/v1/cases/{case['id']}/complaints", {"text": "Nobody called me"})
    assert reply.status == expect, reply
    return reply


def decide(client, complaint_id, action, expect=200, **body):
    path = f"/v1/complaints/{complaint_id}"
    etag = client.get(path).headers.get("ETag", '"1"')
    reply = client.post(f"{path}/{action}", body, etag)
    assert reply.status == expect, reply
    return reply


def test_upheld_opens_a_record_against_whose_work_it_is(street):
    case = whistled(street)
    complaint = complained(street, case)
    assert complaint["state"] == "open" and complaint.headers["Location"] == f"/v1/complaints/{complaint['id']}"
    assert complained(street, case, expect=409).code == "request_pending"
    upheld = decide(street.supervisor, complaint["id"], "uphold", reason="Right")
    assert upheld["state"] == "upheld" and upheld["accountability_id"]
    (row,) = records(street.supervisor, case["id"], kind="upheld_complaint")
    assert (row["id"], row["against"]["id"]) == (upheld["accountability_id"], "city")
    assert row["facts"]["complaint_id"] == complaint["id"]
    seen = street.citizen.get(f"/v1/complaints/{complaint['id']}")
    assert (seen["state"], seen["reason"], seen["accountability_id"]) == ("upheld", "Right", None)
    assert seen["decided_by"]["kind"] == "organisation"
    assert decide(street.supervisor, complaint["id"], "dismiss", 409, reason="r").code == "invalid_transition"
    assert complained(street, case)["state"] == "open"


def test_named_person_and_dismissed(street):
    case = closed_at_source(street)
    first = complained(street, case)
    wrong = decide(street.supervisor, first["id"], "uphold", 422, reason="r", against={"kind": "organisation", "id": "nobody"})
    assert wrong.pointers == ["/against/id"]
    decide(street.supervisor, first["id"], "uphold", 422, reason="r", against={"kind": "person", "id": street.person("citizen")})
    decide(street.supervisor, first["id"], "uphold", reason="r", against={"kind": "person", "id": street.person("grid2")})
    (row,) = records(street.supervisor, case["id"], kind="upheld_complaint")
    assert row["against"]["id"] == street.person("grid2")
    second = complained(street, case)
    dismissed = decide(street.supervisor, second["id"], "dismiss", reason="They called twice")
    assert (dismissed["state"], dismissed["accountability_id"]) == ("dismissed", None)


def test_nobody_decides_on_their_own_work(street):
    case = whistled(street)
    complaint = complained(street, case)
    mine = {"kind": "person", "id": street.person("supervisor")}
    assert decide(street.supervisor, complaint["id"], "uphold", 403, reason="r", against=mine).code == "own_request"
    assert decide(street.supervisor2, complaint["id"], "uphold", reason="r", against=mine)["sole_person"] is False


def test_nobody_decides_on_their_own_organisation(street, db):
    """Not even with a token that leaves the organisation out."""
    case = whistled(street)
    complaint = complained(street, case)
    db.execute("UPDATE people SET organisation_code = 'city' WHERE tenant = 'street' AND subject = 'supervisor'")
    try:
        assert street.supervisor.get(f"/v1/complaints/{complaint['id']}")["allowed_actions"] == []
        for client in (street.supervisor, street.client("supervisor", ["supervisor"], org="water")):
            assert decide(client, complaint["id"], "dismiss", 403, reason="r").code == "own_request"
    finally:
        db.execute("UPDATE people SET organisation_code = 'street' WHERE tenant = 'street' AND subject = 'supervisor'")
    assert decide(street.supervisor, complaint["id"], "dismiss", reason="r")["sole_person"] is False


def test_who_complains_and_who_reads(street):
    case = whistled(street)
    complained(street, case, street.citizen2, 404)
    for name in ("dispatcher", "city", "grid1", "supervisor"):
        complained(street, case, getattr(street, name), 403)
    complaint = complained(street, case)
    path = f"/v1/complaints/{complaint['id']}"
    for name in ("citizen", "supervisor", "leader", "auditor"):
        assert getattr(street, name).get(path).status == 200, name
    assert street.citizen2.get(path).status == 404
    for name in ("city", "grid1", "dispatcher"):
        assert getattr(street, name).get(path).status == 403
    assert decide(street.leader, complaint["id"], "uphold", 403, reason="r").code == "insufficient_role"
    listed = street.supervisor.get("/v1/complaints", case=case["id"], state="open", count="exact")
    assert [k["id"] for k in listed["items"]] == [complaint["id"]] and listed["total"] == 1
    assert street.citizen2.get("/v1/complaints", case=case["id"])["items"] == []
    assert street.supervisor.post(f"{path}/dismiss", {"reason": "r"}).status == 428
    assert street.supervisor.post(f"{path}/dismiss", {"reason": "r"}, '"9"').status == 412


def test_the_case_keeps_it_for_those_who_see_all(street, unique):
    case = whistled(street)
    first = street.citizen.post(f"/v1/cases/{case['id']}/complaints", {"text": "t"}, key=unique)
    again = street.citizen.post(f"/v1/cases/{case['id']}/complaints", {"text": "t"}, key=unique)
    assert first["id"] == again["id"] and again.headers["Idempotent-Replayed"] == "true"
    decide(street.supervisor, first["id"], "dismiss", reason="r")

    def actions(client):
        return [e["action"] for e in client.get(f"/v1/cases/{case['id']}/events", limit=200)["items"]]

    assert actions(street.leader)[-2:] == ["complain", "dismiss_complaint"]
    assert "complain" not in actions(street.city) and "complain" not in actions(street.citizen)
    assert street.dispatcher.get(f"/v1/cases/{case['id']}")["version"] == case["version"]
