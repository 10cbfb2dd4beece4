-- @tenant @actor @roles @op_roles @org @areas · @dictionary @active · @cursor @limit @count
WITH me AS MATERIALIZED (SELECT m.* FROM me(@tenant, @actor, @roles, @op_roles, @org, @areas) AS m),
found AS NOT MATERIALIZED (
    SELECT x.* FROM tenant_entries x
    WHERE x.tenant = @tenant AND (@dictionary IS NULL OR x.dictionary = ANY (@dictionary))
        AND (@active IS NULL OR x.active = @active)
)
SELECT me.refusal AS _code, x.tenant IS NOT NULL AS _item, (x.dictionary || '/' || x.code)::text AS _cursor,
    CASE WHEN @count = 'exact' THEN (SELECT count(*) FROM found) END AS _total,
    x.dictionary, x.code, x.ordinal, x.zh, x.en, x.active, x.version
FROM me
LEFT JOIN LATERAL (
    SELECT x.* FROM found x WHERE x.dictionary || '/' || x.code > coalesce(@cursor, '') ORDER BY (x.dictionary || '/' || x.code) LIMIT @limit
) AS x ON me.refusal IS NULL
ORDER BY (x.dictionary || '/' || x.code);
