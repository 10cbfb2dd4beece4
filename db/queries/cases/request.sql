-- @tenant @actor @roles @op_roles @org @areas · @idempotency_key @fingerprint @now @case_id @body
SELECT * FROM request_ask(@tenant, @actor, @roles, @op_roles, @org, @areas, 'case',
    @idempotency_key, @fingerprint, @now, @case_id, @body);
