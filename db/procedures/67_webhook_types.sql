-- Webhooks: what an event is called outside. A closed list, from the actions of the machines; what is not here is told to nobody.

CREATE TABLE webhook_types (
    machine text NOT NULL CHECK (machine IN ('case', 'ticket')),
    action text NOT NULL,
    variant text NOT NULL CHECK (variant IN ('', 'failed', 'request')),
    type text NOT NULL,
    PRIMARY KEY (machine, action, variant)
);
SELECT copy_everywhere('webhook_types');
COMMENT ON TABLE webhook_types IS 'Action of a machine → type of its message. Whatever leads to closed is called closed';

INSERT INTO webhook_types (machine, action, variant, type) VALUES
    ('case', 'create', '', 'case.created'),
    ('case', 'edit', '', 'case.edited'),
    ('case', 'accept', '', 'case.accepted'),
    ('case', 'reject', '', 'case.rejected'),
    ('case', 'object', '', 'case.objected'),
    ('case', 'withdraw', '', 'case.withdrawn'),
    ('case', 'merge', '', 'case.merged'),
    ('case', 'ask_verification', '', 'case.verification_asked'),
    ('case', 'report_verification', '', 'case.verification_reported'),
    ('case', 'register', '', 'case.registered'),
    ('case', 'reclass', '', 'case.reclassed'),
    ('case', 'start_source', '', 'case.source_started'),
    ('case', 'reassign', '', 'case.reassigned'),
    ('case', 'arrive', '', 'case.arrived'),
    ('case', 'source_done', '', 'case.source_done'),
    ('case', 'whistle', '', 'case.whistled'),
    ('case', 'first_sign', '', 'case.first_signed'),
    ('case', 'retake', '', 'case.retaken'),
    ('case', 'plan', '', 'case.planned'),
    ('case', 'step_done', '', 'case.step_done'),
    ('case', 'step_waive', '', 'case.step_waived'),
    ('case', 'feedback', '', 'case.feedback_given'),
    ('case', 'check_sampled_out', '', 'case.check_sampled_out'),
    ('case', 'check', '', 'case.check_passed'),
    ('case', 'check', 'failed', 'case.check_failed'),
    ('case', 'callback', '', 'case.called_back'),
    ('case', 'rate', '', 'case.rated'),
    ('case', 'auto_close', '', 'case.closed'),
    ('case', 'reopen', '', 'case.reopened'),
    ('case', 'suspend', '', 'case.suspended'),
    ('case', 'resume', '', 'case.resumed'),
    ('case', 'void', '', 'case.voided'),
    ('case', 'comment', '', 'case.commented'),
    ('case', 'urge', '', 'case.urged'),
    ('case', 'supervise', '', 'case.supervised'),
    ('case', 'reply_supervision', '', 'case.supervision_replied'),
    ('case', 'request', 'request', 'case.requested'),
    ('case', 'approve', 'request', 'case.request_approved'),
    ('case', 'decline', 'request', 'case.request_declined'),
    ('case', 'withdraw', 'request', 'case.request_withdrawn'),
    ('case', 'expire', 'request', 'case.request_expired'),
    ('ticket', 'issue', '', 'ticket.issued'),
    ('ticket', 'send_failed', '', 'ticket.send_failed'),
    ('ticket', 'delivered', '', 'ticket.delivered'),
    ('ticket', 'sign', '', 'ticket.signed'),
    ('ticket', 'contact', '', 'ticket.contacted'),
    ('ticket', 'report_in', '', 'ticket.reported_in'),
    ('ticket', 'start', '', 'ticket.started'),
    ('ticket', 'submit', '', 'ticket.submitted'),
    ('ticket', 'approve', '', 'ticket.closed'),
    ('ticket', 'rework', '', 'ticket.reworked'),
    ('ticket', 'reopen', '', 'ticket.reopened'),
    ('ticket', 'recall', '', 'ticket.recalled'),
    ('ticket', 'ask_return', '', 'ticket.return_requested'),
    ('ticket', 'keep', '', 'ticket.kept'),
    ('ticket', 'return', '', 'ticket.returned'),
    ('ticket', 'suspend', '', 'ticket.suspended'),
    ('ticket', 'resume', '', 'ticket.resumed'),
    ('ticket', 'lead_replaced', '', 'ticket.lead_replaced'),
    ('ticket', 'promote', '', 'ticket.promoted'),
    ('ticket', 'supervise', '', 'ticket.supervised'),
    ('ticket', 'reply_supervision', '', 'ticket.supervision_replied'),
    ('ticket', 'request', 'request', 'ticket.requested'),
    ('ticket', 'approve', 'request', 'ticket.request_approved'),
    ('ticket', 'decline', 'request', 'ticket.request_declined'),
    ('ticket', 'withdraw', 'request', 'ticket.request_withdrawn'),
    ('ticket', 'expire', 'request', 'ticket.request_expired');

-- Requests share some words with the machines; asking and deciding moves nothing by itself.
CREATE FUNCTION webhook_variant(e case_history) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN (e).request_id IS NOT NULL AND (e).action IN ('request', 'approve', 'decline', 'withdraw', 'expire')
        AND (e).from_state = (e).to_state THEN 'request'
    WHEN (e).action = 'check' AND (e).to_state NOT IN ('evaluating', 'closed') THEN 'failed'
    ELSE '' END;

-- What is restricted is told to nobody.
CREATE FUNCTION webhook_type(e case_history) RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    v_machine text := CASE WHEN e.ticket_id IS NULL THEN 'case' ELSE 'ticket' END;
BEGIN
    IF e.visibility = 'restricted' THEN
        RETURN NULL;
    ELSIF e.to_state = 'closed' AND e.from_state IS DISTINCT FROM 'closed' THEN
        RETURN v_machine || '.closed';
    END IF;
    RETURN (SELECT t.type FROM webhook_types t
        WHERE t.machine = v_machine AND t.action = e.action AND t.variant = webhook_variant(e));
END $$;
COMMENT ON FUNCTION webhook_type(case_history) IS 'Type of the message that tells of the event; NULL: there is none';

-- Types as a webhook may name them: a type, all of a machine, or all.
CREATE FUNCTION webhook_names(p_type text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ARRAY[p_type, split_part(p_type, '.', 1) || '.*', '*'];

-- The message: ids, numbers, states and due times. No name, no text, no place: whoever may see more reads it at `href`.
-- The state of what happened is the event's; the rest is as it is when the message is made, which is at once.
CREATE FUNCTION webhook_case_json(c cases, p_state text) RETURNS json LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN (SELECT row_to_json(x) FROM (SELECT c.id AS id, c.number AS number, c.kind AS kind, c.level AS level,
        p_state AS state, iso(c.resolve_due_at) AS resolve_due_at, iso(c.plan_due_at) AS plan_due_at,
        '/v1/cases/' || c.id AS href) AS x);
END $$;

CREATE FUNCTION webhook_ticket_json(t tickets, c cases, p_state text) RETURNS json LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    IF t.id IS NULL THEN
        RETURN NULL;
    END IF;
    RETURN (SELECT row_to_json(x) FROM (SELECT t.id AS id, c.number || '-' || t.n AS number, t.kind AS kind, t.role AS role,
        t.organisation AS organisation, p_state AS state, iso(t.sign_due_at) AS sign_due_at,
        iso(t.contact_due_at) AS contact_due_at, iso(t.report_due_at) AS report_due_at,
        iso(t.finish_due_at) AS finish_due_at, '/v1/tickets/' || t.id AS href) AS x);
END $$;

CREATE FUNCTION webhook_body(p_type text, e case_history, c cases, t tickets) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    v_case json := webhook_case_json(c, CASE WHEN e.ticket_id IS NULL THEN e.to_state ELSE c.state END);
    v_ticket json := webhook_ticket_json(t, c, e.to_state);
    v_data json := (SELECT row_to_json(x) FROM (SELECT e.id AS event_id, e.action AS action, e.from_state AS "from",
        e.to_state AS "to", v_case AS "case", v_ticket AS ticket) AS x);
BEGIN
    RETURN (SELECT row_to_json(x) FROM (SELECT p_type AS type, iso(e.at) AS "timestamp", v_data AS data) AS x)::text;
END $$;
COMMENT ON FUNCTION webhook_body(text, case_history, cases, tickets) IS 'The bytes that are sent';
