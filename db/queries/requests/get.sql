-- @tenant @actor @roles @op_roles @org @areas · @request_id
SELECT * FROM request_get(@tenant, @actor, @roles, @op_roles, @org, @areas, @request_id);
