-- @tenant @actor @roles @op_roles @org @areas · @id @idempotency_key @fingerprint @now @hazard_id @body
SELECT * FROM hazard_ask(@tenant, @actor, @roles, @op_roles, @org, @areas,
    @id, @idempotency_key, @fingerprint, @now, @hazard_id, @body);
