-- @tenant @actor @roles @op_roles @org @areas · @id @idempotency_key @fingerprint @now @webhook_id @body
SELECT r._code, r._pointer, r._detail, r._location, r._replayed, (r.shown).*
FROM webhook_send(@tenant, @actor, @roles, @op_roles, @org, @areas,
    'ping', @idempotency_key, @fingerprint, @now, @webhook_id, @id, @body) AS r;
