-- @tenant @actor @roles @op_roles @org @areas · @request_id @now · @kind @state @department @case · @cursor @limit @count
-- A reading that writes: each row shown leaves an audit row, in the same transaction.
SELECT l._code, l._item, l._cursor, l._total, (l.shown).*
FROM warning_list(@tenant, @actor, @roles, @op_roles, @org, @areas, @request_id, @now,
    ROW(@kind, @state, @department, @case)::warning_filter, @cursor, @limit, @count) AS l;
