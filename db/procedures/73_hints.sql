-- Hints at early warnings: several cases of one category close together, or from one phone or household, in a few days.
-- Thresholds are policy rows. Computed anew each time over what came in of late.

CREATE TYPE hint_row AS (
    reason text, id uuid, category text, cases uuid[], first_at timestamptz, last_at timestamptz, middle geometry, phone text,
    address text
);

CREATE FUNCTION policy_now(p_tenant text, p_now timestamptz) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN policy_of(p_tenant, (SELECT max(p.version) FROM policies p WHERE p.tenant = p_tenant AND p.valid_from <= p_now));
END $$;
COMMENT ON FUNCTION policy_now(text, timestamptz) IS 'The numbers under which a case would be born now';

-- Metres need a plane: the UTM zone in which the street lies.
CREATE FUNCTION plane_of(p_point geometry) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN st_y(p_point) >= 0 THEN 32600 ELSE 32700 END + floor((st_x(p_point) + 180) / 6)::integer % 60 + 1;

CREATE FUNCTION hints_of(p_me actor, p_policy jsonb, p_now timestamptz) RETURNS SETOF hint_row LANGUAGE sql STABLE AS $$
    WITH recent AS MATERIALIZED (
        SELECT c.id, c.category, c.received_at, c.point, nullif(c.address, '') AS address, c.reporter_phone AS phone,
            c.reporter_anonymous AS anonymous
        FROM cases c
        WHERE c.tenant = p_me.tenant AND c.state <> 'voided' AND within_scope(p_me, c.area)
            AND c.received_at > p_now - days(p_policy, 'hint_days')
            AND c.received_at <= p_now
    ), plane AS (
        SELECT plane_of(r.point) AS srid FROM recent r WHERE r.point IS NOT NULL ORDER BY r.id LIMIT 1
    ), near AS (
        SELECT r.*, st_clusterdbscan(st_transform(r.point, p.srid), setting(p_policy, 'hint_metres')::double precision,
            setting(p_policy, 'hint_cases')::integer) OVER (PARTITION BY r.category) AS n
        FROM recent r CROSS JOIN plane p WHERE r.point IS NOT NULL
    ), found AS (
        SELECT 'cluster' AS reason, n.category, array_agg(n.id ORDER BY n.received_at, n.id) AS cases,
            min(n.received_at) AS first_at, max(n.received_at) AS last_at, st_centroid(st_collect(n.point)) AS middle,
            NULL AS phone, NULL AS address
        FROM near n WHERE n.n IS NOT NULL GROUP BY n.category, n.n
        UNION ALL
        SELECT 'phone', NULL, array_agg(r.id ORDER BY r.received_at, r.id), min(r.received_at), max(r.received_at), NULL,
            CASE WHEN NOT bool_or(r.anonymous) THEN mask_phone(r.phone) END, NULL
        FROM recent r WHERE r.phone IS NOT NULL GROUP BY r.phone
        UNION ALL
        SELECT 'household', NULL, array_agg(r.id ORDER BY r.received_at, r.id), min(r.received_at), max(r.received_at), NULL,
            NULL, r.address
        FROM recent r WHERE r.address IS NOT NULL GROUP BY r.address
    )
    SELECT f.reason, md5(f.reason || f.cases[1])::uuid, f.category, f.cases, f.first_at, f.last_at, f.middle, f.phone, f.address
    FROM found f WHERE cardinality(f.cases) >= setting(p_policy, 'hint_cases')::integer
$$;
COMMENT ON FUNCTION hints_of(actor, jsonb, timestamptz) IS 'All hints at this time, in one pass over the cases of the last days';
