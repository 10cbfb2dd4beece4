-- @tenant @actor @roles @op_roles @org @areas · @id @request_id · @status @case @organisation @kind @role @mine @overdue
-- @issued_from @issued_to @after · @cursor @now
-- export_tickets says which; here is what each shows. OFFSET 0 keeps the planner from writing a composite out for each member.
SELECT l.code AS _code, k.id IS NOT NULL AS _item, l.place AS _cursor,
    t.id, c.number || '-' || t.n AS number, t.version, t.case_id, c.number AS case_number, t.kind, t.role,
    t.organisation AS organisation__code, coalesce(g.name, t.organisation) AS organisation__name, t.state, t.task,
    c.title AS case__title, c.description AS case__description, c.kind AS case__kind,
    c.category AS case__category__code, y.name AS case__category__name, c.level AS case__level, c.state AS case__state,
    ST_X(c.point) AS case__location__lon, ST_Y(c.point) AS case__location__lat,
    CASE WHEN c.point IS NOT NULL THEN 'wgs84' END AS case__location__coord_sys,
    CASE WHEN c.point IS NOT NULL THEN c.address END AS case__location__address, c.address AS case__address,
    c.area AS case__area__code, a.name AS case__area__name,
    c.community AS case__community__code, m.name AS case__community__name,
    (r.shown).name AS case__reporter__name, (r.shown).phone AS case__reporter__phone,
    (r.shown).anonymous AS case__reporter__anonymous, (r.shown).private AS case__reporter__private,
    (r.shown).contactable AS case__reporter__contactable,
    c.received_at AS case__received_at, c.resolve_due_at AS case__resolve_due_at, t.round, t.issued_at,
    (b.party).kind AS issued_by__kind, (b.party).id AS issued_by__id, (b.party).name AS issued_by__name,
    t.sign_due_at, t.contact_due_at, t.report_due_at, t.finish_due_at, t.signed_at, t.contacted_at, t.reported_in_at,
    t.started_at, t.submitted_at, t.closed_at, coalesce(t.overdue_at < l.now, false) AS overdue,
    CASE WHEN t.overdue_at < l.now THEN ticket_overdue_clocks(t, l.now) ELSE '{}' END AS overdue_clocks,
    t.result, t.reply, t.cause_code, t.not_contacted, t.department_rating, t.rework_count, t.final, t.updated_at
FROM export_tickets(@tenant, @actor, @roles, @op_roles, @org, @areas, @id, @request_id,
    ROW(@status, @case, @organisation, @kind, @role, @mine, @overdue, NULL)::ticket_filter,
    @issued_from, @issued_to, @after, @cursor, @now) AS l
CROSS JOIN LATERAL unnest(l.ids) WITH ORDINALITY AS k (id, n)
LEFT JOIN tickets t ON t.tenant = @tenant AND t.id = k.id
LEFT JOIN cases c ON c.tenant = @tenant AND c.id = t.case_id
LEFT JOIN organisations g ON g.tenant = @tenant AND g.code = t.organisation
LEFT JOIN categories y ON y.tenant = @tenant AND y.code = c.category
LEFT JOIN areas a ON a.tenant = @tenant AND a.code = c.area
LEFT JOIN areas m ON m.tenant = @tenant AND m.code = c.community
LEFT JOIN people p ON p.tenant = @tenant AND p.id = t.issued_by
LEFT JOIN organisations o ON o.tenant = @tenant AND o.code = p.organisation_code
CROSS JOIN LATERAL (
    SELECT CASE WHEN has_reporter(c)
        THEN reporter_masked(sees_reporter(l.me, c), c.reporter_name, c.reporter_phone, c.reporter_anonymous,
            c.reporter_private, c.reporter_contactable) END AS shown
    OFFSET 0
) AS r
CROSS JOIN LATERAL (
    SELECT CASE WHEN p.id IS NULL THEN role_party(t.issued_role)
        ELSE staff_party(l.me, p.id, p.name, t.issued_role, p.organisation_code, o.name) END AS party
    OFFSET 0
) AS b
ORDER BY k.n;
