-- @tenant @actor @roles @op_roles @org @areas · @action @idempotency_key @fingerprint @if_match @now @complaint_id @body
SELECT r._code, r._pointer, r._detail, r._version, r._replayed, (r.shown).*
FROM complaint_act(@tenant, @actor, @roles, @op_roles, @org, @areas,
    @action, @idempotency_key, @fingerprint, @if_match, @now, @complaint_id, @body) AS r;
