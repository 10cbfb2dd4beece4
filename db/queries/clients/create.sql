-- @tenant @actor @roles @op_roles @org @areas · @action @id @idempotency_key @fingerprint @if_match @now @body @secret_hash @key_hash
SELECT r.*
FROM client_act(@tenant, @actor, @roles, @op_roles, @org, @areas, @action, NULL, @id, @idempotency_key, @fingerprint,
    @if_match, @now, @body, @secret_hash, @key_hash) AS r;
