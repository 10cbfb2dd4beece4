-- @tenant @actor @roles @op_roles @org @areas · @webhook_id · @cursor @limit @count
SELECT * FROM webhook_event_list(@tenant, @actor, @roles, @op_roles, @org, @areas, @webhook_id, @cursor, @limit, @count);
