-- The parts of a case that are lists: what hangs on it, its plan, its ratings, its tickets and what is asked about it.

CREATE FUNCTION case_attachments_json(p_me actor, p_case cases, p_ticket uuid DEFAULT NULL) RETURNS json
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN coalesce((
        SELECT json_agg(json_build_object('id', a.id, 'content_type', a.content_type, 'size', a.size, 'stage', h.stage)
            ORDER BY h.event_seq, a.id)
        FROM case_attachments h
        JOIN attachments a ON a.tenant = h.tenant AND a.id = h.attachment_id
        LEFT JOIN tickets t ON t.tenant = h.tenant AND t.id = h.ticket_id
        WHERE h.tenant = p_case.tenant AND h.case_id = p_case.id AND (p_ticket IS NULL OR h.ticket_id = p_ticket)
            AND (a.created_by = p_me.person_id
                OR attachment_in_sight(p_me, h, t.organisation, tickets_in_sight(p_me, p_case)))), '[]');
END $$;

CREATE FUNCTION case_refs_json(p_case cases) RETURNS json LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN coalesce((
        SELECT json_agg(json_build_object('system', x.system, 'number', x.number, 'due_at', iso(x.due_at))
            ORDER BY x.system, x.number)
        FROM external_refs x
        WHERE x.tenant = p_case.tenant AND x.case_id = p_case.id), '[]');
END $$;

CREATE FUNCTION plan_steps_json(p_me actor, p_request requests) RETURNS json LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN coalesce((
        SELECT json_agg(json_build_object('step_id', s.step_id, 'what', s.what, 'due_at', iso(s.due_at),
            'who', named_party(p_me, s.who_kind, s.who_id), 'done_at', iso(s.done_at), 'waived_at', iso(s.waived_at),
            'note', s.note) ORDER BY s.n)
        FROM plan_steps s
        WHERE s.tenant = p_request.tenant AND s.case_id = p_request.case_id AND s.request_id = p_request.id), '[]');
END $$;

CREATE TYPE plan_shown AS (request_id uuid, state text, steps json);

-- The plan in force, else the one that waits for a leader.
CREATE FUNCTION case_plan(p_me actor, p_case cases) RETURNS plan_shown LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    r requests;
BEGIN
    IF sees_staff(p_me) THEN
        SELECT * INTO r FROM requests x
        WHERE x.tenant = p_case.tenant AND x.case_id = p_case.id AND x.kind = 'plan'
            AND (x.id = p_case.plan_request OR p_case.plan_request IS NULL AND x.state = 'pending');
    END IF;
    IF r.id IS NOT NULL THEN
        RETURN (r.id, r.state, plan_steps_json(p_me, r))::plan_shown;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION case_ratings_json(p_me actor, p_case cases) RETURNS json LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN coalesce((
        SELECT json_agg(json_build_object('contacted', r.contacted, 'solved', r.solved, 'satisfied', r.satisfied,
            'comment', r.comment, 'rated_at', iso(r.rated_at)) ORDER BY r.rated_at, r.reporter)
        FROM ratings r
        WHERE r.tenant = p_case.tenant AND r.case_id = p_case.id AND r.round = p_case.round
            AND (sees_staff(p_me) OR r.person_id = p_me.person_id)), '[]');
END $$;

CREATE FUNCTION ticket_brief(p_case_number text, t tickets, p_organisation text, p_now timestamptz) RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE
RETURN json_build_object('id', (t).id, 'number', p_case_number || '-' || (t).n, 'role', (t).role,
    'organisation', named_json((t).organisation, p_organisation), 'state', (t).state, 'kind', (t).kind,
    'task', (t).task, 'sign_due_at', iso((t).sign_due_at), 'finish_due_at', iso((t).finish_due_at),
    'overdue', coalesce((t).overdue_at < p_now, false));
COMMENT ON FUNCTION ticket_brief(text, tickets, text, timestamptz) IS 'A ticket as its case shows it';

-- p_tickets: what tickets_in_sight says. A department sees of the others' only organisation, role and state.
CREATE FUNCTION case_tickets_json(p_me actor, p_case cases, p_tickets text, p_now timestamptz) RETURNS json
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN (
        SELECT json_agg(CASE WHEN p_tickets = 'all' OR t.organisation = p_me.org
            THEN ticket_brief(p_case.number, t, o.name, p_now)
            ELSE json_build_object('role', t.role, 'organisation', named_json(t.organisation, o.name), 'state', t.state)
            END ORDER BY t.n)
        FROM tickets t LEFT JOIN organisations o ON o.tenant = t.tenant AND o.code = t.organisation
        WHERE t.tenant = p_case.tenant AND t.case_id = p_case.id);
END $$;

-- Those that wait for a decision, within sight.
CREATE FUNCTION case_requests_json(p_me actor, p_case cases, p_ticket uuid DEFAULT NULL) RETURNS json
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN coalesce((
        SELECT json_agg(json_build_object('id', r.id, 'kind', r.kind, 'state', r.state, 'ticket_id', r.ticket_id,
            'asked_at', iso(r.asked_at), 'due_at', iso(r.due_at), 'decidable', request_decidable(p_me, r, p_case))
            ORDER BY r.asked_at, r.id)
        FROM requests r
        WHERE r.tenant = p_case.tenant AND r.case_id = p_case.id AND r.state = 'pending'
            AND (p_ticket IS NULL OR r.ticket_id = p_ticket)
            AND request_in_sight(p_me, r, p_case)), '[]');
END $$;
