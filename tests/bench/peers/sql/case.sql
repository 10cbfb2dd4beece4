-- $1 tenant, $2 case: the row, and the people it names. A write appends FOR UPDATE OF c.
SELECT c.id::text, c.version, c.number, c.state, c.kind, c.category, c.title, c.description, c.level, c.proposed_level,
    c.registered_at, c.source, c.tags, c.answers, ST_X(c.point) AS lon, ST_Y(c.point) AS lat, c.address,
    c.place_id::text, c.area, c.community, c.created_by::text, c.created_role, c.created_org,
    c.reporter_name, c.reporter_phone, c.reporter_anonymous, c.reporter_private, c.reporter_contactable,
    c.reporters::text[], c.withdrawn::text[], c.handler::text, c.first_contact::text, c.first_handler::text,
    c.first_handler_org, c.workers::text[], c.lead_ticket::text, c.lead_org, c.organisations, c.open_orgs,
    c.tickets_issued, c.tickets_open, c.tickets_unsubmitted, c.policy_version, c.claimed_at, c.received_at,
    c.round, c.round_started_at, extract(epoch FROM c.round_suspended)::float8 AS round_suspended,
    c.arrive_due_at, c.arrived_at, c.resolve_due_at, c.resolve_cause, c.resolved_at,
    c.plan_started_at, c.plan_due_at, c.planned_at, c.plan_request::text, c.plan_parties, c.fired, c.overdue_at, c.clock_next_at,
    c.state_at, c.state_before, c.signed_round, c.never_sampled, c.result, c.reply,
    c.reject_code, c.reject_basis, c.reject_reason, c.merged_into::text, c.review_date::text,
    c.evaluating_at, c.closed_at, c.closed_how, c.rework_count, c.urge_count, c.callback_tries, c.supervised,
    c.event_seq, c.updated_at,
    h.name AS handler_name, h.roles[1] AS handler_role, h.organisation_code AS handler_org,
    f.name AS first_contact_name, f.roles[1] AS first_contact_role, f.organisation_code AS first_contact_org,
    g.name AS first_handler_name, g.roles[1] AS first_handler_role, g.organisation_code AS first_handler_home
FROM cases c
LEFT JOIN people h ON h.tenant = c.tenant AND h.id = c.handler
LEFT JOIN people f ON f.tenant = c.tenant AND f.id = c.first_contact
LEFT JOIN people g ON g.tenant = c.tenant AND g.id = c.first_handler
WHERE c.tenant = $1 AND c.id = $2::uuid
