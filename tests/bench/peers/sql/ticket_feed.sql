-- $1 tenant, $2 organisation, $3 position, $4 how many, $5 era: what changed after that position.
SELECT concat_ws('|', 'feed', $5::text, f.position) AS place,
    t.id::text, c.number, t.n, t.version, t.case_id::text, t.kind, t.role, t.organisation, t.state, t.task,
    c.title, c.description, c.kind AS case_kind, c.category, c.level, c.state AS case_state, ST_X(c.point) AS lon, ST_Y(c.point) AS lat,
    c.address, c.area, c.community, c.reporter_name, c.reporter_phone, c.reporter_anonymous, c.reporter_private,
    c.reporter_contactable, c.reporters::text[], c.lead_org, c.open_orgs, c.received_at, c.resolve_due_at, t.round, t.issued_at,
    t.issued_by::text, t.issued_role, p.name AS issuer_name, t.sign_due_at, t.contact_due_at, t.report_due_at, t.finish_due_at,
    t.signed_at, t.contacted_at, t.reported_in_at, t.started_at, t.submitted_at, t.closed_at, t.overdue_at, t.cause_code,
    t.not_contacted, t.department_rating, t.rework_count, t.final, t.updated_at, t.supervised, t.workers::text[]
FROM ticket_feed f
JOIN tickets t ON t.tenant = f.tenant AND t.id = f.ticket_id
JOIN cases c ON c.tenant = t.tenant AND c.id = t.case_id
LEFT JOIN people p ON p.tenant = t.tenant AND p.id = t.issued_by
WHERE f.tenant = $1 AND t.organisation = $2 AND f.position > $3
ORDER BY f.position LIMIT $4
