-- @tenant @actor @roles @op_roles @org @areas · @now @hazard_id
SELECT r._code, r._pointer, r._detail, r._version, r._location, r._replayed, (r.shown).*
FROM hazard_get(@tenant, @actor, @roles, @op_roles, @org, @areas, @now, @hazard_id) AS r;
