-- @tenant @actor @roles @op_roles @org @areas · @status @level @kind @category @area @source @mine @overdue @number
-- @external_number @q @updated_after @sort · @cursor @limit @count @now
SELECT * FROM case_list(@tenant, @actor, @roles, @op_roles, @org, @areas,
    ROW(@status, @level, @kind, @category, @area, @source, @mine, @overdue, @number, @external_number, @q,
        NULL, NULL, NULL)::case_filter,
    @updated_after, @sort, @cursor, @limit, @count, @now);
