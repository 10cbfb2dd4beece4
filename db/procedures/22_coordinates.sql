-- Points: China's map services answer in shifted coordinates (GCJ-02, and Baidu's shift of that, BD-09). Everything is
-- stored in WGS 84. The shift has no closed inverse, so it is taken back by iteration until the residual is below 1 cm.

CREATE TYPE lonlat AS (lon double precision, lat double precision);

-- The published shift is defined for this box; outside of it all systems agree.
CREATE FUNCTION in_china(p lonlat) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (p).lon BETWEEN 72.004 AND 137.8347 AND (p).lat BETWEEN 0.8293 AND 55.8271;

-- The part of both shifts that waves with x: three pairs of sines, the last with its own weight.
CREATE FUNCTION gcj02_waves(p_along float8, p_across float8, p_weight float8) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (20 * sin(6 * p_across * pi()) + 20 * sin(2 * p_across * pi())) * 2 / 3
    + (20 * sin(p_along * pi()) + 40 * sin(p_along / 3 * pi())) * 2 / 3
    + (p_weight * sin(p_along / 12 * pi()) + 2 * p_weight * sin(p_along / 30 * pi())) * 2 / 3;

CREATE FUNCTION wgs84_to_gcj02(p lonlat) RETURNS lonlat LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    c_axis CONSTANT float8 := 6378245.0; -- Krasovsky 1940
    c_flat CONSTANT float8 := 0.00669342162296594323;
    x float8 := (p).lon - 105;
    y float8 := (p).lat - 35;
    v_sine float8 := sin(radians((p).lat));
    v_magic float8 := 1 - c_flat * v_sine * v_sine;
    v_east float8;
    v_north float8;
BEGIN
    IF NOT in_china(p) THEN
        RETURN p;
    END IF;
    v_east := 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * sqrt(abs(x)) + gcj02_waves(x, x, 150);
    v_north := -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * sqrt(abs(x)) + gcj02_waves(y, x, 160);
    RETURN ((p).lon + degrees(v_east * sqrt(v_magic) / (c_axis * cos(radians((p).lat)))),
            (p).lat + degrees(v_north * v_magic * sqrt(v_magic) / (c_axis * (1 - c_flat))))::lonlat;
END $$;

CREATE FUNCTION gcj02_to_wgs84(p lonlat) RETURNS lonlat LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    v_guess lonlat := p;
    v_there lonlat;
BEGIN
    FOR i IN 1..10 LOOP
        v_there := wgs84_to_gcj02(v_guess);
        v_guess := (v_guess.lon - (v_there.lon - p.lon), v_guess.lat - (v_there.lat - p.lat))::lonlat;
        EXIT WHEN abs(v_there.lon - p.lon) < 1e-7 AND abs(v_there.lat - p.lat) < 1e-7;
    END LOOP;
    RETURN v_guess;
END $$;

CREATE FUNCTION gcj02_to_bd09(p lonlat) RETURNS lonlat LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    c_turn CONSTANT float8 := pi() * 3000 / 180;
    v_far float8 := sqrt(p.lon * p.lon + p.lat * p.lat) + 0.00002 * sin(p.lat * c_turn);
    v_angle float8 := atan2(p.lat, p.lon) + 0.000003 * cos(p.lon * c_turn);
BEGIN
    RETURN (v_far * cos(v_angle) + 0.0065, v_far * sin(v_angle) + 0.006)::lonlat;
END $$;

CREATE FUNCTION bd09_to_gcj02(p lonlat) RETURNS lonlat LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    v_guess lonlat := (p.lon - 0.0065, p.lat - 0.006)::lonlat;
    v_there lonlat;
BEGIN
    FOR i IN 1..10 LOOP
        v_there := gcj02_to_bd09(v_guess);
        v_guess := (v_guess.lon - (v_there.lon - p.lon), v_guess.lat - (v_there.lat - p.lat))::lonlat;
        EXIT WHEN abs(v_there.lon - p.lon) < 1e-7 AND abs(v_there.lat - p.lat) < 1e-7;
    END LOOP;
    RETURN v_guess;
END $$;

-- A point as it comes in a body: {lon, lat, coord_sys?}. NULL for a body without one.
CREATE FUNCTION wgs84_point(p_location jsonb) RETURNS geometry LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    v lonlat := ((p_location ->> 'lon')::float8, (p_location ->> 'lat')::float8)::lonlat;
BEGIN
    IF v.lon IS NULL OR v.lat IS NULL THEN
        RETURN NULL;
    END IF;
    CASE coalesce(p_location ->> 'coord_sys', 'wgs84')
        WHEN 'gcj02' THEN v := gcj02_to_wgs84(v);
        WHEN 'bd09' THEN v := gcj02_to_wgs84(bd09_to_gcj02(v));
        ELSE NULL;
    END CASE;
    RETURN ST_SetSRID(ST_MakePoint(round(v.lon * 1e7) / 1e7, round(v.lat * 1e7) / 1e7), 4326);
END $$;
COMMENT ON FUNCTION wgs84_point(jsonb) IS 'A body''s location as a stored point, to the centimetre: seven decimals';

-- On a border the lowest code; outside of all grids NULL.
CREATE FUNCTION grid_at(p_tenant text, p_point geometry) RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN (
        SELECT a.code FROM areas a
        WHERE a.tenant = p_tenant AND a.kind = 'grid' AND a.active AND ST_Intersects(a.geometry, p_point)
        ORDER BY a.code COLLATE "C" LIMIT 1);
END $$;
COMMENT ON FUNCTION grid_at(text, geometry) IS 'Code of the grid that a point lies in';
