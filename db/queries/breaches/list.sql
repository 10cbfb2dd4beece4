-- @tenant @actor @roles @op_roles @org @areas · @clock @organisation @area @case @from @to · @cursor @limit @count
SELECT * FROM breach_list(@tenant, @actor, @roles, @op_roles, @org, @areas,
    ROW(@clock, @organisation, @area, @case, @from, @to)::breach_filter, @cursor, @limit, @count);
