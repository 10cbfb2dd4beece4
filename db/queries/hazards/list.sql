-- @tenant @actor @roles @op_roles @org @areas · @now · @colour @state @overdue @community @place · @cursor @limit @count
SELECT l._code, l._item, l._cursor, l._total, (l.shown).*
FROM hazard_list(@tenant, @actor, @roles, @op_roles, @org, @areas, @now,
    ROW(@colour, @state, @overdue, @community, @place)::hazard_filter, @cursor, @limit, @count) AS l;
