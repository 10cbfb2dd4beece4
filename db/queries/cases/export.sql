-- @tenant @actor @roles @op_roles @org @areas · @id @request_id · @status @level @kind @category @area @source @mine @overdue @q
-- @received_from @received_to @after · @cursor @now
-- export_cases says which; here is what each shows. OFFSET 0 keeps the planner from writing a composite out for each member.
SELECT l.code AS _code, k.id IS NOT NULL AS _item, l.place AS _cursor,
    c.id, c.number, c.version, c.state, s.step, c.kind, c.category AS category__code, y.name AS category__name,
    c.title, c.description, c.level, c.registered_at IS NOT NULL AS registered, c.source,
    ST_X(c.point) AS location__lon, ST_Y(c.point) AS location__lat,
    CASE WHEN c.point IS NOT NULL THEN 'wgs84' END AS location__coord_sys,
    CASE WHEN c.point IS NOT NULL THEN c.address END AS location__address, c.address,
    c.area AS area__code, a.name AS area__name, c.community AS community__code, m.name AS community__name,
    (r.shown).name AS reporter__name, (r.shown).phone AS reporter__phone, (r.shown).anonymous AS reporter__anonymous,
    (r.shown).private AS reporter__private, (r.shown).contactable AS reporter__contactable,
    c.tags, x.external_numbers, c.received_at, c.round,
    (h.party).kind AS handler__kind, (h.party).id AS handler__id, (h.party).name AS handler__name,
    c.lead_org AS lead__code, d.name AS lead__name,
    c.arrive_due_at, c.arrived_at, c.resolve_due_at, c.resolved_at, c.plan_due_at, c.planned_at,
    coalesce(c.overdue_at < l.now, false) AS overdue,
    CASE WHEN c.overdue_at < l.now THEN case_overdue_clocks(c, l.now) ELSE '{}' END AS overdue_clocks,
    c.result, c.reply, CASE WHEN c.state = 'closed' THEN c.closed_at END AS closed_at,
    e.contacted AS rating__contacted, e.solved AS rating__solved, e.satisfied AS rating__satisfied,
    e.comment AS rating__comment, e.rated_at AS rating__rated_at,
    c.merged_into, c.rework_count, c.urge_count, c.updated_at
FROM export_cases(@tenant, @actor, @roles, @op_roles, @org, @areas, @id, @request_id,
    ROW(@status, @level, @kind, @category, @area, @source, @mine, @overdue, NULL, NULL, @q,
        NULL, NULL, NULL)::case_filter,
    @received_from, @received_to, @after, @cursor, @now) AS l
CROSS JOIN LATERAL unnest(l.ids) WITH ORDINALITY AS k (id, n)
LEFT JOIN cases c ON c.tenant = @tenant AND c.id = k.id
LEFT JOIN case_states s ON s.state = c.state
LEFT JOIN categories y ON y.tenant = @tenant AND y.code = c.category
LEFT JOIN areas a ON a.tenant = @tenant AND a.code = c.area
LEFT JOIN areas m ON m.tenant = @tenant AND m.code = c.community
LEFT JOIN organisations d ON d.tenant = @tenant AND d.code = c.lead_org
LEFT JOIN people p ON p.tenant = @tenant AND p.id = c.handler
LEFT JOIN organisations o ON o.tenant = @tenant AND o.code = p.organisation_code
LEFT JOIN LATERAL (
    SELECT t.* FROM ratings t
    WHERE t.tenant = @tenant AND t.case_id = c.id AND t.round = c.round AND sees_staff(l.me)
    ORDER BY t.rated_at DESC, t.reporter DESC LIMIT 1
) AS e ON true
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(f.system || ' ' || f.number ORDER BY f.system, f.number), '{}') AS external_numbers
    FROM external_refs f WHERE f.tenant = @tenant AND f.case_id = c.id
) AS x
CROSS JOIN LATERAL (
    SELECT CASE WHEN has_reporter(c)
        THEN reporter_masked(sees_reporter(l.me, c), c.reporter_name, c.reporter_phone, c.reporter_anonymous,
            c.reporter_private, c.reporter_contactable) END AS shown
    OFFSET 0
) AS r
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN c.state NOT IN ('whistled', 'handling')
            THEN staff_party(l.me, p.id, p.name, p.roles[1], p.organisation_code, o.name)
        WHEN c.lead_org IS NOT NULL THEN ROW('organisation', c.lead_org, coalesce(d.name, c.lead_org))::party
        END AS party
    OFFSET 0
) AS h
ORDER BY k.n;
