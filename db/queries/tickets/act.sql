-- @tenant @actor @roles @op_roles @org @areas · @action @idempotency_key @fingerprint @if_match @now @ticket_id @body
SELECT * FROM ticket_act(@tenant, @actor, @roles, @op_roles, @org, @areas,
    @action, @idempotency_key, @fingerprint, @if_match, @now, @ticket_id, @body);
