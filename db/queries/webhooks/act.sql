-- @tenant @actor @roles @op_roles @org @areas · @action @idempotency_key @fingerprint @if_match @now @webhook_id @body
SELECT r._code, r._pointer, r._detail, r._version, r._replayed, (r.shown).*
FROM webhook_act(@tenant, @actor, @roles, @op_roles, @org, @areas,
    @action, @idempotency_key, @fingerprint, @if_match, @now, @webhook_id, @body) AS r;
