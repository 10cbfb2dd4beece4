-- @tenant @actor @roles @op_roles @org @areas · @id @idempotency_key @fingerprint @now @body
SELECT * FROM case_create(@tenant, @actor, @roles, @op_roles, @org, @areas, @id, @idempotency_key, @fingerprint, @now, @body);
