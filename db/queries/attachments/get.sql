-- @tenant text, @actor text, @roles text[], @op_roles text[], @org text, @areas text[], @attachment_id uuid
-- The file is sent when the row is in sight.
SELECT * FROM attachment_get(@tenant, @actor, @roles, @op_roles, @org, @areas, @attachment_id);
