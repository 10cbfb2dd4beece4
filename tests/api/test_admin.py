"""Administration: a street changes itself through the API; every change is versioned, guarded, and in the log."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest
from support.client import Client
from support.world import PEOPLE, Clock, Street, build_world

TENANT = "selfmade"
SQUARE = {"type": "Polygon", "coordinates": [[[125.73, 41.6], [125.74, 41.6], [125.74, 41.61], [125.73, 41.6]]]}


@pytest.fixture(scope="module")
def town(service, contract, owner_url):
    """A street of its own: what is changed here no other test sees. The clock is the real one: rights go by it."""
    build_world(owner_url, TENANT)
    clock = Clock()
    clock.now = Clock.real()
    return Street(service, contract, clock, TENANT)


@pytest.fixture
def admin(town):
    town.clock.now = Clock.real()
    return town.admin


def made(admin, path, expect=201, **body):
    reply = admin.post(path, body)
    assert reply.status == expect, reply
    return reply


def changed(admin, path, expect=200, **body):
    reply = admin.patch(path, body, admin.get(path).etag)
    assert reply.status == expect, reply
    return reply


def retired(admin, path, expect=200, **body):
    reply = admin.post(f"{path}/retire", body, admin.get(path).etag)
    assert reply.status == expect, reply
    return reply


def refused(reply, status, code, *pointers):
    assert (reply.status, reply.code) == (status, code), reply
    assert not pointers or reply.pointers == list(pointers), reply


def day(ahead: int) -> str:
    return str(Clock.real().date() + timedelta(days=ahead))


def category(code="gas-meter", **more):
    return {"code": code, "class": "livelihood", "zh": "燃气", "lead_organisation": "city", "on_scene": False} | more


# (path, key, body to create, body to change)
OBJECTS = {
    "organisations": ("gas", {"code": "gas", "kind": "department", "name": "Gas", "phone": "1"}, {"phone": None}),
    "areas": ("XF-09", {"code": "XF-09", "kind": "grid", "name": "Ninth", "parent": "XF", "geometry": SQUARE}, {"name": "9"}),
    "dictionary-entries": ("category_class/livelihood",
                           {"dictionary": "category_class", "code": "livelihood", "zh": "民生", "en": "Life"}, {"en": "Living"}),
    "categories": ("gas-meter", category(), {"photo_required": True}),
    "calendar-days": (day(40), {"day": day(40), "kind": "holiday", "name": "Feast"}, {"kind": "workday"}),
    "people": (None, {"subject": "new-one", "name": "New One", "roles": ["community"], "organisation": "xf", "areas": ["XF"]},
               {"roles": ["grid_worker", "window_clerk"], "areas": [], "head": True}),
    "assignments": (None, {"grid": "XF-01", "kind": "part_time", "valid_from": day(3)}, {"valid_to": day(9)}),
}


@pytest.mark.parametrize("kind", OBJECTS)
def test_a_life(town, admin, kind, unique):
    """Created, read, changed, retired, and brought back; each once more under its key; each in the log."""
    key, body, change = OBJECTS[kind]
    if kind == "assignments":
        body = body | {"person_id": town.person("grid2")}
    new = admin.post(f"/v1/{kind}", body, key=unique)
    assert new.status == 201 and new["version"] == 1, new
    path = new.headers["Location"]
    assert path == f"/v1/{kind}/{key or new['id']}"
    again = admin.post(f"/v1/{kind}", body, key=unique)
    assert again.status == 201 and again.headers["Idempotent-Replayed"] == "true" and again.json == new.json
    refused(admin.post(f"/v1/{kind}", body), 409, "conflict")
    assert admin.get(path).json == new.json
    listed = admin.get(f"/v1/{kind}", limit=200, geometry="true" if kind == "areas" else None)["items"]
    if kind != "people":  # staff see less of each other than administrators do
        assert new.json in listed

    assert admin.patch(path, change).status == 428
    after = changed(admin, path, **change)
    assert after["version"] == 2 and change.items() <= after.json.items()
    refused(admin.patch(path, change, new.etag), 412, "precondition_failed")
    assert changed(admin, path, **change)["version"] == 2, "nothing changed"

    gone = admin.post(f"{path}/retire", {"note": "no longer needed"}, after.etag, key=unique)
    assert gone.status == 200, gone
    assert admin.post(f"{path}/retire", {"note": "no longer needed"}, after.etag, key=unique).json == gone.json
    refused(admin.post(f"{path}/retire", {}, after.etag, key=unique), 422, "idempotency_key_reused")
    assert gone["version"] == 3 and gone.json.get("active", False) is False
    refused(admin.post(f"{path}/retire", {}, gone.etag), 409, "already_done")
    events = admin.get("/v1/admin-events", key=path.split(f"{kind}/")[1])["items"]
    assert [e["action"] for e in events] == ["retire", "edit", "create"]
    assert events[0]["note"] == "no longer needed" and events[0]["actor"]["name"] == "Admin"
    assert events[2]["before"] is None and events[1]["before"] == events[2]["after"]
    if kind != "assignments":
        assert changed(admin, path, active=True)["active"] is True


def test_a_department_without_a_programmer(town, admin):
    made(admin, "/v1/organisations", code="heating", kind="department", name="Heating")
    made(admin, "/v1/people", subject="heating-1", name="Stoker", roles=["department"], organisation="heating", head=True)
    stoker = town.client("heating-1", ["department"])
    assert stoker.get("/v1/me")["organisation"]["code"] == "heating"
    case = town.report(at="XF-01")
    town.grid1.case(case["id"], "accept")
    town.grid1.case(case["id"], "register", level="ordinary")
    lead = {"organisation": "heating", "role": "lead", "task": "Heat"}
    town.dispatcher.case(case["id"], "whistle", kind="everyday", tickets=[lead])
    (ticket,) = stoker.get("/v1/tickets")["items"]
    assert stoker.ticket(ticket["id"], "sign")["state"] == "signed"

    retired(admin, "/v1/organisations/heating")
    other = town.report(at="XF-01")
    town.grid1.case(other["id"], "accept")
    town.grid1.case(other["id"], "register", level="ordinary")
    town.dispatcher.case(other["id"], "whistle", 422, kind="everyday", tickets=[lead])
    assert stoker.ticket(ticket["id"], "report-in", point=town.point("XF-01"))["state"] == "reported_in", "what runs goes on"


def test_a_retired_category_takes_no_new_case(town, admin):
    made(admin, "/v1/dictionary-entries", dictionary="category_class", code="noise", zh="噪声", en="Noise")
    questions = [{"code": "since", "zh": "自", "en": "Since", "type": "text", "required": True}]
    made(admin, "/v1/categories", **category("barking", **{"class": "noise", "questions": questions}))
    assert town.citizen.post("/v1/cases", town.body("XF-01", category="barking")).pointers == ["/answers/since"]
    town.report(at="XF-01", category="barking", answers={"since": "May"})
    assert "barking" in str(town.citizen.get("/v1/catalog").json)
    retired(admin, "/v1/categories/barking")
    refused(town.citizen.post("/v1/cases", town.body("XF-01", category="barking", answers={"since": "May"})), 422,
            "unknown_reference", "/category")
    assert "barking" not in str(town.citizen.get("/v1/catalog")["categories"])


def test_own_terms_stand_for_the_common_ones(town, admin, street):
    def tags(client):
        return {e["code"]: e["en"] for e in client.get("/v1/catalog")["dictionaries"]["tag"]}

    made(admin, "/v1/dictionary-entries", dictionary="tag", code="petition", zh="上访", en="Ours")
    made(admin, "/v1/dictionary-entries", dictionary="tag", code="flood", zh="水", en="Flood")
    assert tags(town.citizen)["petition"] == "Ours" and tags(town.citizen)["flood"] == "Flood"
    assert tags(street.citizen)["petition"] == "Petition" and "flood" not in tags(street.citizen)
    retired(admin, "/v1/dictionary-entries/tag/petition")
    assert "petition" not in tags(town.citizen) and "petition" in tags(street.citizen)
    refused(admin.post("/v1/dictionary-entries", {"dictionary": "level", "code": "x", "zh": "x", "en": "x"}), 422, "invalid_body")


def test_a_new_grid_and_its_worker(town, admin):
    made(admin, "/v1/areas", code="CA-02", kind="grid", name="Second", parent="CA", geometry=SQUARE)
    person = made(admin, "/v1/people", subject="fresh", name="Fresh", roles=["grid_worker"], organisation="ca")
    fresh = town.client("fresh", ["grid_worker"])
    inside = {"lon": 125.7395, "lat": 41.603}
    case = town.report(location=inside)
    assert case.json.get("area") in (None, {"code": "CA-02", "name": "Second"})
    assert fresh.get(f"/v1/cases/{case['id']}").status == 404
    held = made(admin, "/v1/assignments", grid="CA-02", person_id=person["id"], kind="full_time", valid_from=day(-1))
    assert fresh.get(f"/v1/cases/{case['id']}")["area"]["code"] == "CA-02"
    twice = {"grid": "CA-02", "person_id": town.person("grid1"), "kind": "full_time", "valid_from": day(5)}
    refused(admin.post("/v1/assignments", twice), 409, "conflict")
    refused(admin.post("/v1/areas/CA-02/retire", {}, "*"), 409, "in_use")
    retired(admin, f"/v1/assignments/{held['id']}")
    assert fresh.get(f"/v1/cases/{case['id']}").status == 404
    made(admin, "/v1/assignments", **twice)
    assert [a["id"] for a in admin.get("/v1/assignments", grid="CA-02", on=day(-1))["items"]] == [held["id"]]


def test_an_area_moves_with_all_below(town, admin, db):
    for code, kind, parent in (("E1", "estate", "XF-02"), ("B1", "building", "E1"), ("B2", "building", "B1")):
        body = {"code": code, "kind": kind, "name": code, "parent": parent}
        if code == "B2":
            refused(admin.post("/v1/areas", body), 422, "invalid_value", "/parent")
        else:
            made(admin, "/v1/areas", **body)
    assert admin.get("/v1/areas/B1")["community"] == "XF"
    assert changed(admin, "/v1/areas/E1", parent="CA-01")["community"] == "CA"
    assert admin.get("/v1/areas/B1")["community"] == "CA"
    path = "SELECT path FROM areas WHERE tenant = %s AND code = 'B1'"
    assert db.execute(path, [TENANT]).fetchone()[0] == ["ST", "CA", "CA-01", "E1", "B1"]
    refused(admin.patch("/v1/areas/E1", {"parent": "B1"}, "*"), 422, "invalid_value", "/parent")
    refused(admin.post("/v1/areas/E1/retire", {}, "*"), 409, "in_use")
    refused(admin.post("/v1/areas/ST/retire", {}, "*"), 409, "in_use")
    refused(admin.patch("/v1/areas/E1", {"code": "E2"}, "*"), 422, "invalid_body", "/code")


@pytest.mark.parametrize("outline", [
    {}, {"type": "Point", "coordinates": [125, 41]}, {"type": "Polygon"}, {"type": "Polygon", "coordinates": "no"},
    {"type": "Polygon", "coordinates": []}, {"type": "Polygon", "coordinates": [[[1, 2], [3, 4]]]},
    {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]},
    {"type": "Polygon", "coordinates": [[[500, 0], [501, 0], [501, 1], [500, 0]]]}, SQUARE | {"crs": {"type": "name"}},
])  # fmt: skip
def test_an_outline_is_one(admin, outline):
    refused(admin.patch("/v1/areas/XF-02", {"geometry": outline}, "*"), 422, "invalid_value", "/geometry")


def test_references_exist(town, admin):
    def no(path, why, pointer, /, **body):
        refused(admin.post(path, body), 422, why, pointer)

    no("/v1/organisations", "unknown_reference", "/parent", code="x", kind="office", name="x", parent="nobody")
    no("/v1/areas", "unknown_reference", "/parent", code="x", kind="grid", name="x", parent="nowhere")
    no("/v1/areas", "unknown_reference", "/organisation", code="x", kind="grid", name="x", parent="XF", organisation="no")
    no("/v1/areas", "invalid_value", "/parent", code="x", kind="community", name="x", parent="XF")
    no("/v1/categories", "unknown_reference", "/class", **category("x", **{"class": "nothing"}))
    known = {"class": "tests2"}
    made(admin, "/v1/dictionary-entries", dictionary="category_class", code="tests2", zh="x", en="x")
    no("/v1/categories", "unknown_reference", "/lead_organisation", **category("x", lead_organisation="no", **known))
    no("/v1/categories", "unknown_reference", "/joint_method", **category("x", joint_method="no", **known))
    no("/v1/areas", "invalid_value", "/code", code="none", kind="grid", name="x", parent="XF")
    choice = {"code": "c", "zh": "c", "en": "c", "type": "choice", "required": False}
    no("/v1/categories", "invalid_value", "/questions/0", **category("x", questions=[choice], **known))
    no("/v1/assignments", "unknown_reference", "/grid", grid="XF", person_id=town.person("grid1"), kind="part_time",
       valid_from=day(0))
    no("/v1/assignments", "unknown_reference", "/person_id", grid="XF-01", person_id=town.person("city"), kind="part_time",
       valid_from=day(0))
    no("/v1/assignments", "out_of_range", "/valid_to", grid="XF-02", person_id=town.person("grid1"), kind="part_time",
       valid_from=day(3), valid_to=day(1))
    for path in ("/v1/organisations/no", "/v1/areas/no", "/v1/categories/no", "/v1/dictionary-entries/tag/no",
                 "/v1/calendar-days/2000-01-01", f"/v1/people/{town.person('nobody')}", "/v1/policies/99"):
        refused(admin.get(path), 404, "not_found")


def test_nobody_stands_above_themselves(admin):
    made(admin, "/v1/organisations", code="up", kind="office", name="Up")
    made(admin, "/v1/organisations", code="down", kind="office", name="Down", parent="up")
    refused(admin.patch("/v1/organisations/up", {"parent": "down"}, "*"), 422, "invalid_value", "/parent")
    refused(admin.post("/v1/organisations/up/retire", {}, "*"), 409, "in_use")
    refused(admin.post("/v1/organisations/city/retire", {}, "*"), 409, "in_use")
    refused(admin.post("/v1/organisations/xf/retire", {}, "*"), 409, "in_use")


def test_what_a_person_may_be(town, admin):
    def no(code, pointer, **body):
        refused(admin.post("/v1/people", {"subject": "p", "name": "P"} | body), 422, code, pointer)

    no("invalid_value", "/roles", roles=["admin", "dispatcher"])
    no("required", "/organisation", roles=["department"])
    no("unknown_reference", "/organisation", roles=["department"], organisation="no")
    no("unknown_reference", "/areas/1", roles=["community"], areas=["XF", "no"])
    no("invalid_value", "/posts", roles=["supervisor"], posts=["secretary"])
    no("invalid_body", "/roles", roles=[])
    me = f"/v1/people/{town.person('admin')}"
    refused(admin.post(f"{me}/retire", {}, "*"), 409, "last_admin")
    refused(admin.patch(me, {"roles": ["citizen"]}, "*"), 409, "last_admin")
    clerk = f"/v1/people/{town.person('clerk')}"
    retired(admin, clerk)
    refused(town.clerk.get("/v1/me"), 403, "subject_inactive")
    assert town.person("clerk") in [p["id"] for p in admin.get("/v1/people", active="false", limit=200)["items"]]
    assert town.person("clerk") not in [p["id"] for p in admin.get("/v1/people", limit=200)["items"]]
    changed(admin, clerk, active=True, roles=["supervisor"])
    assert town.client("clerk", ["window_clerk", "supervisor"]).get("/v1/me")["roles"] == ["supervisor"]


def test_policies_come_in_versions(town, admin, unique):
    later = Clock.real() + timedelta(days=365 * 50)
    body = {"settings": {"ordinary_minutes": 45}, "valid_from": later.isoformat(), "note": "Winter"}
    new = admin.post("/v1/policies", body, key=unique)
    assert new.status == 201 and new["version"] == 2 and new.headers["Location"] == "/v1/policies/2"
    assert new["settings"] == {"ordinary_minutes": 45}
    assert new["effective"]["ordinary_minutes"] == 45 and new["effective"]["complex_minutes"] == 240
    assert admin.post("/v1/policies", body, key=unique).json == new.json
    assert admin.get("/v1/policies/2").json == new.json
    assert [p["version"] for p in town.leader.get("/v1/policies")["items"]] == [2, 1]
    assert town.report(at="XF-01")["policy_version"] == 1
    town.clock.now = later + timedelta(minutes=1)
    case = town.report(at="XF-01")
    assert case["policy_version"] == 2
    assert case["resolve_due_at"][:16] == (later.astimezone(Clock.real().tzinfo) + timedelta(minutes=46)).isoformat()[:16]
    assert admin.patch("/v1/policies/2", {}, "*").status == 405


def test_sixteen_at_once(town, admin):
    """Versions are counted once each; two administrators who retire each other leave one."""
    def twin(client):
        return Client(client.base, client.contract, client.token, client.name, client.clock)

    far = (Clock.real() + timedelta(days=365 * 70)).isoformat()
    with ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(lambda c: c.post("/v1/policies", {"settings": {}, "valid_from": far}),
                                [twin(admin) for _ in range(16)]))
    assert [r.status for r in replies] == [201] * 16 and len({r["version"] for r in replies}) == 16

    second = made(admin, "/v1/people", subject="admin-2", name="Second", roles=["admin", "citizen"])
    mine = f"/v1/people/{town.person('admin')}"
    calls = [(town.client("admin-2", ["admin"]), mine), (twin(admin), f"/v1/people/{second['id']}")]
    with ThreadPoolExecutor(2) as pool:
        replies = list(pool.map(lambda call: call[0].post(f"{call[1]}/retire", {}, "*"), calls))
    statuses = sorted(r.status for r in replies)
    assert statuses in ([200, 403], [200, 409]), replies
    if replies[0].status == 200:
        changed(calls[0][0], mine, active=True)


@pytest.mark.parametrize("name,value", [
    ("ordinary_minutes", 0), ("ordinary_minutes", 1.5), ("ordinary_minutes", "5"), ("ordinary_minutes", 10**9),
    ("rate_days", 0), ("rate_days", None), ("check_metres", 0), ("callback_tries", -1), ("working_hours", []),
    ("working_hours", ["09:00"]), ("working_hours", ["17:00", "09:00"]), ("working_hours", ["9", "17"]),
    ("working_hours", "09:00"), ("stages", [100, 80]), ("stages", 80), ("check_share", {"patrol": 101}),
    ("check_share", {"nowhere": 50}), ("check_share", 50), ("satisfied_weights", {"5": "x"}), ("satisfied_weights", {}),
    ("satisfied_weights", {"1": 0, "2": 0, "3": 0.6, "4": 0.8, "5": 1.5}), ("score_weights", {"response": 0, "solve": 0, "satisfy": 0}),
    ("satisfied_weights", {"1": -1, "2": 0, "3": 0.6, "4": 0.8, "5": 1}), ("score_weights", {"response": 1, "solve": 1}),
    ("score_weights", {"response": 1, "solve": 1, "satisfy": 1, "else": 1}), ("unreasonable_codes", ["nothing"]),
    ("unreasonable_codes", [1]), ("unreasonable_codes", "other"),
])  # fmt: skip
def test_a_setting_has_its_range(admin, name, value):
    refused(admin.post("/v1/policies", {"settings": {name: value}}), 422, "out_of_range", f"/settings/{name}")


def test_settings_that_nobody_reads_and_times_gone_by(admin):
    refused(admin.post("/v1/policies", {"settings": {"ordinary_minute": 5}}), 422, "unknown_field", "/settings/ordinary_minute")
    past = (Clock.real() - timedelta(minutes=5)).isoformat()
    refused(admin.post("/v1/policies", {"settings": {}, "valid_from": past}), 422, "not_in_future", "/valid_from")
    everything = admin.get("/v1/policies/1")["effective"]
    later = (Clock.real() + timedelta(days=365 * 60)).isoformat()
    made(admin, "/v1/policies", settings=everything, valid_from=later)


def test_the_calendar_counts(town, admin, db):
    wednesday = Clock.real().date() + timedelta(days=(9 - Clock.real().weekday()) + 21)
    assert wednesday.weekday() == 2

    def worked(when: date) -> bool:
        return db.execute("SELECT is_working_day(%s, %s)", [TENANT, when]).fetchone()[0]

    path = made(admin, "/v1/calendar-days", day=str(wednesday), kind="holiday").headers["Location"]
    assert not worked(wednesday)
    retired(admin, path)
    assert worked(wednesday)
    changed(admin, path, active=True)
    assert not worked(wednesday)
    days = town.grid1.get("/v1/calendar-days", **{"from": str(wednesday), "to": str(wednesday)})["items"]
    assert [d["kind"] for d in days] == ["holiday"]
    refused(admin.post("/v1/calendar-days", {"day": day(-1), "kind": "holiday"}), 422, "not_in_future", "/day")
    town.clock.now = Clock.real() + timedelta(days=60)
    refused(admin.patch(path, {"kind": "workday"}, "*"), 409, "window_over")


def test_only_administrators_write(town):
    bodies = {kind: body for kind, (_, body, _) in OBJECTS.items()} | {"policies": {"settings": {}}}
    bodies["assignments"] = bodies["assignments"] | {"person_id": town.person("grid1")}
    for subject in ("citizen", "grid1", "dispatcher", "leader", "supervisor", "auditor", "city"):
        client = town.client(subject, [*PEOPLE[subject][1], "admin"])
        for kind, body in bodies.items():
            refused(client.post(f"/v1/{kind}", body), 403, "insufficient_role")
        refused(client.post("/v1/areas/XF/retire", {}, "*"), 403, "insufficient_role")
        refused(client.patch("/v1/areas/XF", {"name": "Mine"}, "*"), 403, "insufficient_role")
    refused(town.leader.get("/v1/admin-events"), 403, "insufficient_role")
    refused(town.leader.get(f"/v1/people/{town.person('leader')}"), 403, "insufficient_role")


def test_an_administrator_has_no_case(town, admin):
    case = town.report(at="XF-01")["id"]
    for reply in (admin.get("/v1/cases"), admin.get(f"/v1/cases/{case}"), admin.get(f"/v1/cases/{case}/events"),
                  admin.get("/v1/tickets"), admin.get("/v1/requests"), admin.post("/v1/cases", town.body("XF-01")),
                  admin.post(f"/v1/cases/{case}/accept", {}, "*")):
        refused(reply, 403, "insufficient_role")


def test_another_street_is_out_of_sight(admin, elsewhere, unique):
    other = elsewhere.admin
    code = unique.replace("_", "-")
    made(admin, "/v1/organisations", code=code, kind="office", name="Ours alone")
    refused(other.get(f"/v1/organisations/{code}"), 404, "not_found")
    refused(other.patch(f"/v1/organisations/{code}", {"name": "Theirs"}, "*"), 404, "not_found")
    refused(other.post(f"/v1/organisations/{code}/retire", {}, "*"), 404, "not_found")
    assert code not in [o["code"] for o in other.get("/v1/organisations", limit=200)["items"]]
    for path in ("/v1/dictionary-entries", "/v1/admin-events", "/v1/calendar-days"):
        assert other.get(path)["items"] == []
    assert [p["version"] for p in other.get("/v1/policies")["items"]] == [1]


def test_the_auditor_reads_the_log_masked(town, admin):
    person = made(admin, "/v1/people", subject="masked", name="欧阳建军", phone="13912345678", roles=["supervisor"])
    (full,) = admin.get("/v1/admin-events", key=person["id"], kind="person")["items"]
    (masked,) = town.auditor.get("/v1/admin-events", key=person["id"], person=town.person("admin"))["items"]
    assert full["after"]["phone"] == "13912345678" and full["after"]["name"] == "欧阳建军"
    assert masked["after"]["phone"] == "139****5678" and masked["after"]["name"] != "欧阳建军"
    pages, cursor = [], None
    while cursor or not pages:
        page = town.auditor.get("/v1/admin-events", limit=5, cursor=cursor, count="exact")
        pages.append([e["id"] for e in page["items"]])
        cursor = page["next_cursor"]
    ids = sum(pages, [])
    assert len(ids) == len(set(ids)) == page["total"] and ids == sorted(ids, reverse=True)
