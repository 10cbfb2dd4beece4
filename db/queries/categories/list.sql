-- @tenant @actor @roles @op_roles @org @areas · @class @active · @cursor @limit @count
WITH me AS MATERIALIZED (SELECT m.* FROM me(@tenant, @actor, @roles, @op_roles, @org, @areas) AS m),
found AS NOT MATERIALIZED (
    SELECT x.* FROM categories x
    WHERE x.tenant = @tenant AND (@class IS NULL OR x.class = ANY (@class)) AND (@active IS NULL OR x.active = @active)
)
SELECT me.refusal AS _code, x.tenant IS NOT NULL AS _item, x.code::text AS _cursor,
    CASE WHEN @count = 'exact' THEN (SELECT count(*) FROM found) END AS _total,
    x.code, x.class, x.name AS zh, x.name_en AS en, x.lead_organisation, x.on_scene, x.photo_required, x.default_level,
    x.joint_method, x.questions, x.ordinal, x.open311, x.open311_description, x.active, x.version
FROM me
LEFT JOIN LATERAL (
    SELECT x.* FROM found x WHERE x.code > coalesce(@cursor, '') ORDER BY x.code LIMIT @limit
) AS x ON me.refusal IS NULL
ORDER BY x.code;
