-- @tenant @actor @roles @op_roles @org @areas · @cursor @limit @count
WITH me AS MATERIALIZED (SELECT m.* FROM me(@tenant, @actor, @roles, @op_roles, @org, @areas) AS m),
found AS NOT MATERIALIZED (
    SELECT x.* FROM policies x
    WHERE x.tenant = @tenant
)
SELECT me.refusal AS _code, x.tenant IS NOT NULL AS _item, x.version::text AS _cursor,
    CASE WHEN @count = 'exact' THEN (SELECT count(*) FROM found) END AS _total,
    x.version, x.valid_from, x.settings, policy_defaults() || x.settings AS effective, x.note
FROM me
LEFT JOIN LATERAL (
    SELECT x.* FROM found x WHERE @cursor IS NULL OR x.version < @cursor::integer ORDER BY x.version DESC LIMIT @limit
) AS x ON me.refusal IS NULL
ORDER BY x.version DESC;
