-- @tenant @actor @roles @op_roles @org @areas · @grid @person @on · @cursor @limit @count
WITH me AS MATERIALIZED (SELECT m.* FROM me(@tenant, @actor, @roles, @op_roles, @org, @areas) AS m),
found AS NOT MATERIALIZED (
    SELECT x.* FROM grid_assignments x
    WHERE x.tenant = @tenant AND (@grid IS NULL OR x.grid_code = ANY (@grid)) AND (@person IS NULL OR x.person_id = @person)
        AND (@on IS NULL OR daterange(x.valid_from, x.valid_to, '[)') @> @on)
)
SELECT me.refusal AS _code, x.tenant IS NOT NULL AS _item, x.id::text AS _cursor,
    CASE WHEN @count = 'exact' THEN (SELECT count(*) FROM found) END AS _total,
    x.id, x.grid_code AS grid, x.person_id, x.kind, x.valid_from, x.valid_to, x.version
FROM me
LEFT JOIN LATERAL (
    SELECT x.* FROM found x WHERE @cursor IS NULL OR x.id > @cursor::uuid ORDER BY x.id LIMIT @limit
) AS x ON me.refusal IS NULL
ORDER BY x.id;
