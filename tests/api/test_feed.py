"""The feed while many write: what commits late is not skipped, however the writers overlap."""

import random
import threading
import time

import psycopg

WRITERS, EACH = 6, 25


def slow_writer(url: str, schema: str, tenant: str, cases: list, seed: int, written: set) -> None:
    """An event's row in the outbox, committed a while after its number was drawn."""
    dice = random.Random(seed)
    with psycopg.connect(url) as connection:
        connection.execute(f"SET search_path = {schema}, whistled, public")
        connection.commit()
        for _ in range(EACH):
            case = dice.choice(cases)
            connection.execute("SELECT outbox_put(%s, %s, 1, NULL, '{}', NULL, clock_timestamp())", [tenant, case])
            time.sleep(dice.random() * 0.03)
            connection.commit()
            written.add(case)


def follow(client, cursor, seen: list):
    """One page; returns where to go on and whether there was something."""
    page = client.get("/v1/cases", updated_after="2020-01-01T00:00:00Z", cursor=cursor, limit=7)
    assert page.status == 200 and page["next_cursor"], page
    seen += [item["id"] for item in page["items"]]
    return page["next_cursor"], bool(page["items"])


def test_nothing_that_commits_late_is_skipped(street, db, owner_url, drained):
    schema = db.execute("SELECT current_schema()").fetchone()[0]
    cases = [street.report(category="advice", address="Feed")["id"] for _ in range(12)]
    drained()
    cursor, more = None, True
    while more:
        cursor, more = follow(street.dispatcher, cursor, [])
    seen, written = [], set()
    threads = [threading.Thread(target=slow_writer, args=(owner_url, schema, street.tenant, cases, seed, written))
               for seed in range(WRITERS)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        cursor, _ = follow(street.dispatcher, cursor, seen)
    drained()
    more = True
    while more:
        cursor, more = follow(street.dispatcher, cursor, seen)
    assert written <= set(seen)
    positions = [p for (p,) in db.execute(
        "SELECT position FROM feed WHERE tenant = %s ORDER BY position", [street.tenant])]
    assert positions == list(range(positions[0], positions[0] + len(positions))), "positions are dense"


def test_a_place_in_another_order_is_none_in_the_feed(street, drained):
    street.report(category="advice", address="Feed")
    street.report(category="advice", address="Feed")
    cursor = street.dispatcher.get("/v1/cases", limit=1)["next_cursor"]
    refused = street.dispatcher.get("/v1/cases", limit=1, cursor=cursor, updated_after="2020-01-01T00:00:00Z")
    assert (refused.status, refused.code) == (422, "cursor_invalid")


def test_a_feed_goes_on_by_its_cursor_alone(street, drained):
    case = street.report(category="advice", address="Feed")
    drained()
    cursor, more = None, True
    while more:
        cursor, more = follow(street.dispatcher, cursor, [])
    street.dispatcher.case(case["id"], "accept")
    drained()
    page = street.dispatcher.get("/v1/cases", cursor=cursor, limit=200)
    assert [item["id"] for item in page["items"]] == [case["id"]]


def test_a_lost_world_says_start_over(street, db, drained):
    street.report(category="advice", address="Feed")
    drained()
    cursor, more = None, True
    while more:
        cursor, more = follow(street.dispatcher, cursor, [])
    last = db.execute("SELECT last_position FROM feed_positions WHERE tenant = %s", [street.tenant]).fetchone()[0]
    db.execute("UPDATE feed_positions SET last_position = 0 WHERE tenant = %s", [street.tenant])
    try:
        reset = street.dispatcher.get("/v1/cases", cursor=cursor, limit=1)
    finally:
        db.execute("UPDATE feed_positions SET last_position = %s WHERE tenant = %s", [last, street.tenant])
    assert (reset.status, reset.code) == (410, "cursor_reset")
