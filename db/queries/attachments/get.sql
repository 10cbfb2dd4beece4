-- @tenant text, @actor text, @roles text[], @op_roles text[], @org text, @areas text[], @attachment_id uuid
-- Called by op_attachments_get, which then sends the file of that hash.
SELECT * FROM attachment_get(@tenant, @actor, @roles, @op_roles, @org, @areas, @attachment_id);
