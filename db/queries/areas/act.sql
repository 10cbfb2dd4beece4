-- @tenant @actor @roles @op_roles @org @areas · @action @id @idempotency_key @fingerprint @if_match @now @code @body
SELECT r._code, r._pointer, r._detail, r._version, r._location, r._replayed, d.code, d.kind, d.name, d.parent, d.community,
    o.code AS organisation__code, o.name AS organisation__name, d.active, d.geometry, r._version AS version
FROM admin_act(@tenant, @actor, @roles, @op_roles, @org, @areas, 'area', @action, @code, @id,
    @idempotency_key, @fingerprint, @if_match, @now, @body) AS r
CROSS JOIN LATERAL jsonb_to_record(coalesce(r.document, '{}')) AS d (
    code text, kind text, name text, parent text, community text, organisation text, active boolean, geometry json)
LEFT JOIN organisations o ON o.tenant = @tenant AND o.code = d.organisation;
