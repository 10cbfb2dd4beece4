"""Figures: hand-computed data, half-open periods, null denominators, excluded cases, roll-ups that equal the rows."""

import os
import random
import subprocess
from collections import Counter
from datetime import date, timedelta

import pytest
from support.contract import ROOT
from support.machine import ROLES, at_source, done, registered, tickets_for, whistled, worked
from support.world import PEOPLE

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
    return sorted((s["step"], int(s["n"]), int(s["ms"])) for s in sums)


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
        "SELECT max(abs(bucket_seconds(step_code(3, n)) * 1000 / n - 1)) AS off, min(step_code(3, n) / 512) AS step"
        " FROM (SELECT (1.0007 ^ g)::bigint AS n FROM generate_series(1000, 40000) AS g) AS x WHERE n > 1")
    assert worst["off"] <= 0.05 and worst["step"] == 3
    nothing = m.one("SELECT step_code(13, 0) AS none, step_code(13, 1000000000000000) AS ages")
    assert (nothing["none"], nothing["ages"] // 512) == (13 * 512, 13)


@pytest.mark.parametrize("first,past,spans", [
    ("2024-01-01", "2025-01-01", "year 1"), ("2024-01-01", "2024-02-01", "month 1"), ("2024-02-28", "2024-03-01", "day 2"),
    ("2023-12-30", "2025-02-13", "day 2, year 1, month 1, ten 1, day 2"), ("2024-05-08", "2024-05-25", "ten -1, month 1, day 3, day 4, ten -1"),
    ("2024-05-21", "2024-06-01", "ten 1"), ("2024-05-31", "2024-06-01", "day 1"), ("2024-06-01", "2024-06-01", ""),
    ("2024-03-11", "2024-12-21", "month -2, year 1, ten -1, ten -1"), ("2023-01-05", "2023-12-28", "day -4, year 1, day -4"),
])
def test_a_period_is_put_together_from_whole_grains(m, first, past, spans):
    found = m.all("SELECT * FROM figure_spans(%s::date, %s::date) AS s ORDER BY s.first", first, past)
    sizes = {"day": lambda a, b: (b - a).days, "ten": lambda a, b: (b - a).days // 10 or 1, "year": lambda a, b: b.year - a.year,
             "month": lambda a, b: (b.year - a.year) * 12 + b.month - a.month}
    assert ", ".join(f"{s['grain']} {s['sign'] * sizes[s['grain']](s['first'], s['past'])}" for s in found) == spans


def test_a_period_of_any_length_is_its_days_once_each_in_few_pieces(m):
    dice = random.Random(5341)
    for _ in range(300):
        first = date(2023, 1, 1) + timedelta(days=dice.randrange(800))
        past = first + timedelta(days=dice.randrange(1, dice.choice((12, 40, 400, 1500))))
        found = m.all("SELECT * FROM figure_spans(%s::date, %s::date) AS s", first, past)
        days = Counter()
        for s in found:
            for n in range((s["past"] - s["first"]).days):
                days[s["first"] + timedelta(days=n)] += s["sign"]
        inside = {first + timedelta(days=n): 1 for n in range((past - first).days)}
        assert {day: n for day, n in days.items() if n} == inside, (first, past)
        assert sum((s["past"] - s["first"]).days for s in found if s["grain"] == "day") <= 10, "five at each edge"


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
    before, first = rates(m), m.clock.now.date()
    assert before["5341 ordinary"] == (1, 1) and before["solve"] == (0, 1) and before["closed"] == (1, 1)
    m.clock.forward(days=2)
    done(m.decide("supervisor", "approve", m.pending(case, "reopen"), handler=m.person("grid1")))
    m.count()
    tomorrow = first + timedelta(days=1)
    assert rates(m, first, tomorrow) == before, "a day that is over does not change"
    later = rates(m, tomorrow, first + timedelta(days=30))
    assert later["5341 ordinary"] == (0, 0) and later["5341 arrive"] == (0, 0) and later["whistle"] == (0, 0), "round 1 only"
    assert later["closed"] == (0, 1) and later["solve"] == (0, 0), "due again in three working days"
    m.clock.forward(hours=1)
    done(m.case("grid1", "source_done", case, result="r", reply="p"))
    m.clock.forward(hours=1)
    done(m.case("grid2", "check", case, point=m.point, **{"pass": True}))
    done(m.case("citizen", "rate", case, contacted=True, solved="yes", satisfied=5))
    m.count()
    assert rates(m, first, tomorrow) == before
    later = rates(m, tomorrow, first + timedelta(days=30))
    assert later["closed"] == later["on_time"] == (1, 1) and later["solve"] == (1, 1) and later["satisfy"] == (1, 1)
    both = rates(m, first, first + timedelta(days=30))
    assert both["closed"] == (2, 2) and both["solve"] == (1, 2)
    steps = {s["step"]: s for s in asked(m, "stats_steps", tomorrow, first + timedelta(days=30))["steps"]}
    assert (steps["resolve"]["sum_seconds"], steps["check"]["sum_seconds"], steps["close"]["sum_seconds"]) == (3600, 3600, 7200)
    assert steps["accept"]["count"] == steps["arrive"]["count"] == 0, "of the first round"


def test_a_run_of_a_ticket_keeps_what_it_counted_for(m):
    case = whistled(m)
    ticket = m.tickets(case)[0]
    done(m.ticket("city", "sign", ticket))
    until = (m.clock.now + timedelta(hours=6)).isoformat()
    done(m.decide("leader", "approve", done(m.ask("city", "ticket", ticket, kind="delay", until=until))))
    done(m.ticket("city", "report_in", ticket, point=m.point))
    done(m.ticket("city", "start", ticket))
    m.clock.forward(hours=1)
    done(m.ticket("city", "submit", ticket, result="r", reply="p"))
    m.clock.forward(minutes=10)
    done(m.ticket("dispatcher", "approve", ticket, rating=5))
    m.count()
    first, tomorrow = m.clock.now.date(), m.clock.now.date() + timedelta(days=1)
    before = {s["step"]: s for s in asked(m, "stats_steps", first, tomorrow)["steps"]}
    assert (before["work"]["sum_seconds"], before["approve"]["sum_seconds"], before["sign"]["count"]) == (3600, 600, 1)
    done(m.case("dispatcher", "feedback", case))
    m.clock.forward(days=1)
    done(m.case("grid2", "check", case, point=m.point, reason="no", rework_tickets=[{"ticket_id": str(ticket["id"])}], **{"pass": False}))
    m.count()
    assert rates(m, first, tomorrow)["delay"] == (1, 1) and rates(m, tomorrow)["delay"] == (0, 1), "the second run is not extended"
    again = {s["step"]: s for s in asked(m, "stats_steps", first, tomorrow)["steps"]}
    assert {k: v for k, v in again.items() if k in ("sign", "work", "approve")} == {
        k: v for k, v in before.items() if k in ("sign", "work", "approve")}
    m.clock.forward(minutes=30)
    done(m.ticket("city", "submit", ticket, result="r", reply="p"))
    done(m.ticket("dispatcher", "approve", ticket, rating=5, feedback={}))
    m.count()
    steps = {s["step"]: s for s in asked(m, "stats_steps", tomorrow, tomorrow + timedelta(days=1))["steps"]}
    assert (steps["work"]["sum_seconds"], steps["work"]["count"], steps["sign"]["count"]) == (1800, 1, 0)


def test_a_rejection_ends_the_round_that_it_meets(m):
    """Objected to, the case comes back: its first round counts for 5341 only with what was due before the rejection."""
    early, late = done(m.create(category="litter")), done(m.create(category="litter"))
    m.clock.forward(minutes=10)
    done(m.case("dispatcher", "reject", early, code="not_ours", basis="b", reason="r"))
    m.clock.forward(minutes=30)
    done(m.case("dispatcher", "reject", late, code="not_ours", basis="b", reason="r"))
    m.count()
    assert rates(m)["whistle"] == rates(m)["5341 ordinary"] == (0, 0)
    m.clock.forward(hours=1)
    for case in (early, late):
        done(m.case("citizen", "object", case, reason="r"))
    m.count()
    found = rates(m)
    assert found["whistle"] == (0, 2) and found["5341 ordinary"] == (0, 1) and found["5341 arrive"] == (0, 2)
    assert found["closed"] == (0, 2), "the due of the new round; a round that was rejected is none that should be closed"


def test_submitted_before_the_five_minutes_are_over(m):
    """Whoever has solved it without coming before somebody had to come has ended that clock: neither met nor missed."""
    case = at_source(m)
    m.count()
    assert rates(m)["5341 arrive"] == (0, 0)
    m.clock.forward(hours=1)
    done(m.case("grid2", "check", case, reason="no", point=m.point, **{"pass": False}))
    m.count()
    assert rates(m)["5341 arrive"] == (0, 1), "refused later, it is breached"


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
    rows = m.all("SELECT case_id, excluded FROM round_figures WHERE tenant = %s AND excluded IS NOT NULL", m.tenant)
    assert {row["case_id"]: row["excluded"] for row in rows} == reasons
    found = rates(m, start, start + timedelta(days=9))
    assert found["response"] == (0, 0) and found["response rate"] is None
    assert found["whistle"] == (0, 4), "rejected never counts"


NAMES = ("areas", "organisations", "categories", "levels")
XF = ["XF", "XF-01", "XF-02"]
FILTERS = [
    {}, {"areas": ["XF-01"]}, {"areas": ["ST", *XF, "CA"]}, {"organisations": ["city"]}, {"categories": ["litter", "advice"]},
    {"levels": ["ordinary"]}, {"areas": ["XF-01"], "categories": ["litter"]}, {"areas": XF, "categories": ["litter", "advice"]},
    {"areas": ["ST", *XF, "CA"], "organisations": ["city", "water"]}, {"areas": ["ST", *XF, "CA", "CA-01"], "categories": ["litter"]},
    {"areas": [*XF, "CA-01"], "categories": ["litter", "advice"], "levels": ["ordinary"]}, {"areas": XF, "organisations": ["city"]},
    {"organisations": ["city", "water"], "categories": ["litter"]},
    {"areas": XF, "organisations": ["city", "water"], "categories": ["litter"]},
]  # fmt: skip
FILTER = "ROW(%s::date, %s::date, %s::text[], %s::text[], %s::text[], %s::text[])::figure_filter"


def steps_differ(m, f: dict, period) -> bool:
    """Whether the sums say something else than the rows."""
    values = (m.tenant, *period, *(f.get(name) for name in NAMES))
    by_rows = m.all(f"SELECT * FROM steps_by_rows(%s, {FILTER})", *values)
    by_sums = m.all(f"SELECT step, sum(n) AS n, sum(ms) AS ms FROM steps_summed(%s, {FILTER}) GROUP BY 1 HAVING sum(n) > 0", *values)
    return plain(by_rows) != plain(by_sums)


def test_roll_ups_equal_the_rows_for_every_filter(m):
    """What filters read from sums, a recomputation finds in the rows; and periods of all shapes fit together."""
    rated(m)
    case = whistled(m, "city", "water")
    worked(m, "city", m.tickets(case)[0])
    done(m.create("grid3", at="CA-01", category="advice", source="patrol"))
    done(m.create(at=None, address="somewhere"))
    m.tick(days=40)
    rated(m, "no", 1)
    m.tick(days=9)
    m.count()
    first = m.clock.now.date() - timedelta(days=55)
    assert m.one("SELECT pairs_stand(%s) AS yes", m.tenant)["yes"]
    for f in FILTERS:
        for start, length in ((0, 1), (0, 44), (3, 46), (0, 120), (9, 31), (20, 400)):
            period = (first + timedelta(days=start), first + timedelta(days=start + length))
            assert not steps_differ(m, f, period), (f, period)
            sums = m.one(f"SELECT figures_summed(%s, {FILTER}) AS s", m.tenant, *period, *(f.get(name) for name in NAMES))["s"]
            assert {name: n or 0 for name, n in sums.items()} == by_hand(m, f, period), (f, period)


def pair_of(m, key: str) -> int:
    row = m.one("SELECT sum(n) AS n FROM figure_steps s, unnest(s.counts) AS n WHERE s.tenant = %s AND s.cut = 'community_category' "
                "AND s.key = %s AND s.grain = 'year'", m.tenant, key)
    return row["n"] or 0


def test_pairs_follow_an_area_to_its_new_community(m):
    rated(m)
    m.count()
    before = pair_of(m, "XF/litter")
    assert before > 0 and pair_of(m, "CA/litter") == 0
    m.cursor.execute("UPDATE areas SET parent_code = 'CA', path = '{ST,CA,XF-01}', community_code = 'CA' WHERE tenant = %s AND code = 'XF-01'",
                     (m.tenant,))
    year = (m.clock.now.date() - timedelta(days=400), m.clock.now.date() + timedelta(days=400))
    moved = {"areas": ["CA", "CA-01", "XF-01"], "categories": ["litter"]}
    assert not steps_differ(m, moved, year), "before the job has followed"
    m.create(at="CA-01")
    m.count()
    assert (pair_of(m, "XF/litter"), pair_of(m, "CA/litter")) == (0, before)
    assert not steps_differ(m, moved, year)
    assert m.miscounted() == []


def test_pairs_that_a_release_without_them_left_behind_are_not_read(m):
    rated(m)
    m.count()
    m.cursor.execute("DELETE FROM figure_steps WHERE tenant = %s AND cut LIKE '%%\\_%%'", (m.tenant,))
    m.cursor.execute("UPDATE figure_positions SET pairs_position = position - 1 WHERE tenant = %s", (m.tenant,))
    year = (m.clock.now.date() - timedelta(days=400), m.clock.now.date() + timedelta(days=400))
    narrow = {"organisations": ["city"], "categories": ["litter"]}
    assert not steps_differ(m, narrow, year)
    assert m.miscounted() == []
    m.one("SELECT stats_rebuild(%s) AS n", m.tenant)
    assert m.one("SELECT pairs_stand(%s) AS yes", m.tenant)["yes"] and not steps_differ(m, narrow, year)


def by_hand(m, f: dict, period) -> dict:
    """The sums of a period from the rows one by one, as the contract words them."""
    def fits(row):
        return (row["counts"] and ("areas" not in f or row["area"] in f["areas"])
                and all(row[column] in f[name] for name, column in (("organisations", "organisation"), ("categories", "category"),
                                                                     ("levels", "level")) if name in f))

    first, past = period
    found = {c["c"]: 0 for c in m.all("SELECT unnest(figure_columns('all')) AS c")}

    def add(day, name: str, n: int = 1):
        if day and first <= day < past:
            found[name] += n

    for r in filter(fits, m.all("SELECT * FROM round_figures WHERE tenant = %s", m.tenant)):
        rest = "" if r["residents"] else "_rest"
        for name, met in (("arrive", "arrive_met"), ("plan", "plan_met")):
            add(r[f"{name}_due_on"], name + rest)
            add(r[f"{name}_due_on"], f"{name}{rest}_met", int(r[met]))
        if r["level"] != "major":
            add(r["resolve_due_on"], r["level"] + rest)
            add(r["resolve_due_on"], f"{r['level']}{rest}_met", int(r["resolve_met"]))
        add(r["received_on"], "received")
        add(r["received_on"], "whistled", int(r["whistled"]))
        add(r["due_on"], "due")
        if r["closed_on"] and r["closed_on"] < past:
            add(r["due_on"], "due_closed")
            add(r["due_on"], "due_on_time", int(r["on_time"]))
        for name, n in (("closed", 1), ("at_source", int(r["at_source"])), ("reworked", int(r["reworked"])), ("reached", r["reached"]),
                        ("contacted", r["contacted"]), ("solved", r["solved"]),
                        *((f"satisfied_{i + 1}", n) for i, n in enumerate(r["satisfied"]))):
            add(r["closed_on"], name, n)
    for t in filter(fits, m.all("SELECT * FROM run_figures WHERE tenant = %s", m.tenant)):
        for day, name, met, hit in (("issued_on", "issued", "returned", "returned"), ("due_on", "finish", "extended", "extended"),
                                    ("contact_due_on", "contact", "contact_met", "contact_met")):
            add(t[day], name)
            add(t[day], hit, int(t[met]))
    return found


def test_the_check_finds_what_is_wrong_and_the_rebuild_mends_it(m):
    case = rated(m)
    m.count()
    assert m.miscounted() == []
    m.cursor.execute("UPDATE figure_sums SET due_closed = due_closed + 1 WHERE tenant = %s AND cut = 'all' AND due_closed > 0", (m.tenant,))
    m.cursor.execute("UPDATE round_figures SET level = 'major' WHERE tenant = %s AND case_id = %s", (m.tenant, case["id"]))
    m.cursor.execute("UPDATE figure_steps SET counts[1] = counts[1] + 1 WHERE tenant = %s AND cut = 'category' AND grain = 'year'", (m.tenant,))
    assert {d["object"] for d in m.miscounted()} == {"round", "figure", "steps"}
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
    m.cursor.execute("UPDATE figure_sums SET received = received + 1 WHERE tenant = %s AND cut = 'area'", (m.tenant,))
    wrong = run()
    assert wrong.returncode != 0 and "area/XF-01" in wrong.stdout and "--rebuild" in wrong.stderr
    mended = run("--rebuild")
    assert mended.returncode == 0 and "1 cases counted anew" in mended.stdout
