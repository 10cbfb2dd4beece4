-- @tenant @actor @roles @op_roles @org @areas · @from @to @area @organisation @category @level @reason · @cursor @limit @count
WITH a AS MATERIALIZED (
    SELECT s.* FROM stats_ask(me(@tenant, @actor, @roles, @op_roles, @org, @areas), @from, @to, @area, @organisation, @category, @level) AS s
)
SELECT a.refusal AS _code, a.pointer AS _pointer, x.case_id IS NOT NULL AS _item,
    concat_ws(' ', x.excluded_on, x.case_id, x.round) AS _cursor,
    CASE WHEN @count = 'exact' THEN (SELECT count(*) FROM (SELECT FROM excluded_cases(@tenant, a.f, @reason) LIMIT 10001) AS k) END AS _total,
    x.case_id, c.number, x.round, x.excluded AS reason, x.excluded_on AS day, c.state, x.level, x.category AS category__code,
    coalesce(k.name, x.category) AS category__name, c.area AS area__code, g.name AS area__name,
    nullif(x.organisation, '') AS organisation__code, o.name AS organisation__name
FROM a
LEFT JOIN LATERAL (
    SELECT e.* FROM excluded_cases(@tenant, a.f, @reason) AS e
    WHERE @cursor IS NULL OR (e.excluded_on, e.case_id, e.round)
        > (split_part(@cursor, ' ', 1)::date, split_part(@cursor, ' ', 2)::uuid, split_part(@cursor, ' ', 3)::integer)
    ORDER BY e.excluded_on, e.case_id, e.round LIMIT @limit
) AS x ON a.refusal IS NULL
LEFT JOIN cases c ON c.tenant = @tenant AND c.id = x.case_id
LEFT JOIN categories k ON k.tenant = @tenant AND k.code = x.category
LEFT JOIN areas g ON g.tenant = @tenant AND g.code = c.area
LEFT JOIN organisations o ON o.tenant = @tenant AND o.code = x.organisation
ORDER BY x.excluded_on, x.case_id, x.round;
