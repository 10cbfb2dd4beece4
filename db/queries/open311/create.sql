-- @tenant @actor @roles @op_roles · @id @idempotency_key @fingerprint @now @body
SELECT r.* FROM open311_create(@tenant, @actor, @roles, @op_roles, @id, @idempotency_key, @fingerprint, @now, @body) AS r;
