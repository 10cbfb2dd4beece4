-- @tenant @actor @roles @op_roles @org @areas · @person @object @from @to · @cursor @limit @count
WITH me AS MATERIALIZED (SELECT m.* FROM me(@tenant, @actor, @roles, @op_roles, @org, @areas) AS m),
found AS NOT MATERIALIZED (
    SELECT r.* FROM audit_reads r
    WHERE r.tenant = @tenant AND (@person IS NULL OR r.person_id = @person) AND (@object IS NULL OR r.object_id = @object)
        AND (@from IS NULL OR r.at >= @from) AND (@to IS NULL OR r.at < @to)
)
SELECT me.refusal AS _code, r.id IS NOT NULL AS _item, place_of(r.at, r.id) AS _cursor,
    CASE WHEN @count = 'exact' THEN (SELECT count(*) FROM (SELECT FROM found LIMIT 10001) AS k) END AS _total,
    r.id, r.at, (p.party).kind AS person__kind, (p.party).id AS person__id, (p.party).name AS person__name,
    r.operation, r.object_kind, r.object_id, r.request_id
FROM me
LEFT JOIN LATERAL (
    SELECT f.* FROM found f WHERE @cursor IS NULL OR (f.at, f.id) < (place_key(@cursor), place_id(@cursor))
    ORDER BY f.at DESC, f.id DESC LIMIT @limit
) AS r ON me.refusal IS NULL
LEFT JOIN LATERAL (SELECT person_party(me::actor, r.person_id) AS party) AS p ON true
ORDER BY r.at DESC, r.id DESC;
