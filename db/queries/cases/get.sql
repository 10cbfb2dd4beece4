-- @tenant @actor @roles @op_roles @org @areas · @case_id @now
SELECT * FROM case_get(@tenant, @actor, @roles, @op_roles, @org, @areas, @case_id, @now);
