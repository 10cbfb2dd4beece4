-- @tenant @actor @roles @op_roles @org @areas · @person @from @to · @cursor @limit @count
WITH me AS MATERIALIZED (SELECT m.* FROM me(@tenant, @actor, @roles, @op_roles, @org, @areas) AS m),
found AS NOT MATERIALIZED (
    SELECT e.* FROM exports e
    WHERE e.tenant = @tenant AND (@person IS NULL OR e.person_id = @person)
        AND (@from IS NULL OR e.begun_at >= @from) AND (@to IS NULL OR e.begun_at < @to)
)
SELECT me.refusal AS _code, e.id IS NOT NULL AS _item, place_of(e.begun_at, e.id) AS _cursor,
    CASE WHEN @count = 'exact' THEN (SELECT count(*) FROM (SELECT FROM found LIMIT 10001) AS k) END AS _total,
    e.id, e.operation, (p.party).kind AS person__kind, (p.party).id AS person__id, (p.party).name AS person__name,
    e.filter, e.rows, e.begun_at, e.handed_at, e.ended_at, e.request_id
FROM me
LEFT JOIN LATERAL (
    SELECT f.* FROM found f WHERE @cursor IS NULL OR (f.begun_at, f.id) < (place_key(@cursor), place_id(@cursor))
    ORDER BY f.begun_at DESC, f.id DESC LIMIT @limit
) AS e ON me.refusal IS NULL
LEFT JOIN LATERAL (SELECT person_party(me::actor, e.person_id) AS party) AS p ON true
ORDER BY e.begun_at DESC, e.id DESC;
