-- @tenant @actor @roles @op_roles @org @areas · @action @idempotency_key @fingerprint @if_match @now @request_id @body
SELECT * FROM request_act(@tenant, @actor, @roles, @op_roles, @org, @areas,
    @action, @idempotency_key, @fingerprint, @if_match, @now, @request_id, @body);
