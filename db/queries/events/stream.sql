-- @tenant @actor @roles @op_roles @org @areas · @type @case @ticket · @cursor @limit
SELECT * FROM stream_page(@tenant, @actor, @roles, @op_roles, @org, @areas, @type, @case, @ticket, @cursor, @limit);
