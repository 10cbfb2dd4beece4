-- @tenant @actor @roles @op_roles @org @areas · @action @id @idempotency_key @fingerprint @if_match @now @day @body
SELECT r._code, r._pointer, r._detail, r._version, r._location, r._replayed, d.*, r._version AS version
FROM admin_act(@tenant, @actor, @roles, @op_roles, @org, @areas, 'calendar_day', @action, @day::text, @id,
    @idempotency_key, @fingerprint, @if_match, @now, @body) AS r
CROSS JOIN LATERAL jsonb_to_record(coalesce(r.document, '{}')) AS d (day date, kind text, name text, active boolean);
