-- @tenant @actor @roles @op_roles · @now @body
SELECT u.* FROM open311_update_create(@tenant, @actor, @roles, @op_roles, @now, @body) AS u;
