-- @tenant @actor @roles @op_roles @org @areas · @status @level @kind @category @area @source @mine @overdue @number
-- @external_number @q @updated_after @sort · @cursor @limit @count @now
-- case_list says which; of what a case shows, a list shows less, and what it leaves out is not worked out.
SELECT v._code, v._item, v._cursor, v._total, v._more, v._names, v._masked,
    v.id, v.number, v.version, v.state, v.step, v.kind, v.category__code, v.title, v.description,
    v.level, v.registered, v.source, v.location__lon, v.location__lat, v.location__coord_sys, v.location__address,
    v.address, v.area__code, v.community__code, v.reporter__name, v.reporter__phone,
    v.reporter__anonymous, v.reporter__private, v.reporter__contactable, v.tags, v.received_at, v.round,
    v.handler__kind, v.handler__id, v.arrive_due_at, v.arrived_at, v.resolve_due_at, v.resolved_at,
    v.plan_due_at, v.planned_at, v.overdue, v.overdue_clocks, v.rework_count, v.callback_tries, v.updated_at,
    v.allowed_actions
FROM (
    SELECT l.code AS _code, k.id IS NOT NULL AS _item, k.cursor AS _cursor, l.total AS _total, l.more AS _more, k.n AS place,
        m.names_version AS _names, masks_staff(m) AS _masked,
\ir ../../parts/case_columns.sql
    FROM me(@tenant, @actor, @roles, @op_roles, @org, @areas) AS m
    CROSS JOIN (SELECT coalesce(@now, statement_timestamp()) AS now OFFSET 0) AS n
    CROSS JOIN LATERAL case_list(m,
        ROW(@status, @level, @kind, @category, @area, @source, @mine, @overdue, @number, @external_number, @q,
            NULL, NULL, NULL)::case_filter,
        @updated_after, @sort, @cursor, @limit, @count, n.now) AS l
    CROSS JOIN LATERAL unnest(l.ids, l.cursors) WITH ORDINALITY AS k (id, cursor, n)
    LEFT JOIN cases c ON c.tenant = @tenant AND c.id = k.id
\ir ../../parts/case_tables.sql
) AS v
ORDER BY v.place;
