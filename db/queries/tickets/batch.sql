-- @tenant @actor @roles @op_roles @org @areas · @id @idempotency_key @fingerprint @now @body
-- @body: the items as their function has checked them.
SELECT b._at, b._batch_replayed, b._sqlstate, b._message, (b.reply).*
FROM ticket_batch(@tenant, @actor, @roles, @op_roles, @org, @areas, @id, @idempotency_key, @fingerprint, @now, @body) AS b;
