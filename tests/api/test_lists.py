"""Lists: filters, keyset pages that are stable under inserts, counts, the feed, waiting."""

import threading
import time
from datetime import timedelta

from support.client import Client
from support.world import iso
from test_story_complex import whistled


def walk(client, path, **params):
    """Every item over all pages."""
    items, cursor = [], None
    while True:
        page = client.get(path, cursor=cursor, **params)
        assert page.status == 200, page
        items += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return items
        assert 'rel="next"' in page.headers["Link"]


def test_pages_are_whole_and_stable_under_inserts(street, unique, clock):
    made = []
    for i in range(7):
        clock.forward(seconds=1)
        made.append(street.report(category="litter", at="XF-02", title=unique)["id"])
    params = {"area": "XF-02", "sort": "received", "limit": 3, "status": "open"}
    first = street.dispatcher.get("/v1/cases", **params)
    clock.forward(seconds=1)
    street.report(category="litter", at="XF-02")
    rest = walk(street.dispatcher, "/v1/cases", **params)
    ids = [c["id"] for c in rest]
    assert len(ids) == len(set(ids))
    assert set(made) <= set(ids)
    page2 = street.dispatcher.get("/v1/cases", cursor=first["next_cursor"], **params)
    assert not {c["id"] for c in page2["items"]} & {c["id"] for c in first["items"]}


def test_filters_or_inside_and_between(street, unique):
    litter = street.report(category="litter", at="XF-01", title=unique)
    pothole = street.report(category="pothole", at="CA-01", title=unique)
    street.grid1.case(litter["id"], "accept")

    def found(**params):
        return {c["id"] for c in walk(street.dispatcher, "/v1/cases", limit=200, **params)} & {
            litter["id"], pothole["id"]}

    assert found(category=["litter", "pothole"]) == {litter["id"], pothole["id"]}
    assert found(category=["litter", "pothole"], status="accepted") == {litter["id"]}
    assert found(area="XF") == {litter["id"]}
    assert found(area="CA-01") == {pothole["id"]}
    assert found(number=pothole["number"]) == {pothole["id"]}
    assert found(status="open") == {litter["id"], pothole["id"]}
    assert found(level="complex") == set()
    assert found(source="patrol") == set()


def test_text_search_in_chinese(street):
    case = street.report(category="litter", at="XF-01", description="光明路口的井盖松动，夜间有响声")
    other = street.report(category="litter", at="XF-01", description="楼道灯不亮")

    def found(q):
        return {c["id"] for c in walk(street.dispatcher, "/v1/cases", q=q, limit=200)} & {case["id"], other["id"]}

    assert found("井盖") == {case["id"]}
    assert found("灯") <= {other["id"]}
    assert found("井盖 夜间") == {case["id"]}
    assert found("井夜") == set()


def test_overdue_is_the_servers_clock(street, clock, unique):
    case = street.report(category="litter", at="XF-01")
    listed = {c["id"] for c in walk(street.dispatcher, "/v1/cases", overdue="true", limit=200)}
    assert case["id"] not in listed
    clock.forward(minutes=6)
    shown = street.dispatcher.get(f"/v1/cases/{case['id']}")
    assert shown["overdue"] is True and shown["overdue_clocks"] == ["arrive"]
    listed = {c["id"] for c in walk(street.dispatcher, "/v1/cases", overdue="true", limit=200)}
    assert case["id"] in listed


def test_count_page_past_the_end_and_foreign_cursors(street):
    street.report(category="litter", at="XF-01")
    page = street.dispatcher.get("/v1/cases", count="exact", limit=1)
    assert page["total"] >= 1
    cursor = page["next_cursor"]
    if cursor:
        assert street.dispatcher.get("/v1/cases", cursor=cursor[:-2] + "AA", limit=1).status == 422
        other = street.dispatcher.get("/v1/cases", cursor=cursor, limit=1, level="major")
        assert (other.status, other.code) == (422, "cursor_invalid")
        assert street.leader.get("/v1/cases", cursor=cursor, limit=1).status == 422


def test_feed_shows_every_change_and_a_cursor_when_there_is_none(street, clock, drained):
    case = street.report(category="litter", at="XF-01")
    drained()
    page = street.dispatcher.get("/v1/cases", updated_after=iso(clock.real()), limit=200)
    # What others changed in the last minutes comes before it.
    while case["id"] not in {c["id"] for c in page["items"]}:
        assert page["items"], "the feed ended without it"
        page = street.dispatcher.get("/v1/cases", cursor=page["next_cursor"], updated_after=iso(clock.real()), limit=200)
    cursor = page["next_cursor"]
    while page["items"]:
        page = street.dispatcher.get("/v1/cases", cursor=cursor, updated_after=iso(clock.real()), limit=200)
        cursor = page["next_cursor"]
        assert cursor is not None
        break


def test_waiting_department_is_woken_by_its_ticket(street, clock):
    page = street.water.get("/v1/tickets", status="issued", limit=200)
    known = {t["id"] for t in page["items"]}
    # Nothing matches this filter yet, so the call waits.
    case = street.report(category="pothole", at="XF-01")
    waiter = Client(street.water.base, street.water.contract, street.water.token, "waiter", clock)
    result = {}

    def wait():
        result["reply"] = waiter.request("GET", "/v1/tickets", params={"case": case["id"]},
                                         headers={"Prefer": "wait=20"})
        result["at"] = time.monotonic()

    thread = threading.Thread(target=wait)
    thread.start()
    street.dispatcher.case(case["id"], "accept")
    street.dispatcher.case(case["id"], "register", level="complex")
    street.dispatcher.case(case["id"], "whistle", kind="everyday",
                           tickets=[{"organisation": "water", "role": "lead", "task": "t"}])
    thread.join(25)
    reply = result["reply"]
    assert reply.status == 200 and len(reply["items"]) == 1
    assert reply["items"][0]["id"] not in known


def test_wait_ends_empty(street, unique):
    reply = street.city.request("GET", "/v1/tickets", params={"case": "0190a5f0-0000-7000-8000-000000000000"},
                                headers={"Prefer": "wait=1"})
    assert reply.status == 200 and reply["items"] == []
    assert reply.headers["Preference-Applied"] == "wait=1"
