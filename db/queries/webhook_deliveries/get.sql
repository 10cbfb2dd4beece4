-- @tenant @actor @roles @op_roles @org @areas · @webhook_id @delivery_id
SELECT r._code, r._pointer, r._detail, r._location, r._replayed, (r.shown).*
FROM webhook_delivery_get(@tenant, @actor, @roles, @op_roles, @org, @areas, @webhook_id, @delivery_id) AS r;
