-- $1 tenant, $2 ticket: the row, and who issued it. A write appends FOR UPDATE OF t.
SELECT t.id::text, t.version, t.case_id::text, t.n, t.kind, t.role, t.organisation, t.state, t.task, t.round, t.final,
    t.workers::text[], t.issued_at, t.issued_by::text, t.issued_role, t.sign_due_at, t.signed_at, t.contact_due_at,
    t.contacted_at, t.not_contacted, t.report_due_at, t.reported_in_at, t.started_at, t.finish_started_at, t.finish_due_at,
    t.submitted_at, t.closed_at, t.closed_round, t.result, t.reply, t.cause_code, t.department_rating, t.rework_count,
    t.fired, t.overdue_at, t.supervised, t.updated_at, p.name AS issuer_name
FROM tickets t LEFT JOIN people p ON p.tenant = t.tenant AND p.id = t.issued_by
WHERE t.tenant = $1 AND t.id = $2::uuid
