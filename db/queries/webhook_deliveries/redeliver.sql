-- @tenant @actor @roles @op_roles @org @areas · @idempotency_key @fingerprint @now @webhook_id @delivery_id @body
SELECT r._code, r._pointer, r._detail, r._location, r._replayed, (r.shown).*
FROM webhook_send(@tenant, @actor, @roles, @op_roles, @org, @areas,
    'redeliver', @idempotency_key, @fingerprint, @now, @webhook_id, @delivery_id, @body) AS r;
