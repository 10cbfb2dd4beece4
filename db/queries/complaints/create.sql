-- @tenant @actor @roles @op_roles @org @areas · @id @idempotency_key @fingerprint @now @case_id @text
SELECT r._code, r._pointer, r._detail, r._version, r._location, r._replayed, (r.shown).*
FROM complaint_create(@tenant, @actor, @roles, @op_roles, @org, @areas,
    @id, @idempotency_key, @fingerprint, @now, @case_id, @text) AS r;
