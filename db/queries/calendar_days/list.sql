-- @tenant @actor @roles @op_roles @org @areas · @from @to @active · @cursor @limit @count
WITH me AS MATERIALIZED (SELECT m.* FROM me(@tenant, @actor, @roles, @op_roles, @org, @areas) AS m),
found AS NOT MATERIALIZED (
    SELECT x.* FROM calendar_days x
    WHERE x.tenant = @tenant AND (@from IS NULL OR x.day >= @from) AND (@to IS NULL OR x.day <= @to)
        AND (@active IS NULL OR x.active = @active)
)
SELECT me.refusal AS _code, x.tenant IS NOT NULL AS _item, x.day::text AS _cursor,
    CASE WHEN @count = 'exact' THEN (SELECT count(*) FROM found) END AS _total,
    x.day, x.kind, x.name, x.active, x.version
FROM me
LEFT JOIN LATERAL (
    SELECT x.* FROM found x WHERE @cursor IS NULL OR x.day > @cursor::date ORDER BY x.day LIMIT @limit
) AS x ON me.refusal IS NULL
ORDER BY x.day;
