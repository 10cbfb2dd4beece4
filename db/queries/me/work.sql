-- @tenant @actor @roles @op_roles @org @areas · @now
SELECT * FROM me_work(@tenant, @actor, @roles, @op_roles, @org, @areas, @now);
