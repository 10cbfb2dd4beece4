-- @tenant @actor @roles @op_roles @org @areas · @state @case · @cursor @limit @count
SELECT l._code, l._item, l._cursor, l._total, (l.shown).*
FROM complaint_list(@tenant, @actor, @roles, @op_roles, @org, @areas,
    ROW(@state, @case)::complaint_filter, @cursor, @limit, @count) AS l;
