-- @tenant @actor @roles @op_roles @org @areas · @status @case @organisation @kind @role @mine @overdue @number
-- @updated_after @sort · @cursor @limit @count @now
SELECT * FROM ticket_list(@tenant, @actor, @roles, @op_roles, @org, @areas,
    ROW(@status, @case, @organisation, @kind, @role, @mine, @overdue, @number)::ticket_filter,
    @updated_after, @sort, @cursor, @limit, @count, @now);
