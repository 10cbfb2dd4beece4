-- @tenant @actor @roles @op_roles @org @areas · @webhook_id
SELECT r._code, r._pointer, r._detail, r._version, r._location, r._replayed, (r.shown).*
FROM webhook_get(@tenant, @actor, @roles, @op_roles, @org, @areas, @webhook_id) AS r;
