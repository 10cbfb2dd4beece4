-- @tenant @actor @roles @op_roles @org @areas · @kind @within @geometry · @cursor @limit @count
WITH me AS MATERIALIZED (SELECT m.* FROM me(@tenant, @actor, @roles, @op_roles, @org, @areas) AS m),
found AS NOT MATERIALIZED (
    SELECT a.* FROM areas a
    WHERE a.tenant = @tenant AND (@kind IS NULL OR a.kind = ANY (@kind)) AND (@within IS NULL OR a.path && @within)
)
SELECT me.refusal AS _code, a.code IS NOT NULL AS _item, a.code AS _cursor,
    CASE WHEN @count = 'exact' THEN (SELECT count(*) FROM found) END AS _total,
    a.code, a.kind, a.name, a.parent_code AS parent, a.community_code AS community,
    a.organisation_code AS organisation__code, o.name AS organisation__name, a.active, a.version,
    CASE WHEN @geometry THEN ST_AsGeoJSON(a.geometry, 7)::json END AS geometry
FROM me
LEFT JOIN LATERAL (
    SELECT f.* FROM found f WHERE f.code > coalesce(@cursor, '') ORDER BY f.code LIMIT @limit
) AS a ON me.refusal IS NULL
LEFT JOIN organisations o ON o.tenant = @tenant AND o.code = a.organisation_code
ORDER BY a.code;
