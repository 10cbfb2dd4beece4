"""Working time against a naive simulation that ticks second by second: days of 24 hours, and hours of a working day."""

import random
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

ZONE = ZoneInfo("Asia/Shanghai")
TENANT = "working-time"
DAYS = [(0, 86400)]
HOURS = [(9 * 3600, 12 * 3600), (13 * 3600, 17 * 3600)]
# The first week of May 2027 with its holiday and the Saturday that makes up for it, and a lone day off.
HOLIDAYS = {date(2027, 5, 3), date(2027, 5, 4), date(2027, 5, 5), date(2027, 5, 12)}
WORKDAYS = {date(2027, 5, 8)}


@pytest.fixture
def calendar(db):
    db.execute("INSERT INTO tenants (tenant, name, number_prefix) VALUES (%s, 'Working time', 'WT') ON CONFLICT DO NOTHING",
               (TENANT,))
    for kind, days in (("holiday", HOLIDAYS), ("workday", WORKDAYS)):
        for day in days:
            db.execute("INSERT INTO calendar_days (tenant, day, kind) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
                       (TENANT, day, kind))
    return db


def works(day: date) -> bool:
    return day in WORKDAYS or day.weekday() < 5 and day not in HOLIDAYS


def naive(start: datetime, seconds: int, windows) -> datetime:
    """Lets one second after the other pass and counts those that lie in a window of a working day."""
    day, second, left = start.date(), start.hour * 3600 + start.minute * 60 + start.second, seconds
    open_today = works(day)
    while left:
        if open_today and any(opens <= second < closes for opens, closes in windows):
            left -= 1
        second += 1
        if second == 86400 and left:
            day, second = day + timedelta(days=1), 0
            open_today = works(day)
    return datetime.combine(day, time(), ZONE) + timedelta(seconds=second)


def clocks(windows) -> list[str]:
    return [f"{edge // 3600:02}:{edge % 3600 // 60:02}" for window in windows for edge in window]


def computed(db, start: datetime, seconds: int, windows) -> datetime:
    return db.execute("SELECT add_working_time(%s, 'Asia/Shanghai', %s, make_interval(secs => %s), %s::time[])",
                      (TENANT, start, seconds, clocks(windows))).fetchone()[0]


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2027, 4, day, hour, minute, tzinfo=ZONE)


@pytest.mark.parametrize("start,due", [
    (at(2, 15), at(7, 15)),   # Friday 15:00 + 3 = Wednesday 15:00
    (at(4, 12), at(8, 0)),    # Sunday noon + 3 = Wednesday 24:00
    (at(7, 10), at(12, 10)),  # over a weekend
    (at(5, 0), at(8, 0)),     # from the first second of a working day: to the last of the third
])
def test_three_working_days(calendar, start, due):
    assert computed(calendar, start, 3 * 86400, DAYS) == due


@pytest.mark.parametrize("seed", range(12))
def test_days_and_hours_are_what_ticking_gives(calendar, seed):
    chance = random.Random(seed)
    start = datetime(2027, 4, 28, tzinfo=ZONE) + timedelta(seconds=chance.randrange(16 * 86400))
    for windows, longest in ((DAYS, 3 * 86400), (HOURS, 12 * 3600)):
        seconds = chance.choice([1, 1800, 4 * 3600, longest, chance.randrange(1, longest)])
        due = naive(start, seconds, windows)
        assert computed(calendar, start, seconds, windows) == due, (start, seconds, windows)
        left = calendar.execute(
            "SELECT working_time_between(%s, 'Asia/Shanghai', %s, %s, %s::time[])", (TENANT, start, due, clocks(windows))
        ).fetchone()[0]
        assert left == timedelta(seconds=seconds), "what was added is what lies between"
