-- @tenant @actor @roles @op_roles @org @areas · @idempotency_key @fingerprint @now @ticket_id @body
SELECT * FROM request_ask(@tenant, @actor, @roles, @op_roles, @org, @areas, 'ticket',
    @idempotency_key, @fingerprint, @now, @ticket_id, @body);
