-- @tenant @actor @roles @op_roles @org @areas · @action @id @idempotency_key @fingerprint @if_match @now @body
SELECT r._code, r._pointer, r._detail, r._version, r._location, r._replayed, d.*,
    policy_defaults() || d.settings AS effective
FROM admin_act(@tenant, @actor, @roles, @op_roles, @org, @areas, 'policy', @action, NULL, @id,
    @idempotency_key, @fingerprint, @if_match, @now, @body) AS r
CROSS JOIN LATERAL jsonb_to_record(coalesce(r.document, '{}')) AS d (
    version bigint, valid_from timestamptz, settings jsonb, note text);
