-- @tenant @actor @roles @op_roles @org @areas · @area @kind @q · @cursor @limit @count
WITH me AS MATERIALIZED (SELECT m.* FROM me(@tenant, @actor, @roles, @op_roles, @org, @areas) AS m),
found AS NOT MATERIALIZED (
    SELECT p.*, a.name AS grid_name FROM places p JOIN areas a ON a.tenant = p.tenant AND a.code = p.grid_code
    WHERE p.tenant = @tenant AND (p.active_to IS NULL OR p.active_to > clock_timestamp()::date)
        AND (@area IS NULL OR a.path && @area) AND (@kind IS NULL OR p.kind = ANY (@kind))
        AND (@q IS NULL OR strpos(text_fold(concat_ws(' ', p.name, p.address)), text_fold(@q)) > 0)
)
SELECT me.refusal AS _code, p.id IS NOT NULL AS _item, p.id::text AS _cursor,
    CASE WHEN @count = 'exact' THEN (SELECT count(*) FROM found) END AS _total,
    p.id, p.kind, p.name, p.address, ST_X(p.location) AS location__lon, ST_Y(p.location) AS location__lat,
    CASE WHEN p.location IS NOT NULL THEN 'wgs84' END AS location__coord_sys,
    CASE WHEN p.location IS NOT NULL THEN p.address END AS location__address,
    p.grid_code AS area__code, p.grid_name AS area__name, p.capacity,
    CASE WHEN p.id IS NOT NULL THEN place_colour(me::actor, p.id, p.grid_code) END AS hazard_colour,
    CASE WHEN s.contact THEN p.contact_name ELSE mask_name(p.contact_name) END AS contact_name,
    CASE WHEN s.contact THEN p.contact_phone ELSE mask_phone(p.contact_phone) END AS contact_phone
FROM me
LEFT JOIN LATERAL (
    SELECT f.* FROM found f WHERE @cursor IS NULL OR f.id > @cursor::uuid ORDER BY f.id LIMIT @limit
) AS p ON me.refusal IS NULL
CROSS JOIN LATERAL (
    SELECT NOT 'auditor' = ANY (me.roles)
        AND (me.roles && '{dispatcher,leader,supervisor}' OR p.grid_code = ANY (me.areas)) AS contact
) AS s
ORDER BY p.id;
