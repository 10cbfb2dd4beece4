-- @tenant @actor @roles @op_roles @org @areas · @now · @reason · @cursor @limit @count
WITH me AS MATERIALIZED (SELECT m.* FROM me(@tenant, @actor, @roles, @op_roles, @org, @areas) AS m),
clock AS MATERIALIZED (SELECT coalesce(@now, clock_timestamp()) AS now),
found AS MATERIALIZED (
    SELECT h.* FROM me CROSS JOIN clock
    CROSS JOIN LATERAL hints_of(me::actor, policy_now(@tenant, clock.now), clock.now) AS h
    WHERE me.refusal IS NULL AND (@reason IS NULL OR h.reason = ANY (@reason))
)
SELECT me.refusal AS _code, h.id IS NOT NULL AS _item, place_of(h.last_at, h.id) AS _cursor,
    CASE WHEN @count = 'exact' THEN (SELECT count(*) FROM found) END AS _total,
    h.id, h.reason, h.category AS category__code, k.name AS category__name, cardinality(h.cases) AS count, h.cases,
    h.first_at, h.last_at, st_x(h.middle) AS location__lon, st_y(h.middle) AS location__lat,
    CASE WHEN h.middle IS NOT NULL THEN 'wgs84' END AS location__coord_sys, NULL::text AS location__address,
    h.phone, h.address, ARRAY(
        SELECT DISTINCT l.warning_id FROM early_warning_cases l
        WHERE l.tenant = @tenant AND l.case_id = ANY (h.cases) AND l.unlinked_at IS NULL ORDER BY 1) AS early_warnings
FROM me
LEFT JOIN LATERAL (
    SELECT f.* FROM found f WHERE @cursor IS NULL OR (f.last_at, f.id) < (place_key(@cursor), place_id(@cursor))
    ORDER BY f.last_at DESC, f.id DESC LIMIT @limit
) AS h ON true
LEFT JOIN categories k ON k.tenant = @tenant AND k.code = h.category
ORDER BY h.last_at DESC, h.id DESC;
