-- @tenant @actor @roles @op_roles @org @areas · @id @request_id · @status @level @kind @category @area @source @mine @overdue @q
-- @received_from @received_to @after · @cursor @now
-- export_cases says which; what is shown of each is what a list shows, and how it ended.
SELECT v._code, v._item, v._cursor, v._names, v._masked,
    v.id, v.number, v.version, v.state, v.step, v.kind, v.category__code, v.title, v.description,
    v.level, v.registered, v.source, v.location__lon, v.location__lat, v.location__coord_sys, v.location__address,
    v.address, v.area__code, v.community__code, v.reporter__name, v.reporter__phone,
    v.reporter__anonymous, v.reporter__private, v.reporter__contactable, v.tags, v.external_numbers, v.received_at, v.round,
    v.handler__kind, v.handler__id, v.lead__code, v.arrive_due_at, v.arrived_at, v.resolve_due_at, v.resolved_at,
    v.plan_due_at, v.planned_at, v.overdue, v.overdue_clocks, v.result, v.reply, v.closed_at,
    v.rating__contacted, v.rating__solved, v.rating__satisfied, v.rating__comment, v.rating__rated_at,
    v.merged_into, v.rework_count, v.urge_count, v.updated_at
FROM (
    SELECT l.code AS _code, k.id IS NOT NULL AS _item, l.place AS _cursor, k.n AS place,
        m.names_version AS _names, masks_staff(m) AS _masked,
        c.lead_org AS lead__code, CASE WHEN c.state = 'closed' THEN c.closed_at END AS closed_at,
        CASE WHEN c.refs_known > 0 THEN ARRAY(
            SELECT f.system || ' ' || f.number FROM external_refs f
            WHERE f.tenant = @tenant AND f.case_id = c.id ORDER BY f.system, f.number) ELSE '{}' END AS external_numbers,
        e.contacted AS rating__contacted, e.solved AS rating__solved, e.satisfied AS rating__satisfied,
        e.comment AS rating__comment, e.rated_at AS rating__rated_at,
\ir ../../parts/case_columns.sql
    FROM me(@tenant, @actor, @roles, @op_roles, @org, @areas) AS m
    CROSS JOIN (SELECT coalesce(@now, statement_timestamp()) AS now OFFSET 0) AS n
    CROSS JOIN LATERAL export_cases(m, @id, @request_id,
        ROW(@status, @level, @kind, @category, @area, @source, @mine, @overdue, NULL, NULL, @q, NULL, NULL, NULL)::case_filter,
        @received_from, @received_to, @after, @cursor, n.now) AS l
    CROSS JOIN LATERAL unnest(l.ids) WITH ORDINALITY AS k (id, n)
    LEFT JOIN cases c ON c.tenant = @tenant AND c.id = k.id
    LEFT JOIN LATERAL (
        SELECT t.* FROM ratings t
        WHERE t.tenant = @tenant AND t.case_id = c.id AND t.round = c.round AND sees_staff(m)
        ORDER BY t.rated_at DESC, t.reporter DESC LIMIT 1
    ) AS e ON true
\ir ../../parts/case_tables.sql
) AS v
ORDER BY v.place;
