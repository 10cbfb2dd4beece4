-- @tenant @actor @roles @op_roles @org @areas · @action @id @idempotency_key @fingerprint @if_match @now @assignment_id @body
SELECT r._code, r._pointer, r._detail, r._version, r._location, r._replayed, d.*, r._version AS version
FROM admin_act(@tenant, @actor, @roles, @op_roles, @org, @areas, 'assignment', @action, @assignment_id::text, @id,
    @idempotency_key, @fingerprint, @if_match, @now, @body) AS r
CROSS JOIN LATERAL jsonb_to_record(coalesce(r.document, '{}')) AS d (
    id uuid, grid text, person_id uuid, kind text, valid_from date, valid_to date);
