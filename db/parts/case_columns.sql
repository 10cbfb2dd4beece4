    -- A case as its reader may see it. c: the case; m: who reads; n.now; i: case_tables.sql. Names of what stands here by its
    -- key, and the actions that these bits allow, are put in by the encoder.
    c.id, c.number, c.state, case_step(c.state) AS step, c.kind, c.category AS category__code,
    c.title, c.description, c.level, c.proposed_level, c.registered_at IS NOT NULL AS registered, c.source,
    ST_X(c.point) AS location__lon, ST_Y(c.point) AS location__lat,
    CASE WHEN c.point IS NOT NULL THEN 'wgs84' END AS location__coord_sys,
    CASE WHEN c.point IS NOT NULL THEN c.address END AS location__address,
    c.address, c.place_id, c.area AS area__code, c.community AS community__code,
    CASE WHEN i.owns THEN (i.own).name WHEN c.reporter_anonymous THEN NULL WHEN i.sees THEN c.reporter_name
        ELSE mask_name(c.reporter_name) END AS reporter__name,
    CASE WHEN i.owns THEN (i.own).phone WHEN c.reporter_anonymous THEN NULL WHEN i.sees THEN c.reporter_phone
        ELSE mask_phone(c.reporter_phone) END AS reporter__phone,
    CASE WHEN i.owns THEN (i.own).anonymous WHEN i.has THEN c.reporter_anonymous END AS reporter__anonymous,
    CASE WHEN i.owns THEN (i.own).private WHEN i.has THEN c.reporter_private END AS reporter__private,
    CASE WHEN i.owns THEN (i.own).contactable WHEN i.has THEN c.reporter_contactable END AS reporter__contactable, c.tags,
    CASE WHEN c.attachments_hung > 0 THEN case_attachments_json(m, c) ELSE '[]' END AS attachments,
    CASE WHEN c.refs_known > 0 THEN case_refs_json(c) ELSE '[]' END AS external_refs, c.answers,
    c.claimed_at, c.received_at, c.round, c.round_started_at,
    CASE WHEN i.led THEN CASE WHEN c.lead_org IS NOT NULL THEN 'organisation' END WHEN c.handler IS NULL THEN NULL
        WHEN i.staff THEN 'person' ELSE (i.handler).kind END AS handler__kind,
    CASE WHEN i.led THEN c.lead_org WHEN c.handler IS NULL THEN NULL
        WHEN i.staff THEN c.handler::text ELSE (i.handler).id END AS handler__id,
    CASE WHEN c.first_contact IS NULL THEN NULL WHEN i.staff THEN 'person' ELSE (i.contact).kind END AS first_contact__kind,
    CASE WHEN c.first_contact IS NULL THEN NULL WHEN i.staff THEN c.first_contact::text ELSE (i.contact).id END AS first_contact__id,
    CASE WHEN c.first_handler_org IS NOT NULL THEN 'organisation' WHEN c.first_handler IS NULL THEN NULL
        WHEN i.staff THEN 'person' ELSE (i.first).kind END AS first_handler__kind,
    CASE WHEN c.first_handler_org IS NOT NULL THEN c.first_handler_org WHEN c.first_handler IS NULL THEN NULL
        WHEN i.staff THEN c.first_handler::text ELSE (i.first).id END AS first_handler__id,
    c.arrive_due_at, c.arrived_at, c.resolve_due_at, c.resolved_at, c.plan_due_at, c.planned_at,
    coalesce(c.overdue_at < n.now, false) AS overdue,
    CASE WHEN c.overdue_at < n.now THEN case_overdue_clocks(c, n.now) ELSE '{}' END AS overdue_clocks,
    (i.plan).request_id AS plan__request_id, (i.plan).state AS plan__state, (i.plan).steps AS plan__steps, c.result, c.reply,
    c.reject_code AS rejection__code, c.reject_basis AS rejection__basis, c.reject_reason AS rejection__reason,
    c.merged_into, c.review_date, CASE WHEN c.state = 'closed' THEN case_ratings_json(m, c) ELSE '[]' END AS ratings,
    CASE WHEN i.tickets = 'none' THEN NULL WHEN c.tickets_issued = 0 THEN '[]'
        ELSE case_tickets_json(m, c, i.tickets, n.now) END AS tickets,
    CASE WHEN c.requests_pending > 0 THEN case_requests_json(m, c) ELSE '[]' END AS requests,
    c.rework_count, c.urge_count, CASE WHEN c.state = 'evaluating' THEN c.callback_tries END AS callback_tries,
    c.policy_version, c.updated_at, c.version, case_bits(m, c) AS allowed_actions
