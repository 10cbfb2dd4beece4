-- @tenant @actor @roles @op_roles @org @areas · @state @kind @case @ticket @hazard @decidable · @cursor @limit @count
SELECT * FROM request_list(@tenant, @actor, @roles, @op_roles, @org, @areas,
    ROW(@state, @kind, @case, @ticket, @hazard, @decidable)::request_filter, @cursor, @limit, @count);
