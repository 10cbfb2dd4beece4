-- @tenant @actor @roles @op_roles @org @areas · @action @id @idempotency_key @fingerprint @if_match @now @body
SELECT r._code, r._pointer, r._detail, r._version, r._location, r._replayed, d.id, d.subject, d.name, d.phone,
    d.roles, o.code AS organisation__code, o.name AS organisation__name, d.areas, d.posts, d.head, d.active,
    r._version AS version
FROM admin_act(@tenant, @actor, @roles, @op_roles, @org, @areas, 'person', @action, NULL, @id,
    @idempotency_key, @fingerprint, @if_match, @now, @body) AS r
CROSS JOIN LATERAL jsonb_to_record(coalesce(r.document, '{}')) AS d (
    id uuid, subject text, name text, phone text, roles text[], organisation text, areas text[], posts text[], head boolean,
    active boolean)
LEFT JOIN organisations o ON o.tenant = @tenant AND o.code = d.organisation;
