-- @tenant text, @actor text, @roles text[], @op_roles text[], @org text, @areas text[], @id uuid, @content_type text, @size bigint, @sha256 text, @width integer, @height integer, @idempotency_key text, @fingerprint text, @now timestamptz
-- Called by op_attachments_create when the file is stored.
SELECT * FROM attachment_create(@tenant, @actor, @roles, @op_roles, @org, @areas,
    ROW(NULL, @id, @content_type, @size, @sha256, @width, @height, NULL, NULL)::attachments,
    @idempotency_key, @fingerprint, @now);
