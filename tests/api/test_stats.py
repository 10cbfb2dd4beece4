"""Figures through the door: the job counts from the feed, roles and areas narrow, wrong periods are refused."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from support.postgres import select_pause
from support.world import LOCAL, Clock, Street, build_world, iso


@pytest.fixture
def day(clock) -> dict:
    """The day of the test's clock: no other test's cases fall into it."""
    today = clock.now.date()
    return {"from": today.isoformat(), "to": (today + timedelta(days=1)).isoformat()}


def settled(client, path: str, drained, **query):
    """Asked until everything is counted."""
    drained()
    while (reply := client.get(path, **query))["behind"] > 0:
        select_pause()
    return reply


def ended(street, clock, satisfied: int = 5, **more):
    case = street.report(category="litter", at="XF-01", **more)
    clock.forward(minutes=2)
    street.grid1.case(case["id"], "accept")
    street.grid1.case(case["id"], "register", level="ordinary")
    street.grid1.case(case["id"], "start-source")
    street.grid1.post(f"/v1/cases/{case['id']}/arrive", {"point": street.point("XF-01")})
    clock.forward(minutes=20)
    street.grid1.case(case["id"], "source-done", result="Swept", reply="Gone.")
    checked = street.grid2.case(case["id"], "check", point=street.point("XF-01"), **{"pass": True})
    if checked["state"] == "evaluating":
        street.citizen.case(case["id"], "rate", contacted=True, solved="yes", satisfied=satisfied)
    return case


def test_rates_of_a_day(street, clock, day, drained):
    ended(street, clock)
    ended(street, clock, satisfied=4)
    street.report(at="XF-02")
    found = settled(street.leader, "/v1/stats/rates", drained, **day)
    assert found["period"] == day
    assert found["residents"]["arrive"] == {"numerator": 2, "denominator": 3, "rate": 0.666667}
    assert found["residents"]["ordinary"] == {"numerator": 2, "denominator": 3, "rate": 0.666667}
    assert found["residents"]["plan"] == {"numerator": 0, "denominator": 0, "rate": None}
    assert found["rates"]["satisfy"] == {"numerator": 1.8, "denominator": 2, "rate": 0.9}
    assert found["rates"]["score"]["rate"] == 0.965
    assert found["rates"]["closed"] == {"numerator": 2, "denominator": 3, "rate": 0.666667}
    assert found["rates"]["source_solved"] == {"numerator": 2, "denominator": 2, "rate": 1}
    assert found["rates"]["return"]["rate"] is None
    assert found["weights"]["score"] == {"response": 30, "solve": 35, "satisfy": 35}
    for narrow, denominator in (({"area": "XF"}, 3), ({"area": ["XF-01", "XF"]}, 3), ({"area": "XF-02"}, 1), ({"area": "CA"}, 0),
                                ({"category": "litter"}, 3), ({"category": "litter", "area": "XF-01"}, 2),
                                ({"organisation": "city"}, 0), ({"level": "complex"}, 0), ({"area": "nowhere"}, 0)):
        assert street.auditor.get("/v1/stats/rates", **day, **narrow)["rates"]["closed"]["denominator"] == denominator, narrow


def test_periods_are_half_open(street, clock, drained):
    street.report(at="XF-01")
    today = clock.now.date()

    def received(first: int, past: int) -> int:
        period = {"from": (today + timedelta(days=first)).isoformat(), "to": (today + timedelta(days=past)).isoformat()}
        return settled(street.supervisor, "/v1/stats/rates", drained, **period)["rates"]["whistle"]["denominator"]

    assert [received(0, 1), received(-1, 0), received(1, 2), received(-1, 2)] == [1, 0, 0, 1]


def test_steps(street, clock, day, drained):
    ended(street, clock)
    found = settled(street.dispatcher, "/v1/stats/steps", drained, **day)
    steps = {step["step"]: step for step in found["steps"]}
    assert steps["accept"]["count"] == 1 and steps["accept"]["sum_seconds"] == 120 == steps["accept"]["mean_seconds"]
    assert abs(steps["resolve"]["median_seconds"] / 1320 - 1) <= 0.05
    assert steps["sign"] == {"step": "sign", "count": 0, "sum_seconds": 0, "mean_seconds": None,
                             "median_seconds": None, "p90_seconds": None}


def test_excluded_are_listed_page_by_page(street, clock, day, drained):
    cases = {ended(street, clock, reporter={"anonymous": True})["id"] for _ in range(3)}
    settled(street.leader, "/v1/stats/rates", drained, **day)
    first = street.leader.get("/v1/stats/excluded", **day, limit=2, count="exact")
    assert first["total"] == 3 and len(first["items"]) == 2
    rest = street.leader.get("/v1/stats/excluded", **day, limit=2, cursor=first["next_cursor"])
    assert rest["next_cursor"] is None
    items = first["items"] + rest["items"]
    assert {i["case_id"] for i in items} == cases
    assert {(i["reason"], i["day"], i["area"]["code"], i["state"]) for i in items} == {
        ("anonymous", day["from"], "XF-01", "closed")}
    assert street.leader.get("/v1/stats/excluded", **day, reason="unreachable")["items"] == []
    assert street.leader.get("/v1/stats/excluded", **day, area="CA")["items"] == []


def test_who_reads_them(street, clock, day, drained):
    street.report(at="XF-01")
    settled(street.leader, "/v1/stats/rates", drained, **day)

    def received(client, **query) -> int:
        return client.get("/v1/stats/rates", **day, **query)["rates"]["whistle"]["denominator"]

    for subject in ("leader", "supervisor", "dispatcher", "auditor", "community_xf"):
        assert received(getattr(street, subject)) == 1
    assert received(street.community_ca) == 0 and received(street.community_ca, area="XF") == 0
    assert received(street.client("leader", ["leader"], areas=["CA"])) == 0, "a token only narrows"
    for subject in ("citizen", "grid1", "clerk", "city", "admin", "property"):
        for what in ("rates", "steps", "excluded"):
            reply = getattr(street, subject).get(f"/v1/stats/{what}", **day)
            assert (reply.status, reply.code) == (403, "insufficient_role")


def test_wrong_periods(street, day):
    for what in ("rates", "steps", "excluded"):
        for wrong in ({"from": day["to"], "to": day["from"]}, {"from": day["from"], "to": day["from"]},
                      {"from": "2000-01-01", "to": "2020-01-01"}):
            reply = street.leader.get(f"/v1/stats/{what}", **wrong)
            assert reply.status == 422, reply
        assert street.leader.get(f"/v1/stats/{what}", **{"from": day["from"]}).status == 422
        assert street.leader.get(f"/v1/stats/{what}", **day | {"to": "2024-02-30"}).status == 422


def test_no_street_differs_from_the_recomputation(street, clock, day, drained, db):
    ended(street, clock)
    settled(street.leader, "/v1/stats/rates", drained, **day)
    assert db.execute("SELECT * FROM stats_differences('street')").fetchall() == []


# 天门 2016-12, as published: 972 should be closed, 911 are (93.72 %), 737 of them on time (75.82 %).
DUE, CLOSED, ON_TIME = 972, 911, 737
SECOND = timedelta(seconds=1)


class Tianmen:
    """A street whose cases close as soon as they are solved: none is drawn for a check, and nobody can be asked."""

    def __init__(self, service, contract, owner_url, db):
        build_world(owner_url, "tianmen")
        db.execute("INSERT INTO policies (tenant, version, valid_from, settings) VALUES ('tianmen', 2, '2020-01-01', %s)",
                   ('{"check_share": {"phone": 0}}',))
        self.service, self.contract = service, contract
        self.first, self.past = (datetime(2036, month, 1, tzinfo=LOCAL) for month in (12, 1))
        self.past = self.past.replace(year=2037)

    def case(self, due: datetime, closed: datetime | None) -> None:
        """Raised by phone half an hour before it is due, solved at the source."""
        clock = Clock()
        worker = Street(self.service, self.contract, clock, "tianmen").grid1
        clock.now = due - timedelta(minutes=30)
        case = worker.post("/v1/cases", {
            "description": "In the way", "kind": "problem", "category": "advice", "address": "a", "area": "XF-01", "source": "phone",
            "level": "ordinary", "register": True, "start_source": True, "reporter": {"anonymous": True}})
        assert case.status == 201 and case["resolve_due_at"] == iso(due), case
        if closed:
            clock.now = closed
            done = worker.post(f"/v1/cases/{case['id']}/source-done", {"result": "r", "reply": "p"}, case.etag)
            assert done.status == 200 and done["state"] == "closed", done

    def month(self) -> list[tuple]:
        """Due and closed of each: on the edges, on time, late within the month, after it, and never."""
        plan = []
        for n in range(DUE):
            due = self.first if n == 0 else self.past - SECOND if n == 1 else self.first + timedelta(minutes=45 * n)
            if n < ON_TIME:
                closed = due if n < 2 else due - timedelta(minutes=n % 29)
            elif n < CLOSED:
                closed = self.past - SECOND if n % 2 else min(due + timedelta(days=1), self.past - SECOND)
            else:
                closed = None if n % 3 else self.past + timedelta(days=n % 2)
            plan.append((due, closed))
        return plan


def test_tianmen_2016_12(service, contract, owner_url, db, drained):
    tianmen = Tianmen(service, contract, owner_url, db)
    after = sum(closed is not None for _, closed in tianmen.month()[CLOSED:])
    beside = [(tianmen.first - SECOND, tianmen.first), (tianmen.past, tianmen.past)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda case: tianmen.case(*case), tianmen.month() + beside))
    clock = Clock()
    leader = Street(service, contract, clock, "tianmen").leader

    def rates(first, past) -> dict:
        return settled(leader, "/v1/stats/rates", drained, **{"from": first, "to": past}).json

    december = rates("2036-12-01", "2037-01-01")
    assert december["rates"]["closed"] == {"numerator": 911, "denominator": 972, "rate": 0.937243}
    assert december["rates"]["on_time"] == {"numerator": 737, "denominator": 972, "rate": 0.75823}
    assert december["residents"]["ordinary"] == {"numerator": 737, "denominator": 972, "rate": 0.75823}
    assert december["rates"]["response"] == {"numerator": 0, "denominator": 0, "rate": None}, "nobody could be asked"
    assert december["rates"]["source_solved"]["rate"] == 1
    # Half and half are the whole; a later end sees what was closed later, and the second beside the month.
    halves = [rates("2036-12-01", "2036-12-16"), rates("2036-12-16", "2037-01-01")]
    assert sum(h["rates"]["closed"]["denominator"] for h in halves) == 972
    assert sum(h["rates"]["on_time"]["numerator"] for h in halves) == 737
    assert rates("2036-12-01", "2037-02-01")["rates"]["closed"]["numerator"] == 911 + after + 1
    assert rates("2036-11-30", "2037-01-02")["rates"]["closed"]["denominator"] == 974
    listed = leader.get("/v1/stats/excluded", **{"from": "2036-12-01", "to": "2037-01-01", "reason": "anonymous", "count": "exact", "limit": 1})
    assert listed["total"] == 912, "closed in the month: 911 of its own and the one due the second before"
