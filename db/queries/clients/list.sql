-- @tenant @actor @roles @op_roles @org @areas · @scope @active · @cursor @limit @count @now
WITH me AS MATERIALIZED (SELECT m.* FROM me(@tenant, @actor, @roles, @op_roles, @org, @areas) AS m),
found AS NOT MATERIALIZED (
    SELECT k.client_id, k.scopes, k.created_at, k.last_used_at, k.version, p.name, p.active, p.organisation_code
    FROM clients k JOIN people p ON p.tenant = k.tenant AND p.id = k.person_id
    WHERE k.tenant = @tenant AND (@scope IS NULL OR k.scopes && @scope) AND (@active IS NULL OR p.active = @active)
)
SELECT me.refusal AS _code, k.client_id IS NOT NULL AS _item, k.client_id AS _cursor,
    CASE WHEN @count = 'exact' THEN (SELECT count(*) FROM found) END AS _total,
    k.client_id, k.name, k.scopes, o.code AS organisation__code, o.name AS organisation__name, k.active,
    client_secrets_json(@tenant, k.client_id, @now) AS secrets, k.created_at, k.last_used_at, k.version
FROM me
LEFT JOIN LATERAL (
    SELECT f.* FROM found f WHERE f.client_id > coalesce(@cursor, '') ORDER BY f.client_id LIMIT @limit
) AS k ON me.refusal IS NULL
LEFT JOIN organisations o ON o.tenant = @tenant AND o.code = k.organisation_code
ORDER BY k.client_id;
