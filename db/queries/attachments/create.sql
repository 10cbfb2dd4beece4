-- @tenant text, @actor text, @roles text[], @op_roles text[], @org text, @areas text[], @id uuid, @body jsonb, @idempotency_key text, @fingerprint text, @now timestamptz
-- The file is stored already; @body is what the service found in it.
SELECT * FROM attachment_create(@tenant, @actor, @roles, @op_roles, @org, @areas, @id, @body, @idempotency_key, @fingerprint, @now);
