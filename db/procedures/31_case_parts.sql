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
            AND attachment_in_sight(p_me, h, t.organisation, tickets_in_sight(p_me, p_case))), '[]');
END $$;

CREATE FUNCTION case_refs_json(p_case cases) RETURNS json LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN coalesce((
        SELECT json_agg(json_build_object('system', x.system, 'number', x.number, 'due_at', iso(x.due_at))
            ORDER BY x.system, x.number)
        FROM external_refs x
        WHERE x.tenant = p_case.tenant AND x.case_id = p_case.id), '[]');
END $$;

-- The plan in force, else the one that waits for a leader.
CREATE FUNCTION case_plan_request(p_me actor, p_case cases) RETURNS requests LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    v_request requests;
BEGIN
    IF sees_staff(p_me) AND (p_case.level = 'major' OR p_case.plan_request IS NOT NULL) THEN
        SELECT * INTO v_request FROM requests r
        WHERE r.tenant = p_case.tenant AND r.case_id = p_case.id AND r.kind = 'plan'
            AND (r.id = p_case.plan_request OR p_case.plan_request IS NULL AND r.state = 'pending');
    END IF;
    RETURN v_request;
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

CREATE FUNCTION case_ratings_json(p_me actor, p_case cases) RETURNS json LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN coalesce((
        SELECT json_agg(json_build_object('contacted', r.contacted, 'solved', r.solved, 'satisfied', r.satisfied,
            'comment', r.comment, 'rated_at', iso(r.rated_at)) ORDER BY r.rated_at, r.reporter)
        FROM ratings r
        WHERE r.tenant = p_case.tenant AND r.case_id = p_case.id AND r.round = p_case.round
            AND (sees_staff(p_me) OR r.person_id = p_me.person_id)), '[]');
END $$;

CREATE FUNCTION ticket_brief(p_case cases, t tickets, p_now timestamptz) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE
RETURN json_build_object('id', (t).id, 'number', (p_case).number || '-' || (t).n, 'role', (t).role,
    'organisation', organisation_json((t).tenant, (t).organisation), 'state', (t).state, 'kind', (t).kind,
    'task', (t).task, 'sign_due_at', iso((t).sign_due_at), 'finish_due_at', iso((t).finish_due_at),
    'overdue', coalesce((t).overdue_at < p_now, false));

-- Absent for citizens and clients; a department sees of the others' only organisation, role and state.
CREATE FUNCTION case_tickets_json(p_me actor, p_case cases, p_now timestamptz) RETURNS json
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    v_sight text := tickets_in_sight(p_me, p_case);
BEGIN
    IF v_sight = 'none' THEN
        RETURN NULL;
    ELSIF p_case.tickets_issued = 0 THEN
        RETURN '[]';
    END IF;
    RETURN coalesce((
        SELECT json_agg(CASE WHEN v_sight = 'all' OR t.organisation = p_me.org THEN ticket_brief(p_case, t, p_now)
            ELSE json_build_object('role', t.role, 'organisation', organisation_json(t.tenant, t.organisation),
                'state', t.state) END ORDER BY t.n)
        FROM tickets t
        WHERE t.tenant = p_case.tenant AND t.case_id = p_case.id), '[]');
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
