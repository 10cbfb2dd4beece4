-- @tenant @actor @roles @op_roles @org @areas · @hazard_id · @cursor @limit @count
SELECT * FROM hazard_event_list(@tenant, @actor, @roles, @op_roles, @org, @areas, @hazard_id, @cursor, @limit, @count);
