"""What may be the same case: held against a look at every case there is, across the rows into which the index cuts the map."""

import random

import pytest
from support.world import GRIDS

# Degrees; 0.0005 is a row of the index, some 55 metres high.
SPREAD, ROW = 0.0015, 0.0005

EVERY_ONE = """
SELECT x.id FROM cases x WHERE x.tenant = c.tenant AND x.id <> c.id AND x.category = c.category AND x.state <> 'closed'
    AND x.received_at > %(now)s - interval '30 days' AND metres(x.point, c.point) <= %(metres)s
ORDER BY x.received_at DESC
"""


@pytest.mark.parametrize("metres", [50, 400])
def test_what_is_near_is_found(m, metres):
    """Some lie on the very border of a row, some at the same place, one is too old; within 400 metres there are more than are told."""
    chance, (lon, lat) = random.Random(7), (side + 0.005 for side in GRIDS["XF-01"])
    old = m.create(location={"lon": lon, "lat": lat})
    m.clock.forward(days=31)
    for n in range(150):
        place = {"lon": lon + chance.uniform(-SPREAD, SPREAD), "lat": lat + chance.uniform(-SPREAD, SPREAD)}
        if n % 10 == 0:
            place["lat"] = round(place["lat"] / ROW) * ROW
        elif n % 25 == 1:
            place = {"lon": lon, "lat": lat}
        m.clock.forward(seconds=1)
        m.create(location=place, category="pothole" if n % 5 else "litter")
    known = {"tenant": m.tenant, "now": m.clock.now, "metres": metres}
    found = m.cursor.execute(f"""
        SELECT c.id, duplicates_of(c, p.settings || jsonb_build_object('duplicate_metres', %(metres)s::integer), %(now)s) AS told, ARRAY({EVERY_ONE}) AS near
        FROM cases c JOIN policies p ON p.tenant = c.tenant AND p.version = c.policy_version WHERE c.tenant = %(tenant)s""", known).fetchall()
    # Of more than twenty any twenty will do; told are they as they came in.
    assert len(found) == 151
    for row in found:
        assert len(row["told"]) == min(20, len(row["near"])) and row["told"] == [near for near in row["near"] if near in row["told"]], row
    numbers = [len(row["near"]) for row in found]
    assert 5 < max(numbers) < 20 if metres == 50 else max(numbers) > 20
    assert not any(old["id"] in row["told"] for row in found)
