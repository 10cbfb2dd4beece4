-- @tenant @actor @roles @op_roles @org @areas · @state @case @ticket @mine · @cursor @limit @count
SELECT * FROM supervision_list(@tenant, @actor, @roles, @op_roles, @org, @areas,
    ROW(@state, @case, @ticket, @mine)::supervision_filter, @cursor, @limit, @count);
