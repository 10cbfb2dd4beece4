-- @tenant @actor @roles @op_roles @org @areas · @kind @active · @cursor @limit @count
WITH me AS MATERIALIZED (SELECT m.* FROM me(@tenant, @actor, @roles, @op_roles, @org, @areas) AS m),
found AS NOT MATERIALIZED (
    SELECT o.* FROM organisations o
    WHERE o.tenant = @tenant AND (@kind IS NULL OR o.kind = ANY (@kind)) AND (@active IS NULL OR o.active = @active)
)
SELECT me.refusal AS _code, o.code IS NOT NULL AS _item, o.code AS _cursor,
    CASE WHEN @count = 'exact' THEN (SELECT count(*) FROM found) END AS _total,
    o.code, o.kind, o.name, o.parent_code AS parent, o.phone, o.active, o.version
FROM me
LEFT JOIN LATERAL (
    SELECT f.* FROM found f WHERE f.code > coalesce(@cursor, '') ORDER BY f.code LIMIT @limit
) AS o ON me.refusal IS NULL
ORDER BY o.code;
