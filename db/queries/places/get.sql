-- @tenant @actor @roles @op_roles @org @areas · @place_id
SELECT * FROM place_get(@tenant, @actor, @roles, @op_roles, @org, @areas, @place_id);
