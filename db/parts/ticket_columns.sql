    -- A ticket as its reader may see it. t: the ticket; c: its case; m: who reads; n.now; i: ticket_eyes.sql. Names of what
    -- stands here by its key, and the actions that these bits allow, are put in by the encoder.
    t.id, c.number || '-' || t.n AS number, t.version, t.case_id, c.number AS case_number, t.kind, t.role,
    t.organisation AS organisation__code, t.state, t.task,
    c.title AS case__title, c.description AS case__description, c.kind AS case__kind,
    c.category AS case__category__code, c.level AS case__level, c.state AS case__state,
    ST_X(c.point) AS case__location__lon, ST_Y(c.point) AS case__location__lat,
    CASE WHEN c.point IS NOT NULL THEN 'wgs84' END AS case__location__coord_sys,
    CASE WHEN c.point IS NOT NULL THEN c.address END AS case__location__address, c.address AS case__address,
    c.area AS case__area__code, c.community AS case__community__code,
    CASE WHEN i.owns THEN (i.own).name WHEN i.seen THEN c.reporter_name
        WHEN i.reported AND NOT c.reporter_anonymous THEN mask_name(c.reporter_name) END AS case__reporter__name,
    CASE WHEN i.owns THEN (i.own).phone WHEN i.seen THEN c.reporter_phone
        WHEN i.reported AND NOT c.reporter_anonymous THEN mask_phone(c.reporter_phone) END AS case__reporter__phone,
    CASE WHEN i.owns THEN (i.own).anonymous WHEN i.reported THEN c.reporter_anonymous END AS case__reporter__anonymous,
    CASE WHEN i.owns THEN (i.own).private WHEN i.reported THEN c.reporter_private END AS case__reporter__private,
    CASE WHEN i.owns THEN (i.own).contactable WHEN i.reported THEN c.reporter_contactable END AS case__reporter__contactable,
    c.received_at AS case__received_at, c.resolve_due_at AS case__resolve_due_at, t.round, t.issued_at,
    CASE WHEN t.issued_by IS NULL THEN 'role' ELSE 'person' END AS issued_by__kind,
    coalesce(t.issued_by::text, t.issued_role) AS issued_by__id,
    t.sign_due_at, t.contact_due_at, t.report_due_at, t.finish_due_at, t.signed_at, t.contacted_at, t.reported_in_at,
    t.started_at, t.submitted_at, t.closed_at, coalesce(t.overdue_at < n.now, false) AS overdue,
    CASE WHEN t.overdue_at < n.now THEN ticket_overdue_clocks(t, n.now) ELSE '{}' END AS overdue_clocks,
    t.result, t.reply, t.cause_code, t.not_contacted, t.department_rating, t.rework_count, t.final,
    CASE WHEN c.attachments_hung > 0 THEN case_attachments_json(m, c, t.id) ELSE '[]' END AS attachments,
    CASE WHEN c.requests_pending > 0 THEN case_requests_json(m, c, t.id) ELSE '[]' END AS requests, t.updated_at,
    i.bits AS allowed_actions, i.bits AS askable_requests
