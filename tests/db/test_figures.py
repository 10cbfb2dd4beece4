"""Figures: hand-computed data, half-open periods, null denominators, excluded cases, roll-ups that equal the rows."""

import os
import subprocess
import uuid
from datetime import date, datetime, timedelta

import pytest
from support.contract import ROOT
from support.machine import ROLES, Machine, at_source, done, registered, tickets_for, whistled, worked
from support.world import LOCAL, PEOPLE

ALL = {"area": None, "organisation": None, "category": None, "level": None}


def asked(m, what: str, first: date, past: date, subject: str = "leader", **filters):
    f = ALL | filters
    return m.one(
        f"SELECT s.* FROM {what}(me(%s, %s, %s, %s, NULL, NULL), %s, %s, %s, %s, %s, %s) AS s",
        m.tenant, subject, PEOPLE[subject][1], ROLES, first, past, f["area"], f["organisation"], f["category"], f["level"])


def rates(m, first: date | None = None, past: date | None = None, **filters) -> dict:
    """Of the day of the test's clock unless said."""
    first = first or m.clock.now.date()
    reply = asked(m, "stats_rates", first, past or first + timedelta(days=30), **filters)
    assert reply["behind"] == 0
    flat = reply["rates"] | {f"5341 {k}": v for k, v in reply["residents"].items()}
    flat |= {f"others {k}": v for k, v in reply["others"].items()}
    return {k: (v["numerator"], v["denominator"]) for k, v in flat.items()} | {
        f"{k} rate": v["rate"] for k, v in flat.items()}


def plain(sums: list) -> list[tuple]:
    return sorted((s["measure"], s["bucket"], int(s["cases"]), int(s["hits"]), int(s["ms"])) for s in sums)


class Archive:
    """Closed cases put straight into the tables: as many as a hand-computed table needs."""

    def __init__(self, m):
        self.m, self.position = m, 0

    def case(self, due: datetime, closed: datetime | None, late: bool = False, **more) -> str:
        case_id = str(uuid.uuid4())
        row = {
            "tenant": self.m.tenant, "id": case_id, "number": case_id, "state": "closed" if closed else "handling",
            "kind": "problem", "category": "litter", "description": "d", "source": "phone", "created_role": "dispatcher",
            "policy_version": 1, "received_at": due - timedelta(minutes=30), "round_started_at": due - timedelta(minutes=30),
            "resolve_due_at": due, "resolved_at": closed, "closed_at": closed, "state_at": due, "updated_at": due} | more
        self.m.cursor.execute(
            f"INSERT INTO cases ({', '.join(row)}) VALUES ({', '.join(['%s'] * len(row))})", list(row.values()))
        if late:
            self.m.cursor.execute(
                "INSERT INTO breaches (tenant, case_id, subject, clock, run, round, due, breached_at)"
                " VALUES (%s, %s, %s, 'resolve', 1, 1, %s, %s)", (self.m.tenant, case_id, case_id, due, due))
        self.position += 1
        self.m.cursor.execute("INSERT INTO case_feed VALUES (%s, %s, %s)", (self.m.tenant, case_id, self.position))
        self.m.cursor.execute(
            "INSERT INTO feed_positions VALUES (%s, %s) ON CONFLICT (tenant) DO UPDATE SET last_position = excluded.last_position",
            (self.m.tenant, self.position))
        return case_id


@pytest.fixture
def archive(db, owner_url):
    m = Machine(db, owner_url)
    yield Archive(m)
    # These cases have no events: the auditor of the whole run must not see them.
    for table in ("breaches", "case_feed", "cases", "figures", "case_figures", "figure_progress", "feed_positions"):
        db.execute(f"DELETE FROM {table} WHERE tenant = %s", (m.tenant,))


def test_tianmen_2016_12(archive):
    """天门 2016-12: 972 due, 911 closed = 93.72 %, 737 on time = 75.82 %."""
    m, first, past = archive.m, datetime(2016, 12, 1, tzinfo=LOCAL), datetime(2017, 1, 1, tzinfo=LOCAL)
    second = timedelta(seconds=1)
    for n in range(972):
        due = first if n == 0 else past - second if n == 1 else first + timedelta(minutes=44 * n)
        if n < 911:
            archive.case(due, past - second if n % 7 == 0 else min(due, past - second), late=n >= 737)
        elif n < 930:
            archive.case(due, past if n % 2 else past + timedelta(days=3))
        else:
            archive.case(due, None)
    archive.case(first - second, first, late=True)
    archive.case(past, past)
    for state in ("rejected", "merged", "voided"):
        archive.case(first + second, None, state=state)
    m.count()
    december = rates(m, first.date(), past.date())
    assert december["closed"] == (911, 972) and december["closed rate"] == 0.937243
    assert december["on_time"] == (737, 972) and december["on_time rate"] == 0.75823
    assert december["5341 ordinary"] == (930 - (911 - 737), 972), "solved on time though closed after the end"
    # Twice the half is the whole, and a later end sees later closures.
    half = date(2016, 12, 16)
    parts = [rates(m, first.date(), half), rates(m, half, past.date())]
    assert sum(p["closed"][1] for p in parts) == 972
    assert rates(m, first.date(), date(2017, 1, 2))["closed"] == (911 + 10 + 1, 973)
    assert rates(m, first.date(), date(2017, 2, 1))["closed"] == (930 + 1, 973)
    assert m.miscounted() == []


def test_nothing_has_no_rate(m):
    nothing = asked(m, "stats_rates", date(2001, 1, 1), date(2001, 2, 1))
    for part in ("residents", "others", "rates"):
        for rate in nothing[part].values():
            assert rate["rate"] is None and rate["denominator"] == 0 and rate["numerator"] == 0
    steps = asked(m, "stats_steps", date(2001, 1, 1), date(2001, 2, 1))["steps"]
    assert len(steps) == 13 and {s["median_seconds"] for s in steps} == {None} and {s["count"] for s in steps} == {0}


def rated(m, solved: str = "yes", satisfied: int = 5, contacted: bool = True, **more):
    case = done(m.create(category="litter", **more))
    m.clock.forward(minutes=2)
    done(m.case("grid1", "arrive", case, point=m.point))
    done(m.case("grid1", "accept", case))
    done(m.case("grid1", "register", case, level="ordinary"))
    done(m.case("grid1", "start_source", case))
    m.clock.forward(minutes=8)
    done(m.case("grid1", "source_done", case, result="r", reply="p"))
    m.clock.forward(minutes=10)
    done(m.case("grid2", "check", case, point=m.point, **{"pass": True}))
    done(m.case("citizen", "rate", case, contacted=contacted, solved=solved, satisfied=satisfied))
    return case


def test_three_rates_and_their_sum(m):
    rated(m)
    rated(m, "partly", 4, False)
    rated(m, "yes", 3)
    rated(m, "no", 2)
    m.count()
    found = rates(m)
    assert found["response"] == (3, 4) and found["solve"] == (2, 4) and found["satisfy"] == (2.4, 4)
    assert found["score"] == (30 * 0.75 + 35 * 0.5 + 35 * 0.6, 100) and found["score rate"] == 0.61
    assert found["5341 arrive"] == (4, 4) and found["5341 ordinary"] == (4, 4) and found["others arrive"] == (0, 0)
    assert found["source_solved"] == (4, 4) and found["whistle"] == (0, 4) and found["closed"] == (4, 4)
    # Another policy, other weights; in force on the last day of the period.
    m.cursor.execute(
        "INSERT INTO policies (tenant, version, valid_from, settings) VALUES (%s, 2, %s, %s)",
        (m.tenant, m.clock.now + timedelta(days=1), '{"score_weights": {"response": 30, "solve": 20, "satisfy": 50}}'))
    today = m.clock.now.date()
    assert rates(m, today, today + timedelta(days=1))["score rate"] == 0.61
    assert rates(m, today, today + timedelta(days=2))["score rate"] == round((30 * 0.75 + 20 * 0.5 + 50 * 0.6) / 100, 6)


def test_steps_are_exact_in_sum_and_near_in_rank(m):
    for _ in range(3):
        rated(m)
    m.count()
    today = m.clock.now.date()
    for filters in ({}, {"category": ["litter"]}, {"area": ["XF"], "category": ["litter"]}):
        for past in (today + timedelta(days=1), today + timedelta(days=70)):
            steps = {s["step"]: s for s in asked(m, "stats_steps", today, past, **filters)["steps"]}
            for step, seconds in {"accept": 120, "arrive": 120, "resolve": 600, "check": 600, "close": 1200}.items():
                assert (steps[step]["count"], steps[step]["sum_seconds"]) == (3, 3 * seconds)
                for quantile in ("median_seconds", "p90_seconds"):
                    assert abs(steps[step][quantile] / seconds - 1) <= 0.05
            assert steps["whistle"]["count"] == 0 and steps["evaluate"]["median_seconds"] == 0


def test_buckets_are_at_most_five_per_cent_off(m):
    worst = m.one(
        "SELECT max(abs(bucket_seconds(step_bucket(n)) * 1000 / n - 1)) AS off"
        " FROM (SELECT (1.0007 ^ g)::bigint AS n FROM generate_series(1000, 30000) AS g) AS x WHERE n > 0")
    assert worst["off"] <= 0.05


def test_departments(m):
    case = whistled(m, "city", "water")
    lead, assist = m.tickets(case)
    done(m.ticket("water", "sign", assist))
    request = done(m.ask("water", "ticket", assist, kind="return", basis="b"))
    done(m.decide("dispatcher", "approve", request))
    done(m.ticket("city", "sign", lead))
    done(m.ticket("city", "contact", lead))
    until = m.clock.now + timedelta(days=1)
    delay = done(m.ask("city", "ticket", lead, kind="delay", until=until.isoformat()))
    done(m.decide("leader", "approve", delay))
    done(m.create())
    m.count()
    found = rates(m)
    assert found["return"] == (1, 2) and found["delay"] == (1, 1) and found["contact"] == (1, 1)
    assert found["whistle"] == (1, 2)
    assert rates(m, organisation=["water"])["return"] == (1, 1)
    assert rates(m, organisation=["city"])["return"] == (0, 1)
    assert rates(m, organisation=["city", "water"], area=["XF-01"])["return"] == (1, 2)
    assert rates(m, area=["CA"])["return"] == (0, 0)


def test_failed_check_counts_as_rework_once_closed(m):
    case = at_source(m)
    done(m.case("grid2", "check", case, reason="no", point=m.point, **{"pass": False}))
    done(m.case("grid1", "source_done", case, result="r", reply="p"))
    done(m.case("grid2", "check", case, point=m.point, **{"pass": True}))
    m.count()
    assert rates(m)["rework"] == (0, 0)
    done(m.case("citizen", "rate", case, contacted=True, solved="yes", satisfied=5))
    m.count()
    assert rates(m)["rework"] == (1, 1)


def test_upgrade_after_the_fact_stays_late(m):
    case = registered(m, "ordinary")
    m.tick(minutes=31)
    done(m.case("leader", "reclass", case, level="complex", reason="r"))
    done(m.case("dispatcher", "whistle", case, kind="everyday", tickets=tickets_for("city")))
    ticket = m.tickets(case)[0]
    worked(m, "city", ticket)
    done(m.ticket("dispatcher", "approve", ticket, rating=5))
    done(m.case("dispatcher", "feedback", case))
    m.count()
    found = rates(m)
    assert found["5341 ordinary"] == (0, 0), "only cases whose final level is ordinary"
    assert found["5341 complex"] == (0, 1), "its resolve clock was breached once, as ordinary"


def test_a_second_round_leaves_the_first_as_it_was(m):
    case = rated(m, "no", 1)
    m.count()
    before = rates(m)
    assert before["5341 ordinary"] == (1, 1) and before["solve"] == (0, 1)
    done(m.decide("supervisor", "approve", m.pending(case, "reopen"), handler=m.person("grid1")))
    m.count()
    after = rates(m)
    assert after["5341 ordinary"] == (1, 1) and after["5341 arrive"] == (1, 1)
    assert after["solve"] == (0, 0), "no longer closed"
    assert after["closed"] == (0, 1), "due again in three working days"


def test_excluded_with_reason(m):
    def ended(**more):
        case = done(m.create(category="advice", **more))
        for subject, action, body in (("grid1", "accept", {}), ("grid1", "register", {"level": "ordinary"}),
                                      ("grid1", "start_source", {}), ("grid1", "source_done", {"result": "r", "reply": "p"}),
                                      ("grid2", "check", {"pass": True, "point": m.point})):
            done(m.case(subject, action, case, **body))
        return case

    reasons = {
        ended(reporter={"anonymous": True})["id"]: "anonymous",
        ended(reporter={"contactable": False})["id"]: "unreachable",
    }
    tried, silent = ended(), ended()
    for _ in range(3):
        done(m.case("supervisor", "callback", tried, reached=False))
    reasons |= {tried["id"]: "unreachable", silent["id"]: "not_reached"}
    lie, elsewhere = done(m.create()), done(m.create())
    done(m.case("dispatcher", "reject", lie, code="false_report", basis="b", reason="r"))
    done(m.case("dispatcher", "reject", elsewhere, code="not_ours", basis="b", reason="r"))
    reasons[lie["id"]] = "unreasonable"
    start = m.clock.now.date()
    m.tick(days=8)
    m.count()
    rows = m.all("SELECT case_id, excluded FROM case_figures WHERE tenant = %s AND excluded IS NOT NULL", m.tenant)
    assert {row["case_id"]: row["excluded"] for row in rows} == reasons
    found = rates(m, start, start + timedelta(days=9))
    assert found["response"] == (0, 0) and found["response rate"] is None
    assert found["whistle"] == (0, 4), "rejected never counts"


def test_roll_ups_equal_the_rows_for_every_filter(m):
    rated(m)
    case = whistled(m, "city", "water")
    worked(m, "city", m.tickets(case)[0])
    done(m.create("grid3", at="CA-01", category="advice", source="patrol"))
    m.tick(days=40)
    rated(m, "no", 1)
    m.count()
    first = m.clock.now.date() - timedelta(days=45)
    for areas in (None, ["ST"], ["XF-01", "CA"]):
        for kind, value in ((None, None), ("organisations", ["city"]), ("categories", ["litter", "advice"])):
            for length in (1, 44, 46, 120):
                if areas and kind:
                    continue
                f = {"areas": areas, "organisations": None, "categories": None} | ({kind: value} if kind else {})
                row = "ROW(%s::date, %s::date, %s::text[], %s::text[], %s::text[], NULL)::figure_filter"
                values = (first, first + timedelta(days=length), f["areas"], f["organisations"], f["categories"])
                for measures, rolled in (("figure_rates()", "summed_rates"), ("figure_steps()", "summed_steps")):
                    by_rows = m.all(f"SELECT * FROM summed_rows(%s, {row}, {measures})", m.tenant, *values)
                    by_sums = m.all(
                        f"SELECT measure, bucket, sum(cases) AS cases, sum(hits) AS hits, sum(ms) AS ms"
                        f" FROM {rolled}(%s, {row}) GROUP BY 1, 2 HAVING sum(cases) > 0", m.tenant, *values)
                    assert plain(by_rows) == plain(by_sums)


def test_the_check_finds_what_is_wrong_and_the_rebuild_mends_it(m):
    case = rated(m)
    m.count()
    assert m.miscounted() == []
    m.cursor.execute("UPDATE figures SET hits = hits + 1 WHERE tenant = %s AND cut = 'all' AND measure = 'on_time'", (m.tenant,))
    m.cursor.execute("UPDATE case_figures SET level = 'major' WHERE tenant = %s AND case_id = %s", (m.tenant, case["id"]))
    assert {d["object"] for d in m.miscounted()} == {"case", "figure"}
    assert m.one("SELECT stats_rebuild(%s) AS n", m.tenant)["n"] == 1
    assert m.miscounted() == []


def test_community_reads_its_own_area_only(m):
    done(m.create())
    done(m.create(at="CA-01"))
    m.count()
    assert rates(m)["whistle"] == (0, 2)
    assert rates(m, subject="community_ca")["whistle"] == (0, 1)
    assert rates(m, subject="community_ca", area=["XF"])["whistle"] == (0, 0)
    assert rates(m, subject="community_ca", area=["ST"])["whistle"] == (0, 1)
    assert rates(m, area=["XF", "XF-01", "XF-02"])["whistle"] == (0, 1), "what lies in another counts once"


def test_the_operators_command(m, owner_url):
    def run(*arguments):
        return subprocess.run([ROOT / "script" / "check-stats", *arguments, m.tenant], env=os.environ | {"DATABASE_URL": owner_url},
                              capture_output=True, text=True, timeout=120)

    done(m.create())
    m.count()
    assert run().returncode == 0, run().stderr
    m.cursor.execute("UPDATE figures SET cases = cases + 1 WHERE tenant = %s AND cut = 'area'", (m.tenant,))
    wrong = run()
    assert wrong.returncode != 0 and "area/XF-01" in wrong.stdout and "--rebuild" in wrong.stderr
    mended = run("--rebuild")
    assert mended.returncode == 0 and "1 cases counted anew" in mended.stdout
