-- The independent checker: recomputes every object from its events and tells where it differs from what is stored.
-- Written apart from the machine on purpose: it shares its tables of transitions, none of its procedures.

CREATE TYPE difference AS (
    object text,
    id uuid,
    what text,
    stored text,
    computed text
);

-- Numbered without gaps; each state follows from the one before, by a transition of the table; the last is the case's.
CREATE FUNCTION audit_case_chain(p_tenant text) RETURNS SETOF difference LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH chain AS (
        SELECT e.case_id, e.seq, e.action, e.from_state, e.to_state, e.ticket_id, e.request_id,
            lag(e.to_state) OVER w AS before, row_number() OVER (PARTITION BY e.case_id ORDER BY e.seq) AS n,
            lead(e.seq) OVER w IS NULL AS last
        FROM case_history e
        WHERE e.tenant = p_tenant AND e.ticket_id IS NULL
        WINDOW w AS (PARTITION BY e.case_id ORDER BY e.seq)
    )
    SELECT 'case', c.case_id, 'from of event ' || c.seq, c.from_state, c.before FROM chain c
    WHERE c.from_state IS DISTINCT FROM c.before
    UNION ALL
    SELECT 'case', c.case_id, 'transition ' || c.action, c.from_state, c.to_state FROM chain c
    WHERE c.n > 1 AND c.from_state IS DISTINCT FROM c.to_state AND NOT EXISTS (
        SELECT FROM case_moves m WHERE m.state = c.from_state AND m.action = c.action AND m.to_state IN (c.to_state, '?'))
    UNION ALL
    SELECT 'case', x.id, 'state', x.state, c.to_state
    FROM cases x LEFT JOIN chain c ON c.case_id = x.id AND c.last
    WHERE x.tenant = p_tenant AND x.state IS DISTINCT FROM c.to_state
    UNION ALL
    SELECT 'case', x.id, 'events', x.event_seq::text, e.n::text
    FROM cases x
    CROSS JOIN LATERAL (SELECT count(*) AS n, max(e.seq) AS top FROM case_history e
        WHERE e.tenant = x.tenant AND e.case_id = x.id) AS e
    WHERE x.tenant = p_tenant AND (x.event_seq <> e.n OR e.n <> e.top);
END;

CREATE FUNCTION audit_ticket_chain(p_tenant text) RETURNS SETOF difference LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH chain AS (
        SELECT e.ticket_id, e.seq, e.action, e.from_state, e.to_state,
            lag(e.to_state) OVER w AS before, lead(e.seq) OVER w IS NULL AS last
        FROM case_history e
        WHERE e.tenant = p_tenant AND e.ticket_id IS NOT NULL
        WINDOW w AS (PARTITION BY e.ticket_id ORDER BY e.seq)
    )
    SELECT 'ticket', c.ticket_id, 'from of event ' || c.seq, c.from_state, c.before FROM chain c
    WHERE c.from_state IS DISTINCT FROM c.before
    UNION ALL
    SELECT 'ticket', c.ticket_id, 'transition ' || c.action, c.from_state, c.to_state FROM chain c
    WHERE c.from_state IS DISTINCT FROM c.to_state AND NOT (c.action = 'issue' AND c.from_state IS NULL AND c.to_state = 'issued')
        AND NOT EXISTS (
            SELECT FROM ticket_moves m WHERE m.state = c.from_state AND m.action = c.action AND m.to_state IN (c.to_state, '?'))
    UNION ALL
    SELECT 'ticket', t.id, 'state', t.state, c.to_state
    FROM tickets t LEFT JOIN chain c ON c.ticket_id = t.id AND c.last
    WHERE t.tenant = p_tenant AND t.state IS DISTINCT FROM c.to_state;
END;

-- What events say of a case beyond its state.
CREATE FUNCTION audit_case_facts(p_tenant text) RETURNS SETOF difference LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH told AS (
        SELECT c.id, c.tenant,
            (SELECT 1 + count(*) FROM case_history e WHERE e.tenant = c.tenant AND e.case_id = c.id AND e.ticket_id IS NULL
                AND e.action IN ('object', 'reopen')) AS round,
            (SELECT count(*) FROM case_history e WHERE e.tenant = c.tenant AND e.case_id = c.id AND e.action = 'check'
                AND e.data -> 'pass' = 'false') AS reworks,
            (SELECT count(*) FROM case_history e WHERE e.tenant = c.tenant AND e.case_id = c.id AND e.action = 'urge') AS urges,
            (SELECT e.data ->> 'level' FROM case_history e WHERE e.tenant = c.tenant AND e.case_id = c.id
                AND e.action IN ('register', 'reclass', 'object') ORDER BY e.seq DESC LIMIT 1) AS level,
            (SELECT coalesce(e.data ->> 'handler', CASE e.action WHEN 'start_source' THEN e.person_id::text END)
                FROM case_history e WHERE e.tenant = c.tenant AND e.case_id = c.id AND e.ticket_id IS NULL
                AND e.action IN ('start_source', 'reassign', 'retake', 'reopen', 'whistle') ORDER BY e.seq DESC LIMIT 1) AS handler
        FROM cases c WHERE c.tenant = p_tenant
    )
    SELECT 'case', c.id, f.what, f.stored, f.computed
    FROM cases c JOIN told t USING (tenant, id)
    CROSS JOIN LATERAL (VALUES
        ('round', c.round::text, t.round::text),
        ('rework_count', c.rework_count::text, t.reworks::text),
        ('urge_count', c.urge_count::text, t.urges::text),
        ('level', c.level, coalesce(t.level, 'ordinary')),
        ('handler', c.handler::text, t.handler)
    ) AS f (what, stored, computed)
    WHERE f.stored IS DISTINCT FROM f.computed;
END;

-- What the row repeats of its tickets, its workers, its reporters and its plan.
CREATE FUNCTION audit_derived(p_tenant text) RETURNS SETOF difference LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT 'case', c.id, f.what, f.stored, f.computed
    FROM cases c
    CROSS JOIN LATERAL (
        SELECT count(*) AS n, count(*) FILTER (WHERE s.open) AS open,
            count(*) FILTER (WHERE s.open AND t.state <> 'submitted') AS unsubmitted,
            array_agg(DISTINCT t.organisation) FILTER (WHERE s.open) AS open_orgs,
            array_agg(DISTINCT t.organisation) FILTER (WHERE t.state NOT IN ('returned', 'recalled')) AS orgs,
            array_agg(t.id) FILTER (WHERE t.role = 'lead' AND t.state NOT IN ('returned', 'recalled')) AS leads
        FROM tickets t JOIN ticket_states s USING (state) WHERE t.tenant = c.tenant AND t.case_id = c.id) AS t
    CROSS JOIN LATERAL (
        SELECT array_agg(DISTINCT p.person ORDER BY p.person) AS workers FROM (
            SELECT e.person_id AS person FROM case_history e
            WHERE e.tenant = c.tenant AND e.case_id = c.id AND e.person_id IS NOT NULL
                AND (e.ticket_id IS NULL AND e.action IN ('start_source', 'source_done', 'report_verification', 'plan', 'step_done')
                    OR e.ticket_id IS NOT NULL AND e.action IN ('sign', 'contact', 'report_in', 'start', 'submit')
                    OR e.action = 'arrive')
            UNION SELECT a.person_id FROM arrivals a WHERE a.tenant = c.tenant AND a.case_id = c.id) AS p) AS w
    CROSS JOIN LATERAL (
        SELECT coalesce(array_agg(DISTINCT p.person_id), '{}') AS people,
            coalesce(array_agg(DISTINCT p.person_id) FILTER (WHERE p.withdrawn_at IS NOT NULL), '{}') AS gone
        FROM case_reporters p WHERE p.tenant = c.tenant AND p.case_id = c.id AND p.person_id IS NOT NULL) AS r
    CROSS JOIN LATERAL (
        SELECT array_agg(DISTINCT s.who_kind || ':' || s.who_id ORDER BY s.who_kind || ':' || s.who_id) AS parties
        FROM plan_steps s WHERE s.tenant = c.tenant AND s.case_id = c.id AND s.request_id = c.plan_request
            AND s.done_at IS NULL AND s.waived_at IS NULL) AS s
    CROSS JOIN LATERAL (VALUES
        ('tickets_issued', c.tickets_issued::text, t.n::text),
        ('tickets_open', c.tickets_open::text, t.open::text),
        ('tickets_unsubmitted', c.tickets_unsubmitted::text, t.unsubmitted::text),
        ('open_orgs', c.open_orgs::text, coalesce(t.open_orgs, '{}')::text),
        ('organisations', c.organisations::text, coalesce(t.orgs, '{}')::text),
        ('lead_ticket', c.lead_ticket::text, t.leads[1]::text),
        -- Arrivals that an earlier merge brought have moved on with a later one.
        ('workers', ARRAY(SELECT unnest(c.workers) ORDER BY 1)::text, CASE
            WHEN c.state = 'merged' AND c.workers @> coalesce(w.workers, '{}') THEN ARRAY(SELECT unnest(c.workers) ORDER BY 1)
            ELSE coalesce(w.workers, '{}') END::text),
        ('reporters', ARRAY(SELECT unnest(c.reporters) ORDER BY 1)::text, r.people::text),
        ('withdrawn', ARRAY(SELECT unnest(c.withdrawn) ORDER BY 1)::text, r.gone::text),
        ('plan_parties', c.plan_parties::text, coalesce(s.parties, '{}')::text),
        ('attachments_hung', c.attachments_hung::text, (SELECT count(*) FROM case_attachments h
            WHERE h.tenant = c.tenant AND h.case_id = c.id)::text),
        ('refs_known', c.refs_known::text, (SELECT count(*) FROM external_refs x
            WHERE x.tenant = c.tenant AND x.case_id = c.id)::text),
        ('requests_pending', c.requests_pending::text, (SELECT count(*) FROM requests r
            WHERE r.tenant = c.tenant AND r.case_id = c.id AND r.state = 'pending')::text)
    ) AS f (what, stored, computed)
    WHERE c.tenant = p_tenant AND f.stored IS DISTINCT FROM f.computed;
END;

-- The case's next moment is not behind that of a ticket or a request: the clock job would come too late.
CREATE FUNCTION audit_moments(p_tenant text) RETURNS SETOF difference LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT 'case', c.id, 'clock_next_at', c.clock_next_at::text, x.first::text
    FROM cases c
    CROSS JOIN LATERAL (SELECT least(
        (SELECT min(t.clock_next_at) FROM tickets t WHERE t.tenant = c.tenant AND t.case_id = c.id),
        (SELECT min(r.clock_next_at) FROM requests r WHERE r.tenant = c.tenant AND r.case_id = c.id AND r.state = 'pending'
            AND NOT (r.kind = 'return' AND c.state = 'suspended'))) AS first) AS x
    WHERE c.tenant = p_tenant AND x.first IS NOT NULL AND coalesce(c.clock_next_at > x.first, true);
END;

CREATE FUNCTION audit_requests(p_tenant text) RETURNS SETOF difference LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT 'request', r.id, 'state', r.state, e.state
    FROM requests r
    CROSS JOIN LATERAL (
        SELECT coalesce((
            SELECT t.to_state FROM case_history e JOIN request_transitions t USING (action)
            WHERE e.tenant = r.tenant AND e.case_id = r.case_id AND e.request_id = r.id
                AND e.data -> 'complete' IS DISTINCT FROM 'false' AND e.action <> 'request'
            ORDER BY e.seq DESC LIMIT 1), 'pending') AS state) AS e
    WHERE r.tenant = p_tenant AND r.case_id IS NOT NULL AND r.state <> e.state
    UNION ALL
    SELECT 'request', r.id, 'decided', r.decided_at::text, r.state FROM requests r
    WHERE r.tenant = p_tenant AND (r.state = 'pending') = (r.decided_at IS NOT NULL);
END;

-- Due times change only by a row that says so: the changes of each clock form a chain that ends at the present due.
CREATE FUNCTION audit_dues(p_tenant text) RETURNS SETOF difference LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH chain AS (
        SELECT d.subject, d.clock, d.old_due, d.new_due, lag(d.new_due) OVER w AS before, lag(d.id) OVER w IS NULL AS first,
            lead(d.id) OVER w IS NULL AS last
        FROM deadline_changes d WHERE d.tenant = p_tenant
        WINDOW w AS (PARTITION BY d.subject, d.clock ORDER BY d.changed_at, d.id)
    ), present AS (
        SELECT c.id, d.clock, d.due FROM cases c
        CROSS JOIN LATERAL (VALUES ('arrive', c.arrive_due_at), ('resolve', c.resolve_due_at), ('plan', c.plan_due_at)) AS d (clock, due)
        WHERE c.tenant = p_tenant
        UNION ALL
        SELECT t.id, d.clock, d.due FROM tickets t
        CROSS JOIN LATERAL (VALUES ('sign', t.sign_due_at), ('contact', t.contact_due_at), ('report', t.report_due_at),
            ('finish', t.finish_due_at)) AS d (clock, due)
        WHERE t.tenant = p_tenant
    )
    SELECT 'clock', c.subject, c.clock || ' changed from', c.old_due::text, c.before::text FROM chain c
    WHERE NOT c.first AND c.old_due IS DISTINCT FROM c.before
    UNION ALL
    SELECT 'clock', p.id, p.clock || ' due', p.due::text, c.new_due::text
    FROM present p JOIN chain c ON c.subject = p.id AND c.clock = p.clock AND c.last
    WHERE p.due IS DISTINCT FROM c.new_due;
END;

-- Invariants of machines.md 3.2: one lead; nothing open where the work stands submitted; nobody checks their own work;
-- what has ended stays ended.
CREATE FUNCTION audit_invariants(p_tenant text) RETURNS SETOF difference LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT 'case', c.id, 'leads', count(t.id)::text, '1'
    FROM cases c LEFT JOIN tickets t ON t.tenant = c.tenant AND t.case_id = c.id AND t.role = 'lead'
        AND t.state NOT IN ('returned', 'recalled')
    WHERE c.tenant = p_tenant AND c.state IN ('whistled', 'handling')
    GROUP BY c.id HAVING count(t.id) <> 1
    UNION ALL
    SELECT 'case', c.id, 'open tickets', c.state, t.state
    FROM cases c JOIN tickets t ON t.tenant = c.tenant AND t.case_id = c.id JOIN ticket_states s ON s.state = t.state AND s.open
    WHERE c.tenant = p_tenant AND c.state IN ('closed', 'checking', 'evaluating', 'rejected', 'merged', 'voided')
    UNION ALL
    SELECT 'case', e.case_id, 'checked own work', e.seq::text, w.seq::text
    FROM case_history e JOIN case_history w ON w.tenant = e.tenant AND w.case_id = e.case_id AND w.seq < e.seq
        AND w.person_id = e.person_id
    WHERE e.tenant = p_tenant AND e.action = 'check' AND e.data -> 'sole_person' IS NULL
        AND (w.ticket_id IS NULL AND w.action IN ('start_source', 'source_done', 'arrive', 'report_verification', 'plan', 'step_done')
            OR w.ticket_id IS NOT NULL AND w.action IN ('sign', 'contact', 'report_in', 'start', 'submit'))
    UNION ALL
    SELECT 'event', e.id, 'after the end', e.from_state, e.action FROM case_history e
    WHERE e.tenant = p_tenant AND e.request_id IS NULL
        AND (e.from_state IN ('rejected', 'merged', 'voided') AND e.ticket_id IS NULL
                AND (e.action, e.from_state) <> ('object', 'rejected')
            OR e.from_state IN ('returned', 'recalled') AND e.ticket_id IS NOT NULL);
END;

-- A hazard as its events tell it; asking and deciding move nothing.
CREATE FUNCTION audit_hazard_chain(p_tenant text) RETURNS SETOF difference LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH chain AS (
        SELECT e.hazard_id, e.seq, e.action, e.from_state, e.to_state, e.colour, lag(e.to_state) OVER w AS before,
            lag(e.colour) OVER w AS colour_before, row_number() OVER w AS n, lead(e.seq) OVER w IS NULL AS last
        FROM hazard_events e WHERE e.tenant = p_tenant
        WINDOW w AS (PARTITION BY e.hazard_id ORDER BY e.seq)
    )
    SELECT 'hazard', c.hazard_id, 'from of event ' || c.seq, c.from_state, c.before FROM chain c
    WHERE c.from_state IS DISTINCT FROM c.before OR c.n <> c.seq
    UNION ALL
    SELECT 'hazard', c.hazard_id, 'transition ' || c.action, c.from_state, c.to_state FROM chain c
    WHERE c.from_state IS DISTINCT FROM c.to_state AND c.n > 1 AND NOT EXISTS (
        SELECT FROM hazard_moves m WHERE m.state = c.from_state AND m.action = c.action AND m.to_state = c.to_state)
    UNION ALL
    SELECT 'hazard', c.hazard_id, 'colour by ' || c.action, c.colour_before, c.colour FROM chain c
    WHERE c.n > 1 AND c.action <> 'recolour' AND c.colour <> c.colour_before
    UNION ALL
    SELECT 'hazard', h.id, f.what, f.stored, f.computed
    FROM hazards h LEFT JOIN chain c ON c.hazard_id = h.id AND c.last
    CROSS JOIN LATERAL (VALUES ('state', h.state, c.to_state), ('colour', h.colour, c.colour),
        ('events', h.event_seq::text, c.seq::text)) AS f (what, stored, computed)
    WHERE h.tenant = p_tenant AND f.stored IS DISTINCT FROM f.computed;
END;

CREATE FUNCTION audit_hazard_facts(p_tenant text) RETURNS SETOF difference LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT 'hazard', h.id, f.what, f.stored, f.computed
    FROM hazards h
    CROSS JOIN LATERAL (
        SELECT array_agg(DISTINCT e.person_id ORDER BY e.person_id) FILTER (WHERE e.action IN ('start', 'submit')) AS workers,
            count(*) FILTER (WHERE e.action = 'fail') AS reworks, coalesce(bool_or(e.action = 'case_closed'), false) AS closed
        FROM hazard_events e WHERE e.tenant = h.tenant AND e.hazard_id = h.id) AS e
    CROSS JOIN LATERAL (
        SELECT max(n.due_at) AS due FROM hazard_nodes n
        WHERE n.tenant = h.tenant AND n.hazard_id = h.id AND n.superseded_at IS NULL) AS n
    CROSS JOIN LATERAL (VALUES
        -- The end of its case brings more of them.
        ('workers', ARRAY(SELECT unnest(h.workers) ORDER BY 1)::text, CASE
            WHEN e.closed AND h.workers @> coalesce(e.workers, '{}') THEN ARRAY(SELECT unnest(h.workers) ORDER BY 1)
            ELSE coalesce(e.workers, '{}') END::text),
        ('rework_count', h.rework_count::text, e.reworks::text),
        ('last node', CASE WHEN h.colour <> 'blue' THEN h.due_at END::text, CASE WHEN h.colour <> 'blue' THEN n.due END::text),
        ('midnight', h.clock_next_at::text,
            CASE WHEN h.colour = 'blue' AND h.state IN ('open', 'rectifying') THEN h.due_at END::text),
        ('requests_pending', h.requests_pending::text, (SELECT count(*) FROM requests r
            WHERE r.tenant = h.tenant AND r.hazard_id = h.id AND r.state = 'pending')::text),
        ('verified own work', CASE WHEN NOT h.sole_person AND h.verified_by = ANY (h.workers) THEN h.verified_by::text END, NULL)
    ) AS f (what, stored, computed)
    WHERE h.tenant = p_tenant AND f.stored IS DISTINCT FROM f.computed;
END;

-- Its due is what the last change made of it, and each change begins where the one before ended.
CREATE FUNCTION audit_hazard_dues(p_tenant text) RETURNS SETOF difference LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH chain AS (
        SELECT d.hazard_id, d.old_due, d.new_due, lag(d.new_due) OVER w AS before, lag(d.id) OVER w IS NULL AS first,
            lead(d.id) OVER w IS NULL AS last
        FROM hazard_deadline_changes d WHERE d.tenant = p_tenant
        WINDOW w AS (PARTITION BY d.hazard_id ORDER BY d.id)
    )
    SELECT 'hazard', c.hazard_id, 'due changed from', c.old_due::text, c.before::text FROM chain c
    WHERE NOT c.first AND c.old_due IS DISTINCT FROM c.before
    UNION ALL
    SELECT 'hazard', h.id, 'due', h.due_at::text, c.new_due::text
    FROM hazards h JOIN chain c ON c.hazard_id = h.id AND c.last
    WHERE h.tenant = p_tenant AND h.due_at IS DISTINCT FROM c.new_due;
END;

-- The case that a difference is about.
CREATE FUNCTION audit_case_of(p_tenant text, p_id uuid) RETURNS uuid LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN coalesce((SELECT t.case_id FROM tickets t WHERE t.tenant = p_tenant AND t.id = p_id),
        (SELECT r.case_id FROM requests r WHERE r.tenant = p_tenant AND r.id = p_id), p_id);
END $$;

-- Of a case whose history is detached nothing can be said: it was looked over before. Not compiled: the plan has a node for
-- each partition, and compiling them takes longer than all that they do.
CREATE FUNCTION audit_objects(p_tenant text) RETURNS SETOF difference LANGUAGE sql STABLE SET jit = off
BEGIN ATOMIC
    SELECT d.object, d.id, d.what, d.stored, d.computed
    FROM (
        SELECT * FROM audit_case_chain(p_tenant)
        UNION ALL SELECT * FROM audit_ticket_chain(p_tenant)
        UNION ALL SELECT * FROM audit_case_facts(p_tenant)
        UNION ALL SELECT * FROM audit_derived(p_tenant)
        UNION ALL SELECT * FROM audit_moments(p_tenant)
        UNION ALL SELECT * FROM audit_requests(p_tenant)
        UNION ALL SELECT * FROM audit_dues(p_tenant)
        UNION ALL SELECT * FROM audit_invariants(p_tenant)
        OFFSET 0) AS d -- asked of what differs, not of every row that is compared
    WHERE NOT history_is_away(audit_case_of(p_tenant, d.id))
    UNION ALL SELECT * FROM audit_hazard_chain(p_tenant)
    UNION ALL SELECT * FROM audit_hazard_facts(p_tenant)
    UNION ALL SELECT * FROM audit_hazard_dues(p_tenant);
END;
COMMENT ON FUNCTION audit_objects(text) IS 'Where stored objects differ from their events; no row: nothing found.';
