-- @tenant @actor @roles @op_roles @org @areas · @action @idempotency_key @fingerprint @if_match @now @hazard_id @body
SELECT r._code, r._pointer, r._detail, r._version, r._replayed, (r.shown).*
FROM hazard_act(@tenant, @actor, @roles, @op_roles, @org, @areas,
    @action, @idempotency_key, @fingerprint, @if_match, @now, @hazard_id, @body) AS r;
