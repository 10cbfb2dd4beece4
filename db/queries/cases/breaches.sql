-- @tenant @actor @roles @op_roles @org @areas · @case_id · @cursor @limit @count
SELECT * FROM case_breach_list(@tenant, @actor, @roles, @op_roles, @org, @areas, @case_id, @cursor, @limit, @count);
