-- @tenant @actor @roles @op_roles @org @areas · @kind @key @person · @cursor @limit @count
WITH me AS MATERIALIZED (SELECT m.* FROM me(@tenant, @actor, @roles, @op_roles, @org, @areas) AS m),
found AS NOT MATERIALIZED (
    SELECT x.* FROM admin_events x
    WHERE x.tenant = @tenant AND (@kind IS NULL OR x.object_kind = ANY (@kind))
        AND (@key IS NULL OR x.object_key = @key) AND (@person IS NULL OR x.person_id = @person)
)
SELECT me.refusal AS _code, x.tenant IS NOT NULL AS _item, x.id::text AS _cursor,
    CASE WHEN @count = 'exact' THEN (SELECT count(*) FROM found) END AS _total,
    x.id, x.at, x.action, x.object_kind, x.object_key,
    'person' AS actor__kind, x.person_id::text AS actor__id, CASE WHEN 'auditor' = ANY (me.roles) THEN mask_name(p.name) ELSE p.name END AS actor__name,
    admin_shown(me.roles, x.object_kind, x.before) AS before, admin_shown(me.roles, x.object_kind, x.after) AS after, x.note
FROM me
LEFT JOIN LATERAL (
    SELECT x.* FROM found x WHERE @cursor IS NULL OR x.id < @cursor::uuid ORDER BY x.id DESC LIMIT @limit
) AS x ON me.refusal IS NULL
LEFT JOIN people p ON p.tenant = @tenant AND p.id = x.person_id
ORDER BY x.id DESC;
