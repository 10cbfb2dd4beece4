-- The history of a case or a ticket, oldest first.

CREATE TYPE event_item AS (
    _code text, _item boolean, _cursor text, _total bigint,
    id uuid, seq integer, case_id uuid, ticket_id uuid, request_id uuid, action text, "from" text, "to" text,
    round integer, at timestamptz, actor__kind text, actor__id text, actor__name text, role text, visibility text,
    note text, data jsonb
);

CREATE FUNCTION event_refusal(p_code text) RETURNS event_item LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    v event_item;
BEGIN
    v._code := p_code;
    v._item := false;
    RETURN v;
END $$;

-- Reporters read what was said to them, and of an action's data only what concerns them; others than those who may see the
-- reporter do not find the name in an old correction either.
CREATE FUNCTION event_data(p_me actor, p_data jsonb, p_sees_reporter boolean) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN CASE WHEN NOT sees_staff(p_me) THEN coalesce(
            (SELECT jsonb_object_agg(d.key, d.value) FROM jsonb_each(p_data) AS d
            WHERE d.key IN ('code', 'basis', 'level', 'kind', 'contacted', 'solved', 'satisfied', 'comment')), '{}')
        WHEN p_sees_reporter THEN p_data
        ELSE p_data - 'reporter' END;
END $$;

-- Of a case of several reporters: what another of them said is not for this one.
CREATE FUNCTION is_anothers_word(p_me actor, e case_history, p_several boolean) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN p_several AND NOT sees_staff(p_me) AND (e).person_id IS DISTINCT FROM (p_me).person_id
    AND ((e).role IN ('citizen', 'client') OR (e).action IN ('rate', 'object', 'withdraw', 'urge'));

CREATE FUNCTION event_view(p_me actor, e case_history, p_sees_reporter boolean, p_tickets text, p_several boolean)
RETURNS event_item
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    v event_item;
    p party := doer_party(p_me, e.person_id, e.role, e.organisation, p_sees_reporter);
BEGIN
    v._cursor := e.seq;
    v.id := e.id;
    v.seq := e.seq;
    v.case_id := e.case_id;
    v.ticket_id := e.ticket_id;
    v.request_id := e.request_id;
    v.action := e.action;
    v."from" := e.from_state;
    v."to" := e.to_state;
    v.round := e.round;
    v.at := e.at;
    v.actor__kind := p.kind;
    v.actor__id := p.id;
    v.actor__name := p.name;
    v.role := e.role;
    v.visibility := e.visibility;
    IF is_anothers_word(p_me, e, p_several) THEN
        v.data := '{}';
        RETURN v;
    END IF;
    v.note := CASE WHEN sees_staff(p_me) OR note_is_public(e.action) THEN e.note END;
    v.data := others_tasks_left_out(p_me, event_data(p_me, e.data, p_sees_reporter), p_tickets);
    RETURN v;
END $$;

-- p_ticket: only that ticket's events. A case's events are few enough to be counted whole.
CREATE FUNCTION events_page(p_me actor, p_case cases, p_ticket uuid, p_cursor text, p_limit integer, p_count text)
RETURNS SETOF event_item LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    v_tickets text := tickets_in_sight(p_me, p_case);
    v_reporter boolean := sees_reporter(p_me, p_case);
    v_total event_item;
BEGIN
    RETURN QUERY
    SELECT v.*
    FROM (
        SELECT e FROM case_history e
        LEFT JOIN tickets t ON t.tenant = e.tenant AND t.id = e.ticket_id
        WHERE e.tenant = p_case.tenant AND e.case_id = p_case.id AND (p_ticket IS NULL OR e.ticket_id = p_ticket)
            AND e.seq > coalesce(p_cursor::integer, 0) AND event_in_sight(p_me, e, t.organisation, v_tickets)
        ORDER BY e.seq LIMIT p_limit) AS page
    CROSS JOIN LATERAL event_view(p_me, page.e, v_reporter, v_tickets, cardinality(p_case.reporters) > 1) AS v;
    IF p_count = 'exact' THEN
        v_total._item := false;
        v_total._total := (
            SELECT count(*) FROM case_history e
            LEFT JOIN tickets t ON t.tenant = e.tenant AND t.id = e.ticket_id
            WHERE e.tenant = p_case.tenant AND e.case_id = p_case.id AND (p_ticket IS NULL OR e.ticket_id = p_ticket)
                AND event_in_sight(p_me, e, t.organisation, v_tickets));
        RETURN NEXT v_total;
    END IF;
END $$;

CREATE FUNCTION case_event_list(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text,
    p_areas text[], p_case_id uuid, p_cursor text, p_limit integer, p_count text)
RETURNS SETOF event_item LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    v_me actor := me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
    v_case cases;
BEGIN
    IF v_me.refusal IS NOT NULL THEN
        RETURN NEXT event_refusal(v_me.refusal);
        RETURN;
    END IF;
    SELECT * INTO v_case FROM cases c WHERE c.tenant = p_tenant AND c.id = p_case_id;
    IF NOT FOUND OR NOT case_in_sight(v_me, v_case) THEN
        RETURN NEXT event_refusal('not_found');
        RETURN;
    END IF;
    RETURN QUERY SELECT * FROM events_page(v_me, v_case, NULL, p_cursor, p_limit, p_count);
END $$;
SELECT delegate('case_event_list(text, text, text[], text[], text, text[], uuid, text, integer, text)');

CREATE FUNCTION ticket_event_list(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text,
    p_areas text[], p_ticket_id uuid, p_cursor text, p_limit integer, p_count text)
RETURNS SETOF event_item LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    v_me actor := me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
    v_ticket tickets;
    v_case cases;
BEGIN
    IF v_me.refusal IS NOT NULL THEN
        RETURN NEXT event_refusal(v_me.refusal);
        RETURN;
    END IF;
    SELECT * INTO v_ticket FROM tickets t WHERE t.tenant = p_tenant AND t.id = p_ticket_id;
    SELECT * INTO v_case FROM cases c WHERE c.tenant = p_tenant AND c.id = v_ticket.case_id;
    IF NOT FOUND OR NOT ticket_in_sight(v_me, v_ticket, v_case) THEN
        RETURN NEXT event_refusal('not_found');
        RETURN;
    END IF;
    RETURN QUERY SELECT * FROM events_page(v_me, v_case, p_ticket_id, p_cursor, p_limit, p_count);
END $$;
SELECT delegate('ticket_event_list(text, text, text[], text[], text, text[], uuid, text, integer, text)');
