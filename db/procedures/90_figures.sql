-- What a case and a ticket count for, computed from the base tables alone: the job writes it down, the check compares.

CREATE FUNCTION residents_sources() RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '{resident_app,phone,visit,window,hotline_12345}'::text[];
COMMENT ON FUNCTION residents_sources() IS 'Sources by which residents raise a matter: 居民提出的问题.';

-- Null when either is missing: greatest() alone would make nothing of it.
CREATE FUNCTION ms_between(p_from timestamptz, p_to timestamptz) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN p_from IS NOT NULL AND p_to IS NOT NULL
    THEN greatest(0, round(extract(epoch FROM p_to - p_from) * 1000))::bigint END;

-- Round 1 of a case: its due times stand in the row until the next round moves them, which leaves a change behind.
CREATE TYPE first_round AS (arrive_due timestamptz, resolve_due timestamptz, plan_due timestamptz, resolved boolean);

CREATE FUNCTION first_round_of(c cases) RETURNS first_round LANGUAGE plpgsql STABLE AS $$
DECLARE
    v first_round;
    v_cause text;
    v_at timestamptz;
BEGIN
    IF c.round = 1 THEN
        RETURN (c.arrive_due_at, CASE WHEN c.state <> 'suspended' THEN c.resolve_due_at END,
            CASE WHEN c.state <> 'suspended' THEN coalesce(c.plan_first_due_at, c.plan_due_at) END,
            c.resolved_at IS NOT NULL)::first_round;
    END IF;
    SELECT d.cause, d.changed_at INTO v_cause, v_at FROM deadline_changes d
    WHERE d.tenant = c.tenant AND d.case_id = c.id AND d.subject = c.id AND d.cause IN ('object', 'reopen')
    ORDER BY d.changed_at, d.id LIMIT 1;
    SELECT max(d.old_due) FILTER (WHERE d.clock = 'arrive'), max(d.old_due) FILTER (WHERE d.clock = 'resolve'),
        max(d.old_due) FILTER (WHERE d.clock = 'plan')
    INTO v.arrive_due, v.resolve_due, v.plan_due
    FROM deadline_changes d
    WHERE d.tenant = c.tenant AND d.case_id = c.id AND d.subject = c.id AND d.cause = v_cause AND d.changed_at = v_at;
    v.resolved := v_cause = 'reopen';
    -- A rejection ended clocks that were not due yet.
    IF v_cause = 'object' AND v.resolve_due > (
        SELECT max(e.at) FROM case_events e
        WHERE e.tenant = c.tenant AND e.case_id = c.id AND e.action = 'reject' AND e.round = 1) THEN
        v.resolve_due := NULL;
    END IF;
    RETURN v;
END $$;
COMMENT ON FUNCTION first_round_of(cases) IS 'Due times of round 1, and whether the case was solved in it.';

-- When what happened first, and the last check.
CREATE TYPE case_times AS (
    accepted timestamptz, registered timestamptz, whistled timestamptz, planned timestamptz, submitted timestamptz, passed timestamptz);

CREATE FUNCTION case_times_of(p_tenant text, p_case uuid) RETURNS case_times LANGUAGE plpgsql STABLE AS $$
DECLARE
    v case_times;
BEGIN
    SELECT min(e.at) FILTER (WHERE e.action = 'accept'), min(e.at) FILTER (WHERE e.action = 'register'),
        min(e.at) FILTER (WHERE e.action = 'whistle'), min(e.at) FILTER (WHERE e.action = 'plan' AND e.round = 1),
        max(e.at) FILTER (WHERE e.to_state = 'checking' AND e.from_state <> 'checking'),
        max(e.at) FILTER (WHERE e.from_state = 'checking' AND e.to_state IN ('evaluating', 'closed'))
    INTO v.accepted, v.registered, v.whistled, v.planned, v.submitted, v.passed
    FROM case_events e WHERE e.tenant = p_tenant AND e.case_id = p_case AND e.ticket_id IS NULL;
    RETURN v;
END $$;

CREATE FUNCTION was_breached(p_case cases, p_clock text, p_round integer, p_before timestamptz DEFAULT 'infinity')
RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM breaches b
        WHERE b.tenant = p_case.tenant AND b.case_id = p_case.id AND b.subject = p_case.id AND b.clock = p_clock
            AND b.round = p_round AND b.breached_at <= p_before);
END $$;

-- 剔除: why a closed case was rated by nobody, or a rejected one counts as unreasonable.
CREATE FUNCTION figure_exclusion(c cases) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_policy jsonb;
    v_reporters bigint;
    v_anonymous boolean;
BEGIN
    IF c.state NOT IN ('closed', 'rejected') THEN
        RETURN NULL;
    END IF;
    v_policy := policy_of(c.tenant, c.policy_version);
    IF c.state = 'rejected' THEN
        RETURN CASE WHEN v_policy -> 'unreasonable_codes' ? c.reject_code THEN 'unreasonable' END;
    ELSIF EXISTS (SELECT FROM ratings r WHERE r.tenant = c.tenant AND r.case_id = c.id AND r.round = c.round) THEN
        RETURN NULL;
    END IF;
    SELECT count(*), bool_and(r.anonymous) INTO v_reporters, v_anonymous FROM case_reporters r
    WHERE r.tenant = c.tenant AND r.case_id = c.id AND r.withdrawn_at IS NULL
        AND (r.person_id IS NULL OR r.person_id IS DISTINCT FROM c.handler);
    RETURN CASE
        WHEN v_reporters = 0 THEN 'no_reporter'
        WHEN v_anonymous THEN 'anonymous'
        WHEN NOT rater_exists(c) OR c.callback_tries >= (v_policy ->> 'callback_tries')::integer THEN 'unreachable'
        ELSE 'not_reached' END;
END $$;
COMMENT ON FUNCTION figure_exclusion(cases) IS 'Why the case is not among the rated; null when it is, or is not closed.';

CREATE FUNCTION case_figures_of(p_tenant text, p_cases uuid[]) RETURNS SETOF case_figures LANGUAGE sql STABLE AS $$
    SELECT c.tenant, c.id, coalesce(a.path, '{}'), c.category, c.lead_org, c.level, c.source = ANY (residents_sources()),
        c.state NOT IN ('rejected', 'merged', 'voided'), (c.received_at AT TIME ZONE z.zone)::date, c.tickets_issued > 0,
        -- Whoever closes a case without coming before the five minutes are over has ended that clock.
        CASE WHEN c.arrived_at IS NOT NULL OR c.state <> 'closed' OR was_breached(c, 'arrive', 1)
            THEN (f.arrive_due AT TIME ZONE z.zone)::date END,
        coalesce(c.arrived_at <= f.arrive_due, false),
        (f.resolve_due AT TIME ZONE z.zone)::date, f.resolved AND NOT was_breached(c, 'resolve', 1),
        CASE WHEN c.level = 'major' THEN (f.plan_due AT TIME ZONE z.zone)::date END,
        e.planned IS NOT NULL AND NOT was_breached(c, 'plan', 1, e.planned),
        CASE WHEN c.state <> 'suspended' THEN (c.resolve_due_at AT TIME ZONE z.zone)::date END,
        CASE WHEN c.state = 'closed' THEN (c.closed_at AT TIME ZONE z.zone)::date END,
        c.state = 'closed' AND NOT was_breached(c, 'resolve', c.round),
        c.rework_count > 0 OR EXISTS (
            SELECT FROM tickets t WHERE t.tenant = p_tenant AND t.case_id = c.id AND t.rework_count > 0),
        r.reached, r.contacted, r.solved, r.satisfied, x.why,
        CASE WHEN x.why IS NOT NULL
            THEN (CASE c.state WHEN 'closed' THEN c.closed_at ELSE c.state_at END AT TIME ZONE z.zone)::date END,
        ms_between(c.received_at, e.accepted), ms_between(c.received_at, e.registered), ms_between(c.received_at, c.arrived_at),
        ms_between(c.received_at, e.whistled), ms_between(c.received_at, c.resolved_at), ms_between(e.submitted, e.passed),
        ms_between(c.evaluating_at, c.closed_at), ms_between(c.received_at, c.closed_at)
    FROM cases c
    JOIN tenants z ON z.tenant = p_tenant
    LEFT JOIN areas a ON a.tenant = p_tenant AND a.code = c.area
    CROSS JOIN LATERAL (SELECT n.* FROM first_round_of(c) AS n OFFSET 0) AS f
    CROSS JOIN LATERAL (SELECT n.* FROM case_times_of(p_tenant, c.id) AS n OFFSET 0) AS e
    CROSS JOIN LATERAL (SELECT figure_exclusion(c) AS why OFFSET 0) AS x
    CROSS JOIN LATERAL (
        SELECT count(*)::integer AS reached, (count(*) FILTER (WHERE r.contacted))::integer AS contacted,
            (count(*) FILTER (WHERE r.solved = 'yes'))::integer AS solved,
            ARRAY[count(*) FILTER (WHERE r.satisfied = 1), count(*) FILTER (WHERE r.satisfied = 2),
                count(*) FILTER (WHERE r.satisfied = 3), count(*) FILTER (WHERE r.satisfied = 4),
                count(*) FILTER (WHERE r.satisfied = 5)]::integer[] AS satisfied
        FROM ratings r WHERE r.tenant = p_tenant AND r.case_id = c.id AND r.round = c.round) AS r
    WHERE c.tenant = p_tenant AND (p_cases IS NULL OR c.id = ANY (p_cases));
$$;
COMMENT ON FUNCTION case_figures_of(text, uuid[]) IS 'What these cases count for by the base tables; null: all of the street.';

CREATE FUNCTION ticket_figures_of(p_tenant text, p_cases uuid[]) RETURNS SETOF ticket_figures LANGUAGE sql STABLE AS $$
    SELECT t.tenant, t.id, t.case_id, coalesce(a.path, '{}'), c.category, t.organisation, c.level,
        c.state NOT IN ('rejected', 'merged', 'voided'), (t.issued_at AT TIME ZONE z.zone)::date, t.state = 'returned',
        CASE WHEN t.state NOT IN ('returned', 'recalled', 'suspended') THEN (t.finish_due_at AT TIME ZONE z.zone)::date END,
        t.delays > 0,
        CASE WHEN t.state NOT IN ('returned', 'recalled', 'suspended') THEN (t.contact_due_at AT TIME ZONE z.zone)::date END,
        coalesce(t.contacted_at <= t.contact_due_at, false),
        CASE WHEN t.state = 'closed' THEN (t.closed_at AT TIME ZONE z.zone)::date END,
        ms_between(t.issued_at, t.signed_at), ms_between(t.issued_at, t.contacted_at),
        ms_between(t.issued_at, coalesce(t.reported_in_at, t.started_at)), ms_between(t.issued_at, t.submitted_at),
        ms_between(t.submitted_at, t.closed_at)
    FROM tickets t
    JOIN cases c ON c.tenant = p_tenant AND c.id = t.case_id
    JOIN tenants z ON z.tenant = p_tenant
    LEFT JOIN areas a ON a.tenant = p_tenant AND a.code = c.area
    WHERE t.tenant = p_tenant AND (p_cases IS NULL OR t.case_id = ANY (p_cases));
$$;
COMMENT ON FUNCTION ticket_figures_of(text, uuid[]) IS 'The same for the tickets of these cases.';
