-- @tenant @actor @roles @op_roles @org @areas · @case_id · @cursor @limit @count
SELECT * FROM case_deadline_change_list(@tenant, @actor, @roles, @op_roles, @org, @areas, @case_id, @cursor, @limit, @count);
