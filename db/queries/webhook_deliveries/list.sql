-- @tenant @actor @roles @op_roles @org @areas · @webhook_id @state @type @ticket · @cursor @limit @count
SELECT l._code, l._item, l._cursor, l._total, (l.shown).*
FROM webhook_delivery_list(@tenant, @actor, @roles, @op_roles, @org, @areas,
    @webhook_id, ROW(@state, @type, @ticket)::webhook_delivery_filter, @cursor, @limit, @count) AS l;
