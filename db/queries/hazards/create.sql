-- @tenant @actor @roles @op_roles @org @areas · @id @idempotency_key @fingerprint @now @body
SELECT r._code, r._pointer, r._detail, r._version, r._location, r._replayed, (r.shown).*
FROM hazard_create(@tenant, @actor, @roles, @op_roles, @org, @areas, @id, @idempotency_key, @fingerprint, @now, @body) AS r;
