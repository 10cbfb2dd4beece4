-- What one asks and another decides: opening, joining, who decides, and what an answer does.

CREATE FUNCTION request_due(w work, p_kind text) RETURNS timestamptz LANGUAGE sql STABLE
RETURN CASE p_kind
    WHEN 'emergency_review' THEN w.now + policy_minutes(w.policy, 'review_minutes')
    WHEN 'return' THEN add_working_time((w.c).tenant, w.zone, w.now,
        policy_minutes(w.policy, 'return_decide_working_minutes'), working_hours(w.policy)) END;

-- Opens a request about the case, or about w.t for kinds of a ticket. The asker is w.role: the person, or the system.
CREATE FUNCTION request_opened(INOUT w work, p_kind text, p_reason text, p_proposal jsonb, p_reporter integer)
LANGUAGE plpgsql AS $$
DECLARE
    r requests;
BEGIN
    r.tenant := (w.c).tenant;
    r.id := uuid7();
    r.version := 1;
    r.kind := p_kind;
    r.case_id := (w.c).id;
    r.ticket_id := CASE WHEN p_kind IN ('return', 'delay') THEN (w.t).id END;
    r.state := 'pending';
    r.reason := p_reason;
    r.proposal := coalesce(p_proposal, '{}');
    r.asked_by := CASE WHEN w.role <> 'system' THEN (w.me).person_id END;
    r.asked_role := w.role;
    r.asked_org := CASE WHEN w.role <> 'system' THEN (w.me).org END;
    r.asked_at := w.now;
    r.due_at := request_due(w, p_kind);
    r.approvals := '[]';
    r.sole_person := false;
    r.reporter := p_reporter;
    r.closure := CASE WHEN p_kind = 'reopen' THEN (w.c).round END;
    r.clock_next_at := r.due_at;
    INSERT INTO requests (tenant, id, version, kind, case_id, ticket_id, state, reason, proposal, asked_by, asked_role,
        asked_org, asked_at, due_at, reporter, closure, clock_next_at)
    VALUES (r.tenant, r.id, r.version, r.kind, r.case_id, r.ticket_id, r.state, r.reason, r.proposal, r.asked_by, r.asked_role,
        r.asked_org, r.asked_at, r.due_at, r.reporter, r.closure, r.clock_next_at);
    w.c.requests_pending := (w.c).requests_pending + 1;
    w.next_at := least(w.next_at, r.clock_next_at);
    w.r := r;
END $$;
COMMENT ON FUNCTION request_opened(work, text, text, jsonb, integer) IS
    'The work with a new request in w.r; its event is the caller''s.';

-- Where one of the kind is pending already, the system's wish joins it.
CREATE FUNCTION request_joined(INOUT w work, p_request uuid, p_wish jsonb) LANGUAGE plpgsql AS $$
BEGIN
    UPDATE requests r SET version = r.version + 1,
        proposal = jsonb_set(r.proposal, '{joined}', coalesce(r.proposal -> 'joined', '[]') || p_wish)
    WHERE r.tenant = (w.c).tenant AND r.id = p_request;
    w := case_to(w, 'request', '=', NULL, jsonb_build_object('joined', true), p_request);
END $$;

-- Roles that decide a request as it lies there.
CREATE FUNCTION request_deciders(r requests, p_ticket tickets) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF r.kind = 'reopen' THEN
        RETURN CASE r.asked_role WHEN 'supervisor' THEN ARRAY['leader'] ELSE ARRAY['supervisor'] END;
    ELSIF r.kind = 'delay' THEN
        RETURN CASE WHEN p_ticket.role = 'assist' AND p_ticket.delays = 0 THEN ARRAY['dispatcher'] ELSE ARRAY['leader'] END;
    END IF;
    RETURN (SELECT k.decides FROM request_kinds k
        WHERE k.kind = r.kind AND (k.subject = 'hazard') = (r.hazard_id IS NOT NULL));
END $$;
COMMENT ON FUNCTION request_deciders(requests, tickets) IS 'Roles of which one decides this request.';

-- Posts whose approval a hard whistle needs: those that an active leader holds.
CREATE FUNCTION posts_held(p_tenant text) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN ARRAY(
        SELECT DISTINCT x.post FROM people p CROSS JOIN LATERAL unnest(p.posts) AS x (post)
        WHERE p.tenant = p_tenant AND p.active AND 'leader' = ANY (p.roles) AND x.post IN ('secretary', 'street_head')
        ORDER BY 1);
END $$;

CREATE FUNCTION request_decides(p_me actor, r requests, p_ticket tickets) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_posts text[];
BEGIN
    IF NOT p_me.roles && request_deciders(r, p_ticket) THEN
        RETURN false;
    ELSIF r.kind = 'hard_whistle' THEN
        v_posts := posts_held(r.tenant);
        RETURN v_posts = '{}' OR v_posts && p_me.posts;
    END IF;
    RETURN true;
END $$;
COMMENT ON FUNCTION request_decides(actor, requests, tickets) IS
    'Whether the caller is one of those who decide such a request.';

-- Nobody decides their own request, unless nobody else may.
CREATE FUNCTION other_decider_exists(p_me actor, r requests, p_ticket tickets)
RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM people p
        WHERE p.tenant = r.tenant AND p.active AND p.id <> (p_me).person_id AND p.roles && request_deciders(r, p_ticket)
            AND (r.kind <> 'hard_whistle' OR posts_held(r.tenant) = '{}' OR p.posts && posts_held(r.tenant)));
END $$;

CREATE FUNCTION request_ticket(r requests) RETURNS tickets LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT t FROM tickets t WHERE t.tenant = r.tenant AND t.id = r.ticket_id);
END $$;

CREATE FUNCTION request_refuses(p_me actor, r requests, p_ticket tickets) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN CASE
        WHEN NOT request_decides(p_me, r, p_ticket) THEN 'not_decider'
        WHEN r.asked_by = p_me.person_id AND other_decider_exists(p_me, r, p_ticket) THEN 'own_request' END;
END $$;
COMMENT ON FUNCTION request_refuses(actor, requests, tickets) IS 'Why the caller may not decide it; null: may.';

-- Whether the subject stands where the request may be asked and decided.
CREATE FUNCTION request_while(r requests, c cases, p_ticket tickets) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE
    k request_kinds;
    v_state text := CASE
        WHEN p_ticket.id IS NULL THEN c.state
        -- The ticket itself waits: what counts is where it waits from.
        WHEN r.kind = 'return' AND p_ticket.state = 'return_requested' THEN p_ticket.state_before
        ELSE p_ticket.state END;
BEGIN
    SELECT * INTO k FROM request_kinds x
    WHERE x.kind = r.kind AND x.subject = CASE WHEN r.ticket_id IS NULL THEN 'case' ELSE 'ticket' END;
    RETURN (k.while_states = '{*}' OR v_state = ANY (k.while_states))
        AND (k.while_level IS NULL OR k.while_level = c.level);
END $$;
COMMENT ON FUNCTION request_while(requests, cases, tickets) IS 'Whether its subject is where the kind may be decided.';

CREATE FUNCTION request_actions(p_me actor, r requests, p_ticket tickets) RETURNS text[] LANGUAGE sql STABLE
RETURN CASE WHEN r.state <> 'pending' THEN '{}' ELSE
    CASE WHEN request_refuses(p_me, r, p_ticket) IS NULL THEN ARRAY['approve', 'decline'] ELSE '{}' END
    || CASE WHEN r.asked_by = (p_me).person_id THEN ARRAY['withdraw'] ELSE '{}' END END;

CREATE FUNCTION request_allowed_actions(p_me actor, p_request requests, p_case cases) RETURNS text[] LANGUAGE sql STABLE
RETURN request_actions(p_me, p_request, request_ticket(p_request));
COMMENT ON FUNCTION request_allowed_actions(actor, requests, cases) IS 'What state, role and row allow.';


CREATE FUNCTION request_decidable(p_me actor, p_request requests, p_case cases) RETURNS boolean LANGUAGE sql STABLE
RETURN p_request.state = 'pending' AND request_refuses(p_me, p_request, request_ticket(p_request)) IS NULL;
COMMENT ON FUNCTION request_decidable(actor, requests, cases) IS 'Whether it waits for the caller.';

-- Ends a request: decided, withdrawn or expired. The event is the subject's, in its present state.
CREATE FUNCTION request_to(INOUT w work, p_action text, p_state text, p_note text) LANGUAGE plpgsql AS $$
DECLARE
    r requests := w.r;
    v_data jsonb := jsonb_build_object('kind', r.kind, 'sole_person', CASE WHEN w.sole THEN true END);
BEGIN
    r.state := p_state;
    r.version := r.version + 1;
    r.decided_by := CASE WHEN w.role <> 'system' THEN (w.me).person_id END;
    r.decided_role := w.role;
    r.decided_at := w.now;
    r.note := p_note;
    r.sole_person := w.sole;
    r.clock_next_at := NULL;
    UPDATE requests x SET state = r.state, version = r.version, decided_by = r.decided_by, decided_role = r.decided_role,
        decided_at = r.decided_at, note = r.note, sole_person = r.sole_person, clock_next_at = NULL, approvals = r.approvals
    WHERE x.tenant = r.tenant AND x.id = r.id;
    w.c.requests_pending := (w.c).requests_pending - 1;
    w.r := r;
    IF r.ticket_id IS NULL THEN
        w := happened(w, p_action, (w.c).state, (w.c).state, 'staff', p_note, v_data, r.id);
    ELSE
        w := ticket_to(w, p_action, '=', p_note, v_data, r.id);
    END IF;
    IF w.sole THEN
        PERFORM held_to_account(w, 'sole_person', 'supervisor', jsonb_build_object('action', p_action, 'kind', r.kind));
    END IF;
END $$;
COMMENT ON FUNCTION request_to(work, text, text, text) IS 'The work with w.r ended, and its event.';

-- A request ends with the states in which it may be decided; a suspension only makes it wait.
CREATE FUNCTION requests_expired(INOUT w work) LANGUAGE plpgsql AS $$
DECLARE
    v_keep work := w;
    v_request requests;
    v_ticket tickets;
BEGIN
    IF (w.c).requests_pending = 0 THEN
        RETURN;
    END IF;
    FOR v_request IN
        SELECT r.* FROM requests r JOIN request_kinds k ON k.kind = r.kind AND (NOT k.outlives OR r.kind = 'return')
            AND k.subject = CASE WHEN r.ticket_id IS NULL THEN 'case' ELSE 'ticket' END
        WHERE r.tenant = (w.c).tenant AND r.case_id = (w.c).id AND r.state = 'pending'
        ORDER BY r.id FOR UPDATE OF r
    LOOP
        v_ticket := request_ticket(v_request);
        CONTINUE WHEN 'suspended' IN ((w.c).state, coalesce(v_ticket.state, '')) OR request_while(v_request, w.c, v_ticket);
        w.r := v_request;
        w.t := v_ticket;
        w.role := 'system';
        w.sole := false;
        w := request_to(w, 'expire', 'expired', NULL);
    END LOOP;
    w.r := v_keep.r;
    w.t := v_keep.t;
    w.role := v_keep.role;
    w.sole := v_keep.sole;
END $$;
COMMENT ON FUNCTION requests_expired(work) IS 'The work without requests whose subject left the states for them.';
