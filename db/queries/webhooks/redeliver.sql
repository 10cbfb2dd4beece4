-- @tenant @actor @roles @op_roles @org @areas · @id @idempotency_key @fingerprint @now @webhook_id @body
SELECT r.*
FROM webhook_redeliver(@tenant, @actor, @roles, @op_roles, @org, @areas,
    @id, @idempotency_key, @fingerprint, @now, @webhook_id, @body) AS r;
