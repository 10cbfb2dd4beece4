-- Who sees which rows; all else is as if it did not exist. One place: reads, lists, events, attachments, requests and
-- every action ask here. Each rule looks at the row alone, so that the planner can take it apart inside a list. A row of
-- NULLs, as a SELECT INTO that found nothing leaves it, is never in sight.

CREATE FUNCTION sees_all(p_me actor) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
RETURN (p_me).roles && '{dispatcher,leader,supervisor,auditor}';
COMMENT ON FUNCTION sees_all(actor) IS 'The whole street, within what the token names';

CREATE FUNCTION is_working(p_state text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN p_state IN ('received', 'accepted', 'verifying', 'registered', 'source_handling', 'whistled', 'handling');

-- A token for some areas hides what lies in others; what lies nowhere is in no other area.
CREATE FUNCTION within_scope(p_me actor, p_area text) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
RETURN (p_me).scope IS NULL OR p_area IS NULL OR p_area = ANY ((p_me).scope);

-- Grid worker: own grids, what they created or worked on, what lies nowhere while working, and what waits to be checked in
-- the same community. Community: own area, and what lies nowhere while working. Window clerk: what the window created.
CREATE FUNCTION field_sees_case(p_me actor, p_case cases) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
RETURN (p_me).roles && '{grid_worker,community}'
        AND ((p_case).area = ANY ((p_me).areas) OR ((p_case).area IS NULL AND is_working((p_case).state)))
    OR 'grid_worker' = ANY ((p_me).roles)
        AND ((p_case).created_by = (p_me).person_id OR (p_case).handler = (p_me).person_id
            OR (p_me).person_id = ANY ((p_case).workers)
            OR ((p_case).state = 'checking' AND (p_case).community = ANY ((p_me).grid_communities)))
    OR 'window_clerk' = ANY ((p_me).roles)
        AND (p_case).created_role = 'window_clerk' AND (p_case).created_org = (p_me).org;

CREATE FUNCTION department_sees_case(p_me actor, p_case cases) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
RETURN 'department' = ANY ((p_me).roles) AND (p_me).org = ANY ((p_case).organisations);

-- Citizen: what they reported, also where it was merged into. Client: what it created.
CREATE FUNCTION owner_sees_case(p_me actor, p_case cases) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
RETURN 'citizen' = ANY ((p_me).roles) AND (p_me).person_id = ANY ((p_case).reporters)
    OR 'client' = ANY ((p_me).roles) AND (p_case).created_by = (p_me).person_id;

CREATE FUNCTION staff_sees_case(p_me actor, p_case cases) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
RETURN (p_case).id IS NOT NULL AND within_scope(p_me, (p_case).area)
    AND (sees_all(p_me) OR field_sees_case(p_me, p_case) OR department_sees_case(p_me, p_case)) IS TRUE;

CREATE FUNCTION case_in_sight(p_me actor, p_case cases) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
RETURN (p_case).id IS NOT NULL AND within_scope(p_me, (p_case).area)
    AND (sees_all(p_me) OR field_sees_case(p_me, p_case) OR department_sees_case(p_me, p_case)
        OR owner_sees_case(p_me, p_case)) IS TRUE;
COMMENT ON FUNCTION case_in_sight(actor, cases) IS 'Whether the case exists for this caller';

-- Of a case in sight: all of its tickets, a department's own (of the others only organisation, role and state), or none.
CREATE FUNCTION tickets_in_sight(p_me actor, p_case cases) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE WHEN sees_all(p_me) OR field_sees_case(p_me, p_case) THEN 'all'
    WHEN 'department' = ANY ((p_me).roles) THEN 'own'
    ELSE 'none' END;
COMMENT ON FUNCTION tickets_in_sight(actor, cases) IS 'all, own or none';

-- A department keeps its own tickets also when they went back.
CREATE FUNCTION ticket_in_sight(p_me actor, p_ticket tickets, p_case cases) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
RETURN (p_ticket).id IS NOT NULL AND within_scope(p_me, (p_case).area)
    AND (sees_all(p_me) OR field_sees_case(p_me, p_case)
        OR ('department' = ANY ((p_me).roles) AND (p_ticket).organisation = (p_me).org)) IS TRUE;
COMMENT ON FUNCTION ticket_in_sight(actor, tickets, cases) IS 'Whether the ticket exists for this caller';

-- The system asks for a reopening on behalf of whoever was not satisfied; others may have joined it.
CREATE FUNCTION request_is_of_reporter(p_me actor, p_request requests) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM case_reporters r
        WHERE r.tenant = p_request.tenant AND r.case_id = p_request.case_id AND r.person_id = p_me.person_id
            AND (r.n = p_request.reporter
                OR p_request.proposal -> 'joined' @> jsonb_build_array(jsonb_build_object('reporter', r.n))));
END $$;

-- Whoever sees the subject sees its requests; citizens and clients only their own.
CREATE FUNCTION request_in_sight(p_me actor, p_request requests, p_case cases) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    v_ticket tickets;
BEGIN
    IF p_request.hazard_id IS NOT NULL THEN
        RETURN hazard_in_sight(p_me, hazard_of(p_request.tenant, p_request.hazard_id));
    END IF;
    IF owner_sees_case(p_me, p_case) AND within_scope(p_me, p_case.area)
        AND (p_request.asked_by = p_me.person_id OR request_is_of_reporter(p_me, p_request)) THEN
        RETURN true;
    ELSIF p_request.ticket_id IS NULL THEN
        RETURN staff_sees_case(p_me, p_case);
    END IF;
    SELECT * INTO v_ticket FROM tickets t WHERE t.tenant = p_request.tenant AND t.id = p_request.ticket_id;
    RETURN ticket_in_sight(p_me, v_ticket, p_case);
END $$;
COMMENT ON FUNCTION request_in_sight(actor, requests, cases) IS 'Whether the request exists for this caller';

-- p_organisation: of the event's ticket, if it has one; p_tickets: what tickets_in_sight says.
CREATE FUNCTION event_in_sight(p_me actor, p_event case_history, p_organisation text, p_tickets text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE (p_event).visibility
        WHEN 'public' THEN true
        WHEN 'staff' THEN sees_staff(p_me)
        ELSE sees_all(p_me) END
    AND CASE WHEN (p_event).ticket_id IS NULL OR p_tickets = 'all' THEN true
        WHEN p_tickets = 'own' THEN p_organisation = (p_me).org
        ELSE false END;
COMMENT ON FUNCTION event_in_sight(actor, case_history, text, text) IS 'Whether an event of a case in sight is shown';

-- Reporters see what came of it, beside what they sent themselves; how it was planned and checked is the street's, and what
-- others sent of the same matter theirs.
CREATE FUNCTION attachment_in_sight(p_me actor, p_attachment case_attachments, p_organisation text, p_tickets text)
RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
RETURN (sees_staff(p_me) OR (p_attachment).stage = 'result')
    AND CASE WHEN (p_attachment).ticket_id IS NULL OR p_tickets = 'all' THEN true
        WHEN p_tickets = 'own' THEN p_organisation = (p_me).org
        ELSE false END;
COMMENT ON FUNCTION attachment_in_sight(actor, case_attachments, text, text) IS 'Whether an attachment of a case in sight is shown';

-- Tickets as a whistle, a request or its wishes name them: of another's only organisation and role. p_tickets: what
-- tickets_in_sight says.
CREATE FUNCTION others_tasks_left_out(p_me actor, p_data jsonb, p_tickets text) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    v_data jsonb := p_data;
BEGIN
    IF p_tickets = 'all' OR p_data IS NULL THEN
        RETURN p_data;
    END IF;
    IF jsonb_typeof(p_data -> 'tickets') = 'array' THEN
        v_data := jsonb_set(v_data, '{tickets}', (
            SELECT coalesce(jsonb_agg(CASE WHEN p_tickets = 'own' AND t.ticket ->> 'organisation' = p_me.org THEN t.ticket
                ELSE t.ticket - 'task' END ORDER BY t.n), '[]')
            FROM jsonb_array_elements(p_data -> 'tickets') WITH ORDINALITY AS t (ticket, n)));
    END IF;
    IF jsonb_typeof(p_data -> 'joined') = 'array' THEN
        v_data := jsonb_set(v_data, '{joined}', (
            SELECT coalesce(jsonb_agg(others_tasks_left_out(p_me, j.wish, p_tickets) ORDER BY j.n), '[]')
            FROM jsonb_array_elements(p_data -> 'joined') WITH ORDINALITY AS j (wish, n)));
    END IF;
    RETURN v_data;
END $$;
COMMENT ON FUNCTION others_tasks_left_out(actor, jsonb, text) IS 'The data without what other organisations are asked to do';
