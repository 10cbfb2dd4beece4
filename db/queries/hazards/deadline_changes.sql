-- @tenant @actor @roles @op_roles @org @areas · @hazard_id · @cursor @limit @count
SELECT * FROM hazard_change_list(@tenant, @actor, @roles, @op_roles, @org, @areas, @hazard_id, @cursor, @limit, @count);
