-- What waits for a person, counted by the action that leads on. Every open object is held against one list of conditions;
-- may_check and request_decidable are asked only about what waits for a check or a decision.

CREATE TYPE work_item AS (
    _code text, _item boolean, object text, action text, count bigint, overdue bigint
);

-- 跟踪回访 is due a day after evaluating began.
CREATE FUNCTION callback_due(c cases) RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN c.evaluating_at + policy_minutes(policy_of(c.tenant, c.policy_version), 'callback_minutes');
END $$;

CREATE FUNCTION case_work(p_me actor, p_now timestamptz) RETURNS SETOF work_item LANGUAGE plpgsql STABLE AS $$
DECLARE
    r text[] := p_me.roles;
    v_dispatcher boolean := 'dispatcher' = ANY (r);
    v_field boolean := r && '{grid_worker,community}';
    v_checks boolean := r && '{grid_worker,community,leader,supervisor}';
BEGIN
    RETURN QUERY
    SELECT NULL::text, true, 'case'::text, w.action, count(*), count(*) FILTER (WHERE CASE w.action
        WHEN 'callback' THEN callback_due(c) ELSE c.overdue_at END < p_now)
    FROM cases c
    CROSS JOIN LATERAL (SELECT v_field AND c.area = ANY (p_me.areas) AS own,
        'department' = ANY (r) AND p_me.org = ANY (c.open_orgs) AS ours, c.handler = p_me.person_id AS hand) AS i
    CROSS JOIN LATERAL unnest(array_remove(ARRAY[
        CASE WHEN c.state = 'received' AND (v_dispatcher OR i.own OR 'window_clerk' = ANY (r)
            AND c.created_role = 'window_clerk' AND c.created_org = p_me.org) THEN 'accept' END,
        CASE WHEN c.state = 'accepted' AND (v_dispatcher OR i.own AND coalesce(c.proposed_level, 'ordinary') = 'ordinary')
            THEN 'register' END,
        CASE WHEN c.state = 'registered' AND i.own THEN 'start_source' END,
        CASE WHEN c.state = 'registered' AND c.level <> 'ordinary' AND v_dispatcher THEN 'whistle' END,
        CASE WHEN c.arrive_due_at IS NOT NULL AND c.arrived_at IS NULL AND is_working(c.state)
            AND (i.own OR i.ours OR v_field AND (i.hand OR c.area IS NULL)) THEN 'arrive' END,
        CASE WHEN c.plan_due_at IS NOT NULL AND c.planned_at IS NULL AND is_working(c.state)
            AND (i.hand OR v_dispatcher OR i.ours AND c.lead_org = p_me.org) THEN 'plan' END,
        CASE WHEN c.plan_parties <> '{}' AND is_working(c.state) AND named_as(p_me, c, c.plan_parties, 'step') <> 0
            THEN 'step_done' END,
        CASE WHEN c.state = 'verifying' AND i.own THEN 'report_verification' END,
        CASE WHEN c.supervised <> '{}' AND named_as(p_me, c, c.supervised, 'addressee') <> 0 THEN 'reply_supervision' END,
        CASE WHEN c.state = 'source_handling' AND i.hand THEN 'source_done' END,
        CASE WHEN c.state = 'handling' AND c.tickets_open = 0 AND v_dispatcher THEN 'feedback' END,
        CASE WHEN c.state = 'checking' AND v_checks AND checks_as(p_me, c) <> 0 THEN 'check' END,
        CASE WHEN c.state = 'evaluating' AND 'supervisor' = ANY (r) THEN 'callback' END,
        CASE WHEN c.state = 'evaluating' AND 'citizen' = ANY (r) AND p_me.person_id = ANY (c.reporters)
            AND NOT EXISTS (SELECT FROM ratings g WHERE g.tenant = c.tenant AND g.case_id = c.id AND g.round = c.round
                AND g.person_id = p_me.person_id) THEN 'rate' END
    ], NULL)) AS w (action)
    WHERE c.tenant = p_me.tenant
        AND c.state IN ('received', 'accepted', 'verifying', 'registered', 'source_handling', 'whistled', 'handling',
            'checking', 'evaluating', 'suspended')
        AND within_scope(p_me, c.area)
    GROUP BY w.action;
END $$;

CREATE FUNCTION ticket_work(p_me actor, p_now timestamptz) RETURNS SETOF work_item LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_department boolean := 'department' = ANY (p_me.roles);
BEGIN
    RETURN QUERY
    SELECT NULL::text, true, 'ticket'::text, w.action, count(*), count(*) FILTER (WHERE t.overdue_at < p_now)
    FROM tickets t
    JOIN cases c ON c.tenant = t.tenant AND c.id = t.case_id
    JOIN categories k ON k.tenant = c.tenant AND k.code = c.category
    CROSS JOIN LATERAL (SELECT v_department AND t.organisation = p_me.org AS ours) AS i
    CROSS JOIN LATERAL unnest(array_remove(ARRAY[
        CASE WHEN i.ours AND t.supervised THEN 'reply_supervision' END,
        CASE WHEN i.ours AND t.state IN ('issued', 'send_failed') THEN 'sign' END,
        -- Nothing in the machine leads on from here but the department itself: somebody calls it.
        CASE WHEN t.state = 'send_failed' AND 'dispatcher' = ANY (p_me.roles) THEN 'send_failed' END,
        CASE WHEN i.ours AND t.state IN ('signed', 'reported_in', 'in_progress') AND t.contact_due_at IS NOT NULL
            AND t.contacted_at IS NULL THEN 'contact' END,
        CASE WHEN i.ours AND t.state = 'signed' AND k.on_scene THEN 'report_in' END,
        CASE WHEN i.ours AND (t.state = 'reported_in' OR t.state = 'signed' AND NOT k.on_scene) THEN 'start' END,
        CASE WHEN i.ours AND t.state = 'in_progress' THEN 'submit' END,
        CASE WHEN t.state = 'submitted' AND p_me.person_id <> ALL (t.workers) AND ('dispatcher' = ANY (p_me.roles)
            OR 'community' = ANY (p_me.roles) AND c.area = ANY (p_me.areas)) THEN 'approve' END
    ], NULL)) AS w (action)
    WHERE t.tenant = p_me.tenant AND t.state NOT IN ('closed', 'returned', 'recalled')
        AND (NOT v_department OR p_me.roles && '{dispatcher,community}' OR t.organisation = p_me.org)
        AND within_scope(p_me, c.area)
    GROUP BY w.action;
END $$;

CREATE FUNCTION request_work(p_me actor, p_now timestamptz) RETURNS SETOF work_item LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY
    SELECT NULL::text, true, 'request'::text, 'approve'::text, count(*), count(*) FILTER (WHERE r.due_at < p_now)
    FROM requests r LEFT JOIN cases c ON c.tenant = r.tenant AND c.id = r.case_id
    WHERE r.tenant = p_me.tenant AND r.state = 'pending'
        AND request_in_sight(p_me, r, c) AND request_decidable(p_me, r, c)
    HAVING count(*) > 0;
END $$;

CREATE FUNCTION me_work(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[],
    p_now timestamptz)
RETURNS SETOF work_item LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_me actor := me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
    v_now timestamptz := coalesce(p_now, clock_timestamp());
BEGIN
    IF v_me.refusal IS NOT NULL THEN
        RETURN NEXT ROW(v_me.refusal, false, NULL, NULL, NULL, NULL)::work_item;
        RETURN;
    END IF;
    RETURN QUERY SELECT * FROM case_work(v_me, v_now);
    IF v_me.roles && '{department,dispatcher,community}' THEN
        RETURN QUERY SELECT * FROM ticket_work(v_me, v_now);
    END IF;
    IF sees_staff(v_me) THEN
        RETURN QUERY SELECT * FROM request_work(v_me, v_now);
    END IF;
END $$;
SELECT delegate('me_work(text, text, text[], text[], text, text[], timestamptz)');
