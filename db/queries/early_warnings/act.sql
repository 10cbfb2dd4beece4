-- @tenant @actor @roles @op_roles @org @areas · @request_id @action @idempotency_key @fingerprint @if_match @now @early_warning_id @body
SELECT r._code, r._pointer, r._detail, r._version, r._replayed, (r.shown).*
FROM warning_act(@tenant, @actor, @roles, @op_roles, @org, @areas,
    @request_id, @action, @idempotency_key, @fingerprint, @if_match, @now, @early_warning_id, @body) AS r;
