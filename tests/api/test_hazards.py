"""The ledger over HTTP: from the find to the verification, who sees what, pages, figures, exports."""

import csv
import io
import json
import uuid
from datetime import timedelta

import pytest
from support.world import iso


def nodes(clock, *hours):
    return [{"title": f"Step {n}", "due_at": iso(clock.now + timedelta(hours=n))} for n in hours]


def act(client, hazard_id, action, expect=200, **body):
    return client.act("hazards", hazard_id, action, expect, **body)


def submitted(street, client, hazard_id):
    return act(client, hazard_id, "submit", result="Cleared", photos_after=[street.photo(client)])


def test_from_the_find_to_the_verification(street, clock):
    photo = street.photo(street.grid1)
    hazard = street.hazard(responsible={"name": "侯晓燕", "phone": "13900010006", "organisation": "xf"}, photos_before=[photo])
    assert (hazard["colour"], hazard["capacity"], hazard["due_at"], hazard["overdue"]) == ("red", 30, None, False)
    assert hazard["allowed_actions"] == ["plan", "node_done", "start", "submit"]
    assert [p["id"] for p in hazard["photos_before"]] == [photo]
    hid = hazard["id"]
    planned = act(street.grid1, hid, "plan", nodes=nodes(clock, 24, 48))
    assert planned["due_at"] == iso(clock.now + timedelta(hours=48)) and len(planned["nodes"]) == 2
    clock.forward(hours=1)
    act(street.grid1, hid, "start")
    act(street.grid1, hid, "node-done", node_id=planned["nodes"][0]["node_id"], note="Done", photos=[street.photo(street.grid1)])
    clock.forward(hours=48)
    assert street.dispatcher.get(f"/v1/hazards/{hid}")["overdue"] is True
    after = submitted(street, street.grid1, hid)
    assert (after["state"], after["overdue"], after["result"]) == ("submitted", False, "Cleared")
    assert act(street.supervisor, hid, "fail", 422).pointers == ["/reason"]
    act(street.supervisor, hid, "fail", reason="The shelf is back")
    submitted(street, street.grid1, hid)
    passed = act(street.community_xf, hid, "pass")
    assert (passed["state"], passed["colour"], passed["rework_count"]) == ("verified", "red", 1)
    assert passed["verified_by"]["id"] == street.person("community_xf")
    history = street.leader.get(f"/v1/hazards/{hid}/events", limit=200, count="exact")
    assert [e["action"] for e in history["items"]] == ["create", "plan", "start", "node_done", "submit", "fail", "submit", "pass"]
    assert history["total"] == 8 and {e["colour"] for e in history["items"]} == {"red"}
    moved = street.leader.get(f"/v1/hazards/{hid}/deadline-changes", count="exact")
    assert [(d["old_due_at"], d["cause"]) for d in moved["items"]] == [(None, "plan")] and moved["total"] == 1


def test_the_colour_is_not_the_clients(street):
    body = {"place_id": street.place("hall30"), "category": "litter", "description": "d", "same_day_fixable": False}
    assert street.grid1.post("/v1/hazards", body | {"colour": "blue"}).pointers == ["/colour"]
    assert street.grid1.post("/v1/hazards", body | {"capacity": 3}).pointers == ["/capacity"]
    missing = street.grid1.post("/v1/hazards", {})
    assert missing.pointers == ["/category", "/description", "/place_id", "/same_day_fixable"]
    unknown = street.grid1.post("/v1/hazards", body | {"place_id": street.place("unknown")})
    assert (unknown.status, unknown.pointers) == (422, ["/place_id"]) and unknown.json["errors"][0]["code"] == "capacity_unknown"


def test_versions_and_retries(street, unique):
    body = {"place_id": street.place("hall29"), "category": "litter", "description": "d", "same_day_fixable": True}
    first, again = (street.grid1.post("/v1/hazards", body, key=unique) for _ in range(2))
    assert first["id"] == again["id"] and again.headers["Idempotent-Replayed"] == "true"
    assert street.grid1.post("/v1/hazards", body | {"description": "e"}, key=unique).code == "idempotency_key_reused"
    path = f"/v1/hazards/{first['id']}/start"
    assert street.grid1.post(path).status == 428
    assert street.grid1.post(path, etag='"99"').status == 412
    done = [street.grid1.post(path, {}, first.etag, f"{unique}-s") for _ in range(2)]
    assert [d.status for d in done] == [200, 200] and done[1].headers["Idempotent-Replayed"] == "true"
    assert done[0]["version"] == done[1]["version"] == 2
    assert street.grid1.post(path, {}, first.etag).status == 412


SEES = {  # by where it lies
    "hall30": {"grid1", "community_xf"}, "garage": {"grid1", "community_xf", "property"},
    "kiosk": {"grid2", "community_xf", "property"}, "far": {"grid3", "community_ca"},
}


@pytest.mark.parametrize("place", SEES)
def test_who_sees_it(street, place):
    finder = {"kiosk": street.grid2, "far": street.grid3}.get(place, street.grid1)
    hazard = street.hazard(finder, place)
    path = f"/v1/hazards/{hazard['id']}"
    for name in ("grid1", "grid2", "grid3", "community_xf", "community_ca", "property"):
        expected = 200 if name in SEES[place] else 404
        for more in ("", "/events", "/deadline-changes"):
            assert getattr(street, name).get(path + more).status == expected, (name, more)
        listed = [h["id"] for h in getattr(street, name).get("/v1/hazards", place=street.place(place), limit=200)["items"]]
        assert (hazard["id"] in listed) == (expected == 200), name
        sums = getattr(street, name).get("/v1/hazards/summary", place=street.place(place))["matrix"]
        assert (sum(line["total"] for line in sums) > 0) == (expected == 200), name
    for name in ("dispatcher", "leader", "supervisor", "auditor"):
        assert getattr(street, name).get(path).status == 200, name
    for name in ("citizen", "clerk", "city", "admin"):
        for where in ("/v1/hazards", path, f"{path}/events", "/v1/hazards/summary", "/v1/hazards/export"):
            assert getattr(street, name).get(where).code == "insufficient_role", (name, where)
    assert street.dispatcher.get(f"/v1/hazards/{uuid.uuid4()}").code == "not_found"


def test_streets_do_not_see_each_other(street, elsewhere):
    hazard = street.hazard()
    assert elsewhere.leader.get(f"/v1/hazards/{hazard['id']}").status == 404
    assert elsewhere.grid1.post(f"/v1/hazards/{hazard['id']}/start", {}, hazard.etag).status == 404
    body = {"place_id": street.place("hall30"), "category": "litter", "description": "d", "same_day_fixable": False}
    assert elsewhere.grid1.post("/v1/hazards", body).pointers == ["/place_id"]


def test_a_narrow_token_sees_less(street):
    hazard = street.hazard()
    narrow = street.client("leader", ["leader"], areas=["CA"])
    assert narrow.get(f"/v1/hazards/{hazard['id']}").status == 404
    for areas, shown in (["CA"], False), (["XF"], True):
        place = street.client("leader", ["leader"], areas=areas).get(f"/v1/places/{street.place('hall30')}")
        assert ("hazard_colour" in place.json) == shown, areas


def test_the_auditor_sees_masks_and_does_nothing(street):
    hazard = street.hazard(responsible={"name": "侯晓燕", "phone": "13900010006"})
    seen = street.auditor.get(f"/v1/hazards/{hazard['id']}")
    assert seen["responsible"]["name"] == "侯**" and seen["responsible"]["phone"] == "139****0006"
    assert seen["found_by"]["name"].startswith("G*") and seen["allowed_actions"] == []
    assert street.auditor.post(f"/v1/hazards/{hazard['id']}/start", {}, hazard.etag).code == "insufficient_role"


def test_pictures_are_for_who_sees_the_hazard(street):
    photo = street.photo(street.grid1)
    assert street.supervisor.get(f"/v1/attachments/{photo}").status == 404
    street.hazard(photos_before=[photo])
    assert street.supervisor.get(f"/v1/attachments/{photo}").status == 200
    assert street.grid2.get(f"/v1/attachments/{photo}").status == street.citizen.get(f"/v1/attachments/{photo}").status == 404
    again = street.grid1.post("/v1/cases", street.body("XF-01", attachments=[photo]))
    assert again.pointers == ["/attachments/0"]


def test_filters_and_pages(street, clock):
    clock.forward(days=4000)
    red = street.hazard(place="far", client=street.grid3, nodes=nodes(clock, 1))
    clock.forward(minutes=1)
    blue = street.hazard(place="far", client=street.grid3, same_day_fixable=True)
    act(street.grid3, blue["id"], "start")
    since = iso(clock.now - timedelta(minutes=2))
    mine = {red["id"], blue["id"]}

    def found(**params):
        return [h["id"] for h in street.dispatcher.get("/v1/hazards", limit=200, **params)["items"] if h["id"] in mine]

    assert found() == found(community="CA") == found(place=street.place("far")) == [blue["id"], red["id"]]
    assert found(colour="red") == found(state="open") == [red["id"]]
    assert found(colour=["red", "blue"]) == [blue["id"], red["id"]] and found(colour="orange") == []
    assert found(state="rectifying") == [blue["id"]] and found(community="XF") == []
    clock.forward(hours=2)
    assert found(overdue="true") == [red["id"]] and found(overdue="false") == [blue["id"]]
    first = street.community_ca.get("/v1/hazards", limit=1, count="exact")
    assert [h["id"] for h in first["items"]] == [blue["id"]] and first["total"] >= 2
    second = street.community_ca.get("/v1/hazards", limit=1, cursor=first["next_cursor"])
    assert [h["id"] for h in second["items"]] == [red["id"]]
    rows = lines(street.dispatcher.get("/v1/hazards/export", format="ndjson", found_from=since))
    assert [row["id"] for row in rows] == [red["id"], blue["id"]]
    assert lines(street.dispatcher.get("/v1/hazards/export", format="ndjson", found_from=since, state="open"))[0]["id"] == red["id"]


def line_of(street, colour, **params):
    [line] = [x for x in street.dispatcher.get("/v1/hazards/summary", **params)["matrix"] if x["colour"] == colour]
    return line


def test_the_matrix_counts(street, clock):
    place = {"place": street.place("hall0")}
    before = line_of(street, "orange", **place)
    hazard = street.hazard(place="hall0", nodes=nodes(clock, 1))
    after = line_of(street, "orange", **place)
    assert (after["open"], after["total"]) == (before["open"] + 1, before["total"] + 1)
    clock.forward(hours=2)
    assert line_of(street, "orange", **place)["overdue"] >= 1
    submitted(street, street.grid1, hazard["id"])
    act(street.supervisor, hazard["id"], "pass")
    after = line_of(street, "orange", **place)
    assert (after["verified"], after["total"]) == (before["verified"] + 1, before["total"] + 1)
    assert all(x["total"] == sum(x[state] for state in ("open", "rectifying", "submitted", "verified", "referred", "voided"))
               for x in street.leader.get("/v1/hazards/summary")["matrix"])


def test_a_place_has_the_worst_colour(elsewhere):
    """The kiosk of this street has no hazard but these."""
    def colour(client):
        [place] = [p for p in client.get("/v1/places", limit=200)["items"] if p["id"] == elsewhere.place("kiosk")]
        return place.get("hazard_colour", "absent")

    assert colour(elsewhere.grid2) == "none" and colour(elsewhere.grid1) == colour(elsewhere.city) == "absent"
    blue = elsewhere.hazard(elsewhere.grid2, "kiosk", same_day_fixable=True)
    assert colour(elsewhere.leader) == "blue"
    orange = elsewhere.hazard(elsewhere.grid2, "kiosk")
    assert colour(elsewhere.grid2) == colour(elsewhere.community_xf) == "orange"
    assert elsewhere.leader.get("/v1/hazards/summary", place=elsewhere.place("kiosk"))["places"] == {"red": 0, "orange": 1, "blue": 0}
    for hazard in (orange, blue):
        submitted(elsewhere, elsewhere.grid2, hazard["id"])
        act(elsewhere.supervisor, hazard["id"], "pass")
    assert colour(elsewhere.grid2) == "none"


def lines(reply):
    assert reply.status == 200, reply
    return [json.loads(line) for line in reply.content.splitlines()]


def test_export_for_excel(street, clock):
    clock.forward(days=5000)
    hazard = street.hazard(description="=1+1", responsible={"name": "@sum", "phone": "+861390001"}, nodes=[
        {"title": "-clear", "due_at": iso(clock.now + timedelta(hours=3))}])
    since = {"found_from": iso(clock.now)}
    sheet = street.dispatcher.get("/v1/hazards/export", bom="true", header="zh", times="local", **since)
    assert sheet.content.startswith(b"\xef\xbb\xbf") and sheet.headers["Content-Type"].startswith("text/csv")
    [row] = csv.DictReader(io.StringIO(sheet.content.decode("utf-8-sig"), newline=""))
    assert (row["隐患内容"], row["责任人姓名"], row["责任人电话"]) == ("'=1+1", "'@sum", "'+861390001")
    assert row["时间节点"].startswith("'-clear ") and row["颜色"] == "red" and row["容纳人数"] == "30"
    assert row["发现时间"] == clock.now.strftime("%Y-%m-%d %H:%M:%S")
    [line] = lines(street.dispatcher.get("/v1/hazards/export", format="ndjson", **since))
    assert (line["description"], line["responsible"]["name"]) == ("=1+1", "@sum")
    listed = street.dispatcher.get("/v1/hazards", limit=1)["items"][0]
    assert listed["id"] == line["id"] == hazard["id"]
    same = set(line) & set(listed) - {"nodes", "colour_history"}
    assert {n: line[n] for n in same} == {n: listed[n] for n in same}
    [masked] = lines(street.auditor.get("/v1/hazards/export", format="ndjson", **since))
    assert masked["responsible"]["phone"] != "+861390001"
    assert lines(street.grid2.get("/v1/hazards/export", format="ndjson", **since)) == []
    record = street.leader.get("/v1/audit-exports", limit=200)["items"]
    mine = [r for r in record if r["operation"] == "hazards.export" and r["person"]["id"] == street.person("dispatcher")]
    assert [r["rows"] for r in mine[:2]] == [1, 1] and "found_from" in mine[0]["filter"]
