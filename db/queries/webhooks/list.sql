-- @tenant @actor @roles @op_roles @org @areas · @organisation @active @retired · @cursor @limit @count
SELECT l._code, l._item, l._cursor, l._total, (l.shown).*
FROM webhook_list(@tenant, @actor, @roles, @op_roles, @org, @areas,
    ROW(@organisation, @active, @retired)::webhook_filter, @cursor, @limit, @count) AS l;
