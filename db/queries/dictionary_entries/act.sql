-- @tenant @actor @roles @op_roles @org @areas · @action @id @idempotency_key @fingerprint @if_match @now @dictionary @code @body
SELECT r._code, r._pointer, r._detail, r._version, r._location, r._replayed, d.*, r._version AS version
FROM admin_act(@tenant, @actor, @roles, @op_roles, @org, @areas, 'dictionary_entry', @action, @dictionary || '/' || @code, @id,
    @idempotency_key, @fingerprint, @if_match, @now, @body) AS r
CROSS JOIN LATERAL jsonb_to_record(coalesce(r.document, '{}')) AS d (
    dictionary text, code text, ordinal integer, zh text, en text, active boolean);
