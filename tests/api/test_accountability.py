"""Accountability: what opens a row, who sees it, decision, appeal, and that nobody decides on themselves."""

from test_story_complex import whistled, work


def records(client, case_id, **more):
    return client.get("/v1/accountability", case=case_id, limit=200, **more)["items"]


def act(client, record_id, action, expect=200, **body):
    path = f"/v1/accountability/{record_id}"
    etag = client.get(path).headers.get("ETag", '"1"')
    reply = client.post(f"{path}/{action}", body, etag)
    assert reply.status == expect, reply
    return reply


def tick(db, clock):
    while db.execute("SELECT clock_tick(%s)", (clock.now,)).fetchone()[0]:
        pass


def breached(street, clock, db):
    """A ticket that the city never signed: the row against the city, and the case."""
    case = whistled(street)
    clock.forward(minutes=61)
    tick(db, clock)
    rows = records(street.supervisor, case["id"], organisation="city")
    return next(r for r in rows if r["facts"]["clock"] == "sign"), case


def closed_at_source(street):
    case = street.report(category="litter", at="XF-01")
    street.grid1.case(case["id"], "accept")
    street.grid1.case(case["id"], "register", level="ordinary")
    street.grid1.case(case["id"], "start-source")
    street.grid1.case(case["id"], "source-done", result="Swept", reply="Gone.")
    return case


def test_a_breach_opens_one_row(street, clock, db):
    row, case = breached(street, clock, db)
    assert (row["kind"], row["state"], row["against"]["id"]) == ("breach", "open", "city")
    assert row["ticket_id"] == case["tickets"][0]["id"] and row["case_number"] == case["number"]
    clock.forward(hours=2)
    tick(db, clock)
    rows = records(street.supervisor, case["id"], kind="breach", organisation="city")
    assert [r["facts"]["clock"] for r in rows if r["facts"]["clock"] == "sign"] == ["sign"]
    stored = db.execute("SELECT count(*) FROM breaches WHERE case_id = %s", (case["id"],)).fetchone()[0]
    assert len(records(street.supervisor, case["id"], kind="breach")) == stored
    arrive = next(r for r in records(street.supervisor, case["id"]) if r["facts"]["clock"] == "arrive")
    assert arrive["against"]["kind"] in ("organisation", "role")


def test_who_sees_a_row(street, clock, db):
    row, case = breached(street, clock, db)
    path = f"/v1/accountability/{row['id']}"
    for name in ("supervisor", "leader", "auditor", "city", "city2"):
        assert getattr(street, name).get(path).status == 200, name
    for name in ("water", "grid1", "dispatcher", "community_xf"):
        assert getattr(street, name).get(path).status == 404, name
    assert street.citizen.get(path).status == 403
    assert {r["against"]["id"] for r in records(street.city, case["id"])} == {"city"}
    assert records(street.grid1, case["id"]) == []


def test_decide_appeal_and_decide_again(street, clock, db):
    row, case = breached(street, clock, db)
    assert act(street.leader, row["id"], "decide", 403, result="held", note="n").code == "not_decider"
    assert act(street.city, row["id"], "appeal", 409, reason="r").code == "invalid_transition"
    assert "decide" in street.supervisor.get(f"/v1/accountability/{row['id']}")["allowed_actions"]
    assert row["id"] in [r["id"] for r in records(street.supervisor, case["id"], decidable="true")]
    decided = act(street.supervisor, row["id"], "decide", result="held", note="Too late")
    assert (decided["state"], decided["result"], decided["decided_by"]["id"]) == ("decided", "held", street.person("supervisor"))
    assert act(street.supervisor, row["id"], "decide", 409, result="held", note="n")["state"] == "decided"
    assert act(street.supervisor, row["id"], "appeal", 403, reason="r").code == "not_handler"
    clock.forward(days=14)
    assert act(street.city, row["id"], "appeal", reason="We called")["state"] == "appealed"
    assert act(street.city, row["id"], "appeal", 409, reason="Again").code == "already_done"
    assert act(street.supervisor, row["id"], "decide-appeal", 403, result="confirmed", note="n").code == "own_request"
    final = act(street.supervisor2, row["id"], "decide-appeal", result="overturned", note="They did")
    assert (final["state"], final["appeal_result"], final["sole_person"]) == ("final", "overturned", False)
    assert act(street.city, row["id"], "appeal", 409, reason="Again").code == "already_done"
    events = {e["action"]: e for e in street.leader.get(f"/v1/cases/{case['id']}/events", limit=200)["items"]}
    for action in ("decide_accountability", "appeal_accountability", "decide_appeal"):
        assert events[action]["visibility"] == "restricted"
    seen = [e["action"] for e in street.city.get(f"/v1/cases/{case['id']}/events", limit=200)["items"]]
    assert "decide_accountability" not in seen


def test_window_of_the_appeal(street, clock, db):
    row, _ = breached(street, clock, db)
    path = f"/v1/accountability/{row['id']}"
    body = {"result": "held", "note": "n"}
    assert street.supervisor.post(f"{path}/decide", body).status == 428
    assert street.supervisor.post(f"{path}/decide", body, '"99"').status == 412
    act(street.supervisor, row["id"], "decide", **body)
    clock.forward(days=15, seconds=1)
    assert act(street.city, row["id"], "appeal", 409, reason="r").code == "window_over"


def test_cleared_is_not_appealed(street, clock, db):
    row, _ = breached(street, clock, db)
    cleared = act(street.supervisor, row["id"], "decide", result="cleared", note="The line was down")
    assert cleared["appeal_until"] is None
    assert act(street.city, row["id"], "appeal", 409, reason="r").code == "invalid_transition"


def test_failed_check_is_a_false_closure(street):
    case = closed_at_source(street)
    street.grid2.case(case["id"], "check", point=street.point("XF-01"), reason="Still there", **{"pass": False})
    (row,) = records(street.supervisor, case["id"], kind="false_closure")
    assert row["against"]["id"] == street.person("grid1") and row["facts"]["by"] == "check"
    assert records(street.grid1, case["id"], kind="false_closure") == [row | {"allowed_actions": []}]
    act(street.supervisor, row["id"], "decide", result="held", note="n")
    assert act(street.grid1, row["id"], "appeal", reason="It was gone")["state"] == "appealed"
    assert act(street.leader, row["id"], "decide-appeal", result="confirmed", note="n")["state"] == "final"


def test_failed_check_after_feedback_is_the_leads(street):
    case = whistled(street, organisations=("city",))
    ticket = case["tickets"][0]["id"]
    work(street.city, ticket, street.point("XF-01"), reply="Filled")
    street.dispatcher.ticket(ticket, "approve", rating=3, feedback={"reply": "Done"})
    street.grid2.case(case["id"], "check", point=street.point("XF-01"), reason="No", rework_tickets=[{"ticket_id": ticket}],
                      **{"pass": False})
    (row,) = records(street.supervisor, case["id"], kind="false_closure")
    assert row["against"]["id"] == "city"


def test_approved_reopening_is_a_false_closure(street, clock):
    case = closed_at_source(street)
    street.grid2.case(case["id"], "check", point=street.point("XF-01"), **{"pass": True})
    street.citizen.case(case["id"], "rate", contacted=True, solved="no", satisfied=1, comment="It is back")
    (request,) = street.supervisor.get("/v1/requests", case=case["id"], state="pending")["items"]
    etag = street.supervisor.get(f"/v1/requests/{request['id']}").etag
    done = street.supervisor.post(f"/v1/requests/{request['id']}/approve", {"handler": street.person("grid1")}, etag)
    assert done.status == 200, done
    (row,) = records(street.supervisor, case["id"], kind="false_closure")
    assert (row["against"]["id"], row["facts"]["by"]) == (street.person("grid1"), "reopen")


def test_missed_callback_is_not_decided_by_supervisors(street, clock, db):
    case = closed_at_source(street)
    street.grid2.case(case["id"], "check", point=street.point("XF-01"), **{"pass": True})
    clock.forward(days=8)
    tick(db, clock)
    (row,) = records(street.leader, case["id"], kind="missed_callback")
    assert row["against"]["id"] == "supervisor"
    assert act(street.supervisor, row["id"], "decide", 403, result="cleared", note="n").code == "not_decider"
    act(street.leader, row["id"], "decide", result="held", note="Nobody called")
    assert act(street.supervisor, row["id"], "appeal", reason="r")["state"] == "appealed"
    assert act(street.leader, row["id"], "decide-appeal", 403, result="confirmed", note="n").code == "own_request"
    assert act(street.leader2, row["id"], "decide-appeal", result="confirmed", note="n")["state"] == "final"


def test_nobody_decides_on_themselves_but_alone(street, clock, db):
    row, _ = breached(street, clock, db)
    db.execute("UPDATE accountability SET organisation = NULL, person_id = %s WHERE id = %s",
               (street.person("supervisor"), row["id"]))
    assert act(street.supervisor, row["id"], "decide", 403, result="cleared", note="n").code == "own_request"
    db.execute("UPDATE people SET active = false WHERE tenant = 'street' AND subject = 'supervisor2'")
    try:
        alone = act(street.supervisor, row["id"], "decide", result="cleared", note="n")
    finally:
        db.execute("UPDATE people SET active = true WHERE tenant = 'street' AND subject = 'supervisor2'")
    assert alone["sole_person"] is True
    (listed,) = records(street.supervisor2, row["case_id"], kind="sole_person")
    assert listed["against"]["id"] == street.person("supervisor") and listed["facts"]["accountability_id"] == row["id"]


def test_a_narrower_token_makes_nobody_impartial(street, clock, db):
    row, _ = breached(street, clock, db)
    db.execute("UPDATE accountability SET organisation = 'city' WHERE id = %s", (row["id"],))
    db.execute("UPDATE people SET organisation_code = 'city' WHERE tenant = 'street' AND subject = 'supervisor'")
    try:
        narrow = street.client("supervisor", ["supervisor"], org="water")
        assert act(narrow, row["id"], "decide", 403, result="cleared", note="n").code == "own_request"
    finally:
        db.execute("UPDATE people SET organisation_code = 'street' WHERE tenant = 'street' AND subject = 'supervisor'")
    db.execute("UPDATE accountability SET organisation = NULL, role = 'dispatcher' WHERE id = %s", (row["id"],))
    db.execute("UPDATE people SET roles = '{supervisor,dispatcher}' WHERE tenant = 'street' AND subject = 'supervisor'")
    try:
        assert act(street.supervisor, row["id"], "decide", 403, result="cleared", note="n").code == "own_request"
    finally:
        db.execute("UPDATE people SET roles = '{supervisor}' WHERE tenant = 'street' AND subject = 'supervisor'")


def test_pages_and_retry(street, clock, db, unique):
    row, case = breached(street, clock, db)
    total = len(records(street.supervisor, case["id"]))
    page = street.supervisor.get("/v1/accountability", case=case["id"], limit=1, count="exact")
    assert page["total"] == total and len(page["items"]) == 1
    path, body = f"/v1/accountability/{row['id']}/decide", {"result": "held", "note": "n"}
    etag = street.supervisor.get(f"/v1/accountability/{row['id']}").etag
    assert street.supervisor.post(path, body, etag, key=unique).status == 200
    again = street.supervisor.post(path, body, etag, key=unique)
    assert again.status == 200 and again.headers["Idempotent-Replayed"] == "true"
