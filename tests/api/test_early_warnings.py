"""Early warnings: who sees them, what each reading leaves, the three intervals, hints."""

import uuid
from datetime import timedelta

from support.world import iso

BODY = {"kind": "collective_petition", "description": "Neighbours talk of going to the district together"}


def warned(street, client=None, **more):
    reply = (client or street.supervisor).post("/v1/early-warnings", BODY | more)
    assert reply.status == 201, reply
    assert reply.headers["Location"] == f"/v1/early-warnings/{reply['id']}"
    return reply


def act(client, warning_id, action, expect=200, **body):
    path = f"/v1/early-warnings/{warning_id}"
    etag = client.get(path).headers.get("ETag", '"1"')
    reply = client.post(f"{path}/{action}", body, etag)
    assert reply.status == expect, reply
    return reply


def readings(street, warning_id, **more):
    return street.auditor.get("/v1/audit-reads", object=warning_id, limit=200, **more)["items"]


def test_course_and_intervals(street, clock):
    signs = clock.now
    found = clock.forward(hours=1)
    clock.forward(minutes=10)
    warning = warned(street, signs_at=iso(signs), found_at=iso(found), people_estimate=30)
    assert (warning["state"], warning["found_seconds"], warning["assessed_seconds"]) == ("found", 3600, None)
    act(street.leader, warning["id"], "resolve", 409, outcome="too early")
    clock.forward(minutes=20)
    assessed = act(street.leader, warning["id"], "assess", level="complex", measures="Visits")
    assert (assessed["state"], assessed["level"], assessed["assessed_seconds"]) == ("assessed", "complex", 1800)
    clock.forward(hours=2)
    assert act(street.leader, warning["id"], "assess", level="major")["assessed_seconds"] == 1800
    done = act(street.leader, warning["id"], "resolve", outcome="They stayed at home")
    assert (done["state"], done["resolved_seconds"]) == ("resolved", 7200)
    assert [h["action"] for h in done["history"]] == ["create", "assess", "assess", "resolve"]
    assert act(street.leader, warning["id"], "assess", 409, level="major").json["state"] == "resolved"


def test_edit_and_versions(street, clock):
    warning = warned(street)
    path = f"/v1/early-warnings/{warning['id']}"
    assert street.leader.patch(path, {"people_estimate": 5}).status == 428
    assert street.leader.patch(path, {}, warning.etag).status == 422
    changed = street.leader.patch(path, {"people_estimate": 5}, warning.etag)
    assert (changed.status, changed["people_estimate"], changed["version"]) == (200, 5, 2)
    assert street.leader.patch(path, {"people_estimate": 6}, warning.etag).status == 412
    late = street.leader.patch(path, {"found_at": iso(clock.now.replace(year=2090))}, changed.etag)
    assert (late.status, late.pointers) == (422, ["/found_at"])
    before = street.supervisor.post("/v1/early-warnings", BODY | {"signs_at": iso(clock.now.replace(year=2090))})
    assert (before.status, before.pointers) == (422, ["/signs_at"])


def test_who_sees_it(street):
    warning = warned(street, departments=["city"])
    path = f"/v1/early-warnings/{warning['id']}"
    assert street.leader.get(path).status == street.city.get(path).status == 200
    assert street.water.get(path).status == 404
    assert street.water.get(f"/v1/early-warnings/{uuid.uuid4()}").code == street.water.get(path).code == "not_found"
    for name in ("citizen", "grid1", "community_xf", "clerk", "dispatcher", "auditor", "admin", "property"):
        assert getattr(street, name).get(path).status == 403, name
        assert getattr(street, name).get("/v1/early-warnings").status == 403, name
        assert getattr(street, name).post("/v1/early-warnings", BODY).status == 403, name
    assert street.city.post("/v1/early-warnings", BODY).status == 403
    ids = [w["id"] for w in street.city.get("/v1/early-warnings", limit=200)["items"]]
    assert warning["id"] in ids
    assert warning["id"] not in [w["id"] for w in street.water.get("/v1/early-warnings", limit=200)["items"]]
    act(street.supervisor, warning["id"], "name-departments", departments=["water"])
    assert street.city.get(path).status == 404 and street.water.get(path).status == 200
    unknown = act(street.supervisor, warning["id"], "name-departments", 422, departments=["water", "nobody"])
    assert unknown.pointers == ["/departments/1"]


def test_each_reading_leaves_a_row(street):
    warning = warned(street, departments=["city"])
    assert readings(street, warning["id"]) == []
    path = f"/v1/early-warnings/{warning['id']}"
    request = street.city.request("GET", path, headers={"X-Request-Id": "reading-one"}).headers["X-Request-Id"]
    street.water.get(path)
    rows = readings(street, warning["id"])
    assert [(r["operation"], r["request_id"]) for r in rows] == [("early_warnings.get", request)]
    assert rows[0]["person"]["id"] == street.person("city")
    street.leader.get("/v1/early-warnings", limit=200)
    rows = readings(street, warning["id"])
    assert [r["operation"] for r in rows] == ["early_warnings.list", "early_warnings.get"]
    assert readings(street, warning["id"], person=street.person("leader")) == rows[:1]
    assert street.leader.get("/v1/audit-reads").status == 200
    for name in ("supervisor", "city", "dispatcher", "citizen"):
        assert getattr(street, name).get("/v1/audit-reads").status == 403


def test_only_rows_shown_count_as_read(street, clock):
    clock.now = clock.now.replace(year=2085)
    older = warned(street)
    clock.forward(hours=1)
    newer = warned(street)
    first = street.leader.get("/v1/early-warnings", limit=1, count="exact")
    assert [w["id"] for w in first["items"]] == [newer["id"]] and first["total"] >= 2
    assert len(readings(street, newer["id"])) == 1 and readings(street, older["id"]) == []
    second = street.leader.get("/v1/early-warnings", limit=1, cursor=first["next_cursor"])
    assert [w["id"] for w in second["items"]] == [older["id"]]
    assert len(readings(street, older["id"])) == 1


def test_linked_case_gives_no_hint(street):
    case = street.report(at="XF-01")
    before = street.dispatcher.get(f"/v1/cases/{case['id']}")
    warning = warned(street, departments=["city"])
    linked = act(street.supervisor, warning["id"], "link", case_id=case["id"])
    assert [c["id"] for c in linked["cases"]] == [case["id"]]
    act(street.supervisor, warning["id"], "link", 409, case_id=case["id"])
    after = street.dispatcher.get(f"/v1/cases/{case['id']}")
    assert after.json == before.json and after.etag == before.etag
    events = street.dispatcher.get(f"/v1/cases/{case['id']}/events", limit=200)["items"]
    assert [e["action"] for e in events] == ["create"]
    assert street.city.get(f"/v1/early-warnings/{warning['id']}")["cases"] == []
    listed = street.leader.get("/v1/early-warnings", case=case["id"])
    assert [w["id"] for w in listed["items"]] == [warning["id"]]
    assert act(street.supervisor, warning["id"], "unlink", case_id=case["id"])["cases"] == []
    act(street.supervisor, warning["id"], "unlink", 422, case_id=case["id"])
    assert act(street.supervisor, warning["id"], "link", case_id=case["id"])["cases"] != []
    assert act(street.supervisor, warning["id"], "link", 422, case_id=str(uuid.uuid4())).pointers == ["/case_id"]


def test_retry_and_other_streets(street, elsewhere, unique):
    first = street.supervisor.post("/v1/early-warnings", BODY, key=unique)
    again = street.supervisor.post("/v1/early-warnings", BODY, key=unique)
    assert first["id"] == again["id"] and again.headers["Idempotent-Replayed"] == "true"
    (read,) = readings(street, first["id"])  # nothing was written the second time, so it was a reading
    assert read["operation"] == "early_warnings.create" and read["request_id"] == again.headers["X-Request-Id"]
    assert street.supervisor.post("/v1/early-warnings", BODY | {"people_estimate": 1}, key=unique).status == 422
    assert elsewhere.leader.get(f"/v1/early-warnings/{first['id']}").status == 404


def hints(street, *reasons):
    return street.leader.get("/v1/early-warning-hints", reason=list(reasons), limit=200)["items"]


def test_hints_of_place_and_time(street, clock):
    def near(metres):
        # A degree of latitude is about 111 km.
        return {"lon": 125.705, "lat": round(41.605 + metres / 111_080, 7)}

    for metres in (0, 190):
        street.report(location=near(metres))
    assert hints(street, "cluster") == []
    outside = street.report(location=near(400))
    street.report(location=near(100), category="advice")
    assert hints(street, "cluster") == []
    third = street.report(location=near(-150))
    (hint,) = hints(street, "cluster")
    assert (hint["count"], hint["category"]["code"]) == (3, "litter")
    assert third["id"] in hint["cases"] and outside["id"] not in hint["cases"]
    warning = warned(street)
    act(street.supervisor, warning["id"], "link", case_id=third["id"])
    assert hints(street, "cluster")[0]["early_warnings"] == [warning["id"]]
    clock.forward(days=6, hours=23)
    assert len(hints(street, "cluster")) == 1
    clock.forward(hours=1, seconds=1)
    assert hints(street, "cluster") == []


def test_hints_of_one_phone_or_household(street):
    for n in range(3):
        assert hints(street, "phone", "household") == []
        street.report(street.clerk, at=f"{('XF-01', 'XF-02', 'CA-01')[n]}", source="window", address="7 Lake Road, 3-201",
                      reporter={"name": "Somebody", "phone": "13911112222", "contactable": True})
    found = {h["reason"]: h for h in hints(street)}
    assert found["phone"]["count"] == found["household"]["count"] == 3
    assert found["phone"]["phone"] != "13911112222" and found["household"]["address"] == "7 Lake Road, 3-201"
    for name in ("dispatcher", "city", "citizen", "auditor"):
        assert getattr(street, name).get("/v1/early-warning-hints").status == 403


def test_hints_go_by_the_policy_that_counts(street, clock, db):
    """Of the versions in force the highest counts, whichever of them began first, as for the cases themselves."""
    near = [street.point("XF-01") | {"lat": round(street.point("XF-01")["lat"] + n / 111_080, 7)} for n in range(2)]
    for point in near:
        street.report(location={name: point[name] for name in ("lon", "lat")})
    assert hints(street, "cluster") == []
    for version, day, cases in ((901, 2, 3), (902, 1, 2)):
        db.execute("INSERT INTO policies (tenant, version, valid_from, settings) VALUES ('street', %s, %s, %s::jsonb)",
                   (version, clock.now + timedelta(hours=day), f'{{"hint_cases": {cases}}}'))
    try:
        clock.forward(hours=3)
        assert [h["count"] for h in hints(street, "cluster")] == [2]
        assert street.report(at="XF-01")["policy_version"] == 902
    finally:
        db.execute("DELETE FROM policies WHERE tenant = 'street' AND version > 900")
