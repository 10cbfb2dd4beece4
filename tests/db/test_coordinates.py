"""Points from China's map services, taken back to WGS 84."""

import pytest

METRE = 1 / 111_000  # of latitude, in degrees

# wgs84 → gcj02 → bd09 of one point, as the public reference implementations have it.
TIANANMEN = ((116.404, 39.915), (116.41024449916938, 39.91640428150164))


def converted(db, function, lon, lat):
    return db.execute(f"SELECT (v).lon, (v).lat FROM {function}((%s, %s)::lonlat) AS v", [lon, lat]).fetchone()


def test_the_published_example(db):
    wgs84, gcj02 = TIANANMEN
    assert converted(db, "wgs84_to_gcj02", *wgs84) == pytest.approx(gcj02, abs=1e-9)
    assert converted(db, "gcj02_to_bd09", 116.404, 39.915) == pytest.approx((116.41036949371029, 39.92133699351021), abs=1e-9)


@pytest.mark.parametrize("coord_sys,there", [("gcj02", "wgs84_to_gcj02(p)"), ("bd09", "gcj02_to_bd09(wgs84_to_gcj02(p))")])
def test_there_and_back_is_within_a_metre(db, coord_sys, there):
    """A net over the whole country; far less than a metre is left."""
    worst = db.execute(f"""
        SELECT max(greatest(abs(ST_X(back) - (p).lon), abs(ST_Y(back) - (p).lat)))
        FROM generate_series(74, 134, 1.7) AS lon, generate_series(18, 53, 1.3) AS lat,
            LATERAL (SELECT (lon, lat)::lonlat AS p) AS a,
            LATERAL (SELECT {there} AS q) AS b,
            LATERAL (SELECT wgs84_point(jsonb_build_object('lon', (q).lon, 'lat', (q).lat, 'coord_sys', %s::text)) AS back) AS c
        """, [coord_sys]).fetchone()[0]
    assert worst < METRE / 10


def test_abroad_all_systems_agree(db):
    assert converted(db, "wgs84_to_gcj02", 2.35, 48.85) == (2.35, 48.85)
    assert db.execute("SELECT wgs84_point('{}'::jsonb), wgs84_point(NULL)").fetchone() == (None, None)


def test_a_border_belongs_to_the_lowest_code(street, db):
    """XF-01 and XF-02 meet at 125.71; beyond all grids there is none."""
    grid = "SELECT grid_at(%s, ST_SetSRID(ST_MakePoint(%s, %s), 4326))"
    assert db.execute(grid, [street.tenant, 125.71, 41.605]).fetchone() == ("XF-01",)
    assert db.execute(grid, [street.tenant, 125.715, 41.605]).fetchone() == ("XF-02",)
    assert db.execute(grid, [street.tenant, 126.5, 41.605]).fetchone() == (None,)
