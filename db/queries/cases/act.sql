-- @tenant @actor @roles @op_roles @org @areas · @action @idempotency_key @fingerprint @if_match @now @case_id @body
SELECT * FROM case_act(@tenant, @actor, @roles, @op_roles, @org, @areas,
    @action, @idempotency_key, @fingerprint, @if_match, @now, @case_id, @body);
