"""Smaller promises of the machines, each in one place: intake, arrival, tickets, ratings."""

from datetime import timedelta

from support.world import iso
from test_story_complex import whistled, work


def test_a_grid_comes_from_the_point_and_a_border_goes_to_the_lowest_code(street):
    border = {"lon": 125.71, "lat": 41.605}  # between XF-01 and XF-02
    assert street.report(location=border)["area"]["code"] == "XF-01"
    nowhere = street.report(location={"lon": 120.0, "lat": 30.0})
    assert nowhere["area"] is None and nowhere["community"] is None
    listed = street.dispatcher.get("/v1/cases", area="none", number=nowhere["number"])
    assert [c["id"] for c in listed["items"]] == [nowhere["id"]]


def test_one_way_to_say_where_is_wanted(street):
    body = street.body()
    reply = street.citizen.post("/v1/cases", body)
    assert (reply.status, reply.code) == (422, "place_missing")


def test_duplicates_are_ids_for_staff_and_a_count_for_a_resident(street):
    first = street.report(category="advice", at="CA-01")
    resident = street.report(category="advice", at="CA-01")["duplicates"]
    assert resident["count"] >= 1 and not resident.get("ids")
    staff = street.report(street.dispatcher, source="phone", category="advice", at="CA-01")["duplicates"]
    assert first["id"] in staff["ids"] and staff["count"] == len(staff["ids"])


def test_only_on_scene_categories_have_an_arrive_clock(street):
    assert street.report(category="advice", at="XF-01")["arrive_due_at"] is None
    assert street.report(category="litter", at="XF-01")["arrive_due_at"] is not None


def test_the_first_arrival_counts_and_gives_a_point_to_a_case_without_one(street, clock):
    case = street.report(address="Somewhere")
    path = f"/v1/cases/{case['id']}/arrive"
    first = street.grid1.post(path, {"point": street.point("XF-01")})
    assert first["area"]["code"] == "XF-01" and first["location"]["lon"] == street.point("XF-01")["lon"]
    at = clock.now
    clock.forward(minutes=1)
    again = street.grid1.post(path, {"point": street.point("XF-02")})
    assert again.status == 200 and again["arrived_at"] == iso(at)
    assert again["area"]["code"] == "XF-01", "a later arrival is kept, and moves nothing"


def test_registering_above_ordinary_counts_from_intake(street, clock):
    start = clock.now
    case = street.report(at="XF-01")
    street.dispatcher.case(case["id"], "accept")
    clock.forward(minutes=20)
    registered = street.dispatcher.case(case["id"], "register", level="complex")
    assert registered["resolve_due_at"] == iso(start + timedelta(hours=4))


def test_first_contact_is_the_staff_creator_and_never_changes(street):
    case = street.report(street.clerk, source="window", at="XF-01")
    assert case["first_contact"]["name"] == "Window Clerk"
    assert street.grid1.case(case["id"], "accept")["first_contact"]["name"] == "Window Clerk"


def test_a_late_whistle_keeps_the_floor(street, clock):
    """Never later than the case's resolve due, never earlier than issue + floor: the breach is the case's, not theirs."""
    case = street.report(category="pothole", at="XF-01")
    street.dispatcher.case(case["id"], "accept")
    street.dispatcher.case(case["id"], "register", level="complex")
    clock.forward(hours=5)
    case = street.dispatcher.case(case["id"], "whistle", kind="everyday",
                                  tickets=[{"organisation": "city", "role": "lead", "task": "t"}])
    ticket = street.city.get(f"/v1/tickets/{case['tickets'][0]['id']}")
    dues = {name: ticket[f"{name}_due_at"] for name in ("sign", "contact", "report", "finish")}
    assert dues == {"sign": iso(clock.now + timedelta(minutes=10)), "contact": iso(clock.now + timedelta(minutes=60)),
                    "report": iso(clock.now + timedelta(minutes=30)), "finish": iso(clock.now + timedelta(minutes=60))}


def test_later_whistles_only_assist(street):
    case = whistled(street, organisations=("city",))
    second = {"kind": "everyday", "tickets": [{"organisation": "water", "role": "lead", "task": "t"}]}
    refused = street.dispatcher.case(case["id"], "whistle", 409, **second)
    assert refused.code == "lead_not_closed"
    second["tickets"][0]["role"] = "assist"
    joined = street.dispatcher.case(case["id"], "whistle", **second)
    assert [t["role"] for t in joined["tickets"]] == ["lead", "assist"]


def test_signing_takes_the_case_to_handling_and_names_the_first_handler(street):
    case = whistled(street)
    street.water.ticket(case["tickets"][1]["id"], "sign")
    now = street.dispatcher.get(f"/v1/cases/{case['id']}")
    assert now["state"] == "handling"
    assert (now["first_handler"]["kind"], now["first_handler"]["id"]) == ("organisation", "city")
    assert now["handler"]["id"] == "city"


def test_category_off_scene_starts_without_reporting_in(street):
    case = street.report(category="advice", at="XF-01")
    street.dispatcher.case(case["id"], "accept")
    street.dispatcher.case(case["id"], "register", level="complex")
    case = street.dispatcher.case(case["id"], "whistle", kind="everyday",
                                  tickets=[{"organisation": "city", "role": "lead", "task": "t"}])
    ticket = case["tickets"][0]["id"]
    street.city.ticket(ticket, "sign")
    assert street.city.ticket(ticket, "start")["state"] == "in_progress"


def test_an_unsatisfied_resident_opens_a_request_to_reopen(street):
    case = street.report(at="XF-01")
    for action, body in (("accept", {}), ("register", {"level": "ordinary"}), ("start-source", {}),
                         ("source-done", {"result": "r", "reply": "p"})):
        street.grid1.case(case["id"], action, **body)
    street.grid2.case(case["id"], "check", point=street.point("XF-01"), **{"pass": True})
    rated = street.citizen.case(case["id"], "rate", contacted=True, solved="no", satisfied=1)
    assert rated["state"] == "closed"
    pending = street.supervisor.get("/v1/requests", state="pending", kind="reopen", decidable="true", limit=200)["items"]
    assert [r for r in pending if r["case_id"] == case["id"]]


def test_a_breach_is_a_row_written_at_its_moment(street, clock, db):
    case = street.report(at="XF-01")
    due = clock.now + timedelta(minutes=5)
    clock.forward(minutes=6)
    db.execute("SELECT clock_tick(%s)", (clock.now,))
    found = db.execute("SELECT clock, due, breached_at FROM breaches WHERE tenant = 'street' AND case_id = %s",
                       (case["id"],)).fetchall()
    assert [(c, d) for c, d, _ in found] == [("arrive", due)]
    db.execute("SELECT clock_tick(%s)", (clock.now,))
    again = db.execute("SELECT count(*) FROM breaches WHERE tenant = 'street' AND case_id = %s", (case["id"],)).fetchone()
    assert again == (1,)


def test_submitted_work_is_not_breached_while_it_waits_for_approval(street, clock, db):
    case = whistled(street, organisations=("city",))
    lead = case["tickets"][0]["id"]
    work(street.city, lead, street.point("XF-01"), reply="p")
    clock.forward(hours=5)
    db.execute("SELECT clock_tick(%s)", (clock.now,))
    clocks = {r[0] for r in db.execute("SELECT clock FROM breaches WHERE tenant = 'street' AND case_id = %s",
                                       (case["id"],))}
    assert "resolve" not in clocks and "finish" not in clocks
    # Refused later, the row is written then, with the old due.
    street.dispatcher.ticket(lead, "rework", reason="no")
    db.execute("SELECT clock_tick(%s)", (clock.now,))
    rows = dict(db.execute("SELECT clock, due FROM breaches WHERE tenant = 'street' AND case_id = %s", (case["id"],)).fetchall())
    assert iso(rows["resolve"]) == case["resolve_due_at"]


def test_duplicates_out_of_sight_are_only_counted(street):
    """A window clerk sees what the own window created: of other cases beside it the number, and no ids."""
    seen = street.report(street.clerk, source="window", category="gas_leak", at="CA-01")["id"]
    unseen = street.report(street.grid3, source="patrol", category="gas_leak", at="CA-01")["id"]
    assert street.clerk.get(f"/v1/cases/{unseen}").status == 404
    told = street.report(street.clerk, source="window", category="gas_leak", at="CA-01")["duplicates"]
    assert told["count"] >= 2 and seen in told["ids"] and unseen not in told["ids"]
    assert unseen in street.report(street.grid3, category="gas_leak", at="CA-01")["duplicates"]["ids"]
