-- @tenant @actor @roles @op_roles @org @areas · @ticket_id · @cursor @limit @count
SELECT * FROM ticket_event_list(@tenant, @actor, @roles, @op_roles, @org, @areas, @ticket_id, @cursor, @limit, @count);
