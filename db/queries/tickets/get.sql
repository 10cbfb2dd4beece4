-- @tenant @actor @roles @op_roles @org @areas · @ticket_id @now
SELECT * FROM ticket_get(@tenant, @actor, @roles, @op_roles, @org, @areas, @ticket_id, @now);
