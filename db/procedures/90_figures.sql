-- What each round of a case and each run of a ticket counts for, computed from the base tables alone: the job writes it
-- down, the check compares. Set-based: the same statement serves a few cases and a million. Planned anew for each call,
-- so that no cases given means all, without a look at the condition.

CREATE FUNCTION residents_sources() RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '{resident_app,phone,visit,window,hotline_12345}'::text[];
COMMENT ON FUNCTION residents_sources() IS 'Sources by which residents raise a matter: 居民提出的问题.';

CREATE FUNCTION figure_steps() RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '{accept,register,arrive,whistle,resolve,check,evaluate,close,sign,contact,report,work,approve}'::text[];

-- A step of a length, as one number: 512 times the step's, and the power of 1.1 that its milliseconds reach. The middle of
-- such a bucket is at most the root of 1.1 off, less than 5 per cent.
CREATE FUNCTION step_code(p_step integer, p_ms bigint) RETURNS smallint LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN p_step * 512 + least(511, greatest(0, floor(ln(greatest(p_ms, 1)::double precision) / ln(1.1::double precision))::integer));
COMMENT ON FUNCTION step_code(integer, bigint) IS 'Step and bucket of its length.';

CREATE FUNCTION bucket_seconds(p_code integer) RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN p_code & 511 = 0 THEN 0 ELSE power(1.1::double precision, (p_code & 511) + 0.5) / 1000 END;

-- How many days late a round was closed, in classes that double: 1, 2–3, 4–7 … What is in class n and was due before a day
-- and closed after it was due less than 2^n days before.
CREATE FUNCTION late_days() RETURNS integer[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '{1,2,4,8,16,32,64,128,256,512,1024,2048}'::integer[];

CREATE TYPE steps_taken AS (codes smallint[], ms bigint[]);

-- Null when either is missing: greatest() alone would make nothing of it.
CREATE FUNCTION ms_between(p_from timestamptz, p_to timestamptz) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN p_from IS NOT NULL AND p_to IS NOT NULL
    THEN greatest(0, round(extract(epoch FROM p_to - p_from) * 1000))::bigint END;

-- A step that did not happen is left out. A loop, not a query: a million cases are counted anew in minutes.
CREATE FUNCTION steps_of(p_first integer, p_ms bigint[]) RETURNS steps_taken LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    v steps_taken := ROW('{}', array_remove(p_ms, NULL));
BEGIN
    FOR n IN 1..cardinality(p_ms) LOOP
        CONTINUE WHEN p_ms[n] IS NULL;
        v.codes := v.codes || step_code(p_first + n - 1, p_ms[n]);
    END LOOP;
    RETURN v;
END $$;
COMMENT ON FUNCTION steps_of(integer, bigint[]) IS 'Steps of these lengths, numbered from the first.';

-- What happened in each round, by its events.
CREATE TYPE round_times AS (
    case_id uuid, round integer, begun timestamptz, begun_by text, accepted timestamptz, registered timestamptz, whistled timestamptz,
    planned timestamptz, submitted timestamptz, source_done timestamptz, passed timestamptz, evaluating boolean, closed timestamptz,
    rejected timestamptz, tries bigint, reworked boolean, issued boolean);

CREATE FUNCTION round_times_of(p_tenant text, p_cases uuid[]) RETURNS SETOF round_times LANGUAGE sql STABLE AS $$
    SELECT r.case_id, r.round, r.begun, r.begun_by, r.accepted, r.registered, r.whistled, r.planned, r.submitted, r.source_done,
        r.passed, r.evaluating, r.closed, r.rejected, r.tries,
        -- Until this round was closed, in whichever round.
        bool_or(r.reworked) OVER w, bool_or(r.issued) OVER w
    FROM (
        SELECT e.case_id, e.round, min(e.at) FILTER (WHERE e.action IN ('object', 'reopen') AND e.ticket_id IS NULL) AS begun,
            min(e.action) FILTER (WHERE e.action IN ('object', 'reopen') AND e.ticket_id IS NULL) AS begun_by,
            min(e.at) FILTER (WHERE e.action = 'accept') AS accepted, min(e.at) FILTER (WHERE e.action = 'register') AS registered,
            min(e.at) FILTER (WHERE e.action = 'whistle') AS whistled, min(e.at) FILTER (WHERE e.action = 'plan') AS planned,
            max(e.at) FILTER (WHERE e.action IN ('source_done', 'feedback')) AS submitted,
            max(e.at) FILTER (WHERE e.action = 'source_done') AS source_done,
            max(e.at) FILTER (WHERE e.action IN ('check', 'check_sampled_out') AND e.to_state IN ('evaluating', 'closed')) AS passed,
            bool_or(e.to_state = 'evaluating') AS evaluating,
            max(e.at) FILTER (WHERE e.to_state = 'closed' AND e.from_state <> 'closed' AND e.ticket_id IS NULL) AS closed,
            max(e.at) FILTER (WHERE e.action = 'reject') AS rejected, count(*) FILTER (WHERE e.action = 'callback') AS tries,
            bool_or(e.action = 'rework' OR e.action = 'check' AND e.to_state NOT IN ('evaluating', 'closed')) AS reworked,
            bool_or(e.action = 'issue') AS issued
        FROM case_history e
        WHERE e.tenant = p_tenant AND (p_cases IS NULL OR e.case_id = ANY (p_cases))
            AND e.action IN ('create', 'accept', 'register', 'whistle', 'plan', 'source_done', 'feedback', 'check', 'check_sampled_out', 'rate',
                'auto_close', 'callback', 'reject', 'rework', 'issue', 'object', 'reopen')
        GROUP BY e.case_id, e.round) AS r
    WINDOW w AS (PARTITION BY r.case_id ORDER BY r.round);
$$;

-- What was due when an action ended a round or a run: what that action itself changed, else what a later change found.
CREATE FUNCTION due_before(p_tenant text, p_case uuid, p_subject uuid, p_clock text, p_action text, p_at timestamptz, p_present timestamptz)
RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_due timestamptz;
BEGIN
    SELECT d.old_due INTO v_due FROM deadline_changes d
    WHERE d.tenant = p_tenant AND d.case_id = p_case AND d.subject = p_subject AND d.clock = p_clock
        AND (d.changed_at > p_at OR d.changed_at = p_at AND d.cause = p_action)
    ORDER BY d.changed_at, d.id LIMIT 1;
    RETURN CASE WHEN FOUND THEN v_due ELSE p_present END;
END $$;

-- Of the first run of the plan clock, where a refused plan began another.
CREATE FUNCTION first_plan_due(p_tenant text, p_case uuid, p_at timestamptz, p_present timestamptz) RETURNS timestamptz
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_due timestamptz;
BEGIN
    SELECT d.old_due INTO v_due FROM deadline_changes d
    WHERE d.tenant = p_tenant AND d.case_id = p_case AND d.subject = p_case AND d.clock = 'plan'
        AND d.cause IN ('decline', 'withdraw') AND d.changed_at <= p_at
    ORDER BY d.changed_at, d.id LIMIT 1;
    RETURN CASE WHEN FOUND THEN v_due ELSE due_before(p_tenant, p_case, p_case, 'plan', 'reopen', p_at, p_present) END;
END $$;

-- The latest submission among the tickets closed in a round that is over.
CREATE FUNCTION round_done(p_tenant text, p_case uuid, p_round integer) RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT max(s.at) FROM case_history a
        CROSS JOIN LATERAL (
            SELECT x.at FROM case_history x
            WHERE x.tenant = p_tenant AND x.case_id = p_case AND x.ticket_id = a.ticket_id AND x.action = 'submit' AND x.seq < a.seq
            ORDER BY x.seq DESC LIMIT 1) AS s
        WHERE a.tenant = p_tenant AND a.case_id = p_case AND a.round = p_round AND a.action = 'approve' AND a.to_state = 'closed'
            AND a.ticket_id IS NOT NULL);
END $$;

-- A round with all that its figures follow from. Of one that is over (ended: by what) the rows that changed say what was due.
CREATE TYPE round_facts AS (
    case_id uuid, round integer, area text, category text, organisation text, level text, source text, state text, state_at timestamptz,
    received timestamptz, arrived timestamptz, whistled boolean, submitted_now boolean, reject_code text, policy_version integer, handler uuid,
    ended text, began timestamptz, arrive_due timestamptz, resolve_due timestamptz, plan_due timestamptz, accepted timestamptz,
    registered timestamptz, blown timestamptz, planned timestamptz, submitted timestamptz, done timestamptz, passed timestamptz,
    evaluating boolean, closed timestamptz, rejected timestamptz, tries bigint, reworked boolean, issued boolean,
    arrive_breached boolean, resolve_breached boolean, plan_breached timestamptz);

CREATE FUNCTION round_facts_of(p_tenant text, p_cases uuid[]) RETURNS SETOF round_facts LANGUAGE sql STABLE AS $$
    SELECT c.id, n.round, coalesce(c.area, ''), c.category, coalesce(c.lead_org, ''), c.level, c.source, c.state, c.state_at,
        c.received_at, c.arrived_at, c.tickets_issued > 0, stands_submitted(c), c.reject_code, c.policy_version, c.handler,
        n.ended, CASE WHEN n.round = 1 THEN c.received_at ELSE n.begun END,
        CASE WHEN n.ended IS NULL THEN c.arrive_due_at ELSE due_before(p_tenant, c.id, c.id, 'arrive', n.ended, n.at, c.arrive_due_at) END,
        CASE WHEN n.ended IS NOT NULL THEN due_before(p_tenant, c.id, c.id, 'resolve', n.ended, n.at, c.resolve_due_at)
            WHEN c.state <> 'suspended' THEN c.resolve_due_at END,
        CASE WHEN c.level <> 'major' THEN NULL WHEN n.ended IS NOT NULL THEN first_plan_due(p_tenant, c.id, n.at, c.plan_due_at)
            WHEN c.state <> 'suspended' THEN coalesce(c.plan_first_due_at, c.plan_due_at) END,
        n.accepted, n.registered, n.whistled, n.planned, n.submitted,
        CASE WHEN n.ended IS NULL THEN c.resolved_at WHEN n.source_done = n.submitted THEN n.source_done
            WHEN n.ended = 'reopen' THEN round_done(p_tenant, c.id, n.round) END,
        n.passed, n.evaluating, CASE WHEN n.ended = 'reopen' THEN n.closed WHEN n.ended IS NULL AND c.state = 'closed' THEN c.closed_at END,
        n.rejected, n.tries, n.reworked, n.issued, coalesce(b.arrive, false), coalesce(b.resolve, false), b.plan
    FROM cases c
    JOIN (SELECT t.*, lead(t.begun_by) OVER w AS ended, lead(t.begun) OVER w AS at FROM round_times_of(p_tenant, p_cases) AS t
        WINDOW w AS (PARTITION BY t.case_id ORDER BY t.round)) AS n ON n.case_id = c.id
    LEFT JOIN (
        SELECT x.case_id, x.round, bool_or(x.clock = 'arrive') AS arrive, bool_or(x.clock = 'resolve') AS resolve,
            min(x.breached_at) FILTER (WHERE x.clock = 'plan') AS plan
        FROM breaches x
        WHERE x.tenant = p_tenant AND (p_cases IS NULL OR x.case_id = ANY (p_cases)) AND x.subject = x.case_id
        GROUP BY x.case_id, x.round) AS b ON b.case_id = c.id AND b.round = n.round
    WHERE c.tenant = p_tenant AND (p_cases IS NULL OR c.id = ANY (p_cases))
    OFFSET 0 -- each of these is computed once, however often it is named
$$;
COMMENT ON FUNCTION round_facts_of(text, uuid[]) IS 'The rounds of these cases, or of all of the street.';

-- 5341, arriving: met, missed, or still to come. Whoever submits before the five minutes are over has ended that clock.
CREATE FUNCTION arrive_counted(r round_facts) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN (r).round = 1 AND ((r).arrived <= (r).arrive_due OR (r).arrive_breached
    OR (r).ended IS NULL AND (r).arrived IS NULL AND (r).state <> 'closed' AND NOT (r).submitted_now) THEN (r).arrive_due END;

-- 5341, solving: a rejection has ended a clock that was not due yet.
CREATE FUNCTION resolve_counted(r round_facts) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN (r).round = 1 AND NOT ((r).ended = 'object' AND (r).resolve_due > (r).rejected) IS TRUE THEN (r).resolve_due END;

-- 剔除: why a closed round was rated by nobody, or a rejection counts as unreasonable. Whether anybody could be asked was
-- settled when the check passed.
CREATE FUNCTION round_exclusion(r round_facts, p_policy jsonb, p_rated boolean, p_reporters bigint, p_anonymous boolean) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN (r).ended IS NULL AND (r).state = 'rejected' THEN CASE WHEN setting(p_policy, 'unreasonable_codes') ? (r).reject_code THEN 'unreasonable' END
    WHEN (r).closed IS NULL OR p_rated THEN NULL
    WHEN p_reporters = 0 THEN 'no_reporter'
    WHEN p_anonymous THEN 'anonymous'
    WHEN NOT coalesce((r).evaluating, false) OR (r).tries >= setting(p_policy, 'callback_tries')::integer THEN 'unreachable'
    ELSE 'not_reached' END;

-- From the start of the round; arriving is of the first only.
CREATE FUNCTION round_steps(r round_facts) RETURNS steps_taken LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN (r).closed IS NULL THEN ROW('{}', '{}')::steps_taken ELSE steps_of(1, ARRAY[
    ms_between((r).began, (r).accepted), ms_between((r).began, (r).registered),
    CASE WHEN (r).round = 1 AND (r).arrived <= (r).closed THEN ms_between((r).began, (r).arrived) END,
    ms_between((r).began, (r).blown), ms_between((r).began, (r).done), ms_between((r).submitted, (r).passed),
    CASE WHEN (r).evaluating THEN ms_between((r).passed, (r).closed) END, ms_between((r).began, (r).closed)]) END;

-- What reporters said of each round.
CREATE TYPE round_ratings AS (case_id uuid, round integer, reached integer, contacted integer, solved integer, satisfied integer[]);

CREATE FUNCTION round_ratings_of(p_tenant text, p_cases uuid[]) RETURNS SETOF round_ratings LANGUAGE sql STABLE AS $$
    SELECT y.case_id, y.round, count(*)::integer, (count(*) FILTER (WHERE y.contacted))::integer, (count(*) FILTER (WHERE y.solved = 'yes'))::integer,
        ARRAY[count(*) FILTER (WHERE y.satisfied = 1), count(*) FILTER (WHERE y.satisfied = 2), count(*) FILTER (WHERE y.satisfied = 3),
            count(*) FILTER (WHERE y.satisfied = 4), count(*) FILTER (WHERE y.satisfied = 5)]::integer[]
    FROM ratings y WHERE y.tenant = p_tenant AND (p_cases IS NULL OR y.case_id = ANY (p_cases))
    GROUP BY y.case_id, y.round;
$$;

CREATE FUNCTION round_figures_of(p_tenant text, p_cases uuid[]) RETURNS SETOF round_figures
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    z text := (SELECT t.zone FROM tenants t WHERE t.tenant = p_tenant);
BEGIN
    RETURN QUERY
    SELECT p_tenant, r.case_id, r.round, r.area, r.category, r.organisation, r.level, r.source = ANY (residents_sources()),
        r.state NOT IN ('rejected', 'merged', 'voided'), CASE WHEN r.round = 1 THEN (r.received AT TIME ZONE z)::date END, r.whistled,
        (arrive_counted(r) AT TIME ZONE z)::date, coalesce(r.arrived <= r.arrive_due, false),
        (resolve_counted(r) AT TIME ZONE z)::date, r.done IS NOT NULL AND NOT r.resolve_breached,
        CASE WHEN r.round = 1 THEN (r.plan_due AT TIME ZONE z)::date END,
        r.planned IS NOT NULL AND NOT coalesce(r.plan_breached <= r.planned, false), d.due_on, d.closed_on,
        r.closed IS NOT NULL AND NOT r.resolve_breached, width_bucket(d.closed_on - d.due_on, late_days())::smallint,
        NOT coalesce(r.issued, false), coalesce(r.reworked, false), coalesce(g.reached, 0), coalesce(g.contacted, 0), coalesce(g.solved, 0),
        coalesce(g.satisfied, '{0,0,0,0,0}'), x.why,
        CASE WHEN x.why IS NOT NULL THEN (coalesce(r.closed, r.state_at) AT TIME ZONE z)::date END, s.codes, s.ms
    FROM round_facts_of(p_tenant, p_cases) AS r
    CROSS JOIN LATERAL (SELECT CASE WHEN r.ended IS DISTINCT FROM 'object' THEN (r.resolve_due AT TIME ZONE z)::date END AS due_on,
        (r.closed AT TIME ZONE z)::date AS closed_on OFFSET 0) AS d
    CROSS JOIN LATERAL round_steps(r) AS s
    LEFT JOIN round_ratings_of(p_tenant, p_cases) AS g ON g.case_id = r.case_id AND g.round = r.round
    LEFT JOIN (
        SELECT y.case_id, count(*) FILTER (WHERE y.person_id IS NULL OR y.person_id IS DISTINCT FROM h.handler) AS reporters,
            bool_and(y.anonymous) FILTER (WHERE y.person_id IS NULL OR y.person_id IS DISTINCT FROM h.handler) AS anonymous
        FROM case_reporters y JOIN cases h ON h.tenant = p_tenant AND h.id = y.case_id
        WHERE y.tenant = p_tenant AND (p_cases IS NULL OR y.case_id = ANY (p_cases)) AND y.withdrawn_at IS NULL
        GROUP BY y.case_id) AS q ON q.case_id = r.case_id
    LEFT JOIN (
        SELECT v.version, policy_of(p_tenant, v.version) AS settings
        FROM (SELECT 0 AS version UNION SELECT y.version FROM policies y WHERE y.tenant = p_tenant) AS v OFFSET 0) AS p ON p.version = r.policy_version
    CROSS JOIN LATERAL (SELECT round_exclusion(r, p.settings, g.reached IS NOT NULL, coalesce(q.reporters, 0), q.anonymous) AS why OFFSET 0) AS x;
END $$;
COMMENT ON FUNCTION round_figures_of(text, uuid[]) IS 'What the rounds of these cases count for by the base tables; null: all of the street.';

-- A run of a ticket: when it began, what was due, and for one that was opened again when its events say that it was closed.
CREATE TYPE run_facts AS (run integer, began timestamptz, due timestamptz, submitted timestamptz, closed timestamptz);

-- The n-th time that the ticket was opened again.
CREATE FUNCTION ticket_opened(t tickets, p_n integer) RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT e.at FROM case_history e
        WHERE e.tenant = t.tenant AND e.case_id = t.case_id AND e.ticket_id = t.id AND e.action = 'reopen'
        ORDER BY e.seq OFFSET p_n - 1 LIMIT 1);
END $$;

CREATE FUNCTION earlier_run(t tickets, p_run integer) RETURNS run_facts LANGUAGE plpgsql STABLE AS $$
DECLARE
    v run_facts;
    v_ended timestamptz := ticket_opened(t, p_run);
BEGIN
    v.run := p_run;
    v.began := CASE WHEN p_run > 1 THEN ticket_opened(t, p_run - 1) ELSE t.issued_at END;
    v.due := due_before(t.tenant, t.case_id, t.id, 'finish', 'reopen', v_ended, t.finish_due_at);
    SELECT max(e.at) INTO v.closed FROM case_history e
    WHERE e.tenant = t.tenant AND e.case_id = t.case_id AND e.ticket_id = t.id AND e.action = 'approve' AND e.to_state = 'closed' AND e.at <= v_ended;
    SELECT max(e.at) INTO v.submitted FROM case_history e
    WHERE e.tenant = t.tenant AND e.case_id = t.case_id AND e.ticket_id = t.id AND e.action = 'submit' AND e.at <= v.closed;
    RETURN v;
END $$;

CREATE FUNCTION present_run(t tickets) RETURNS run_facts LANGUAGE sql STABLE PARALLEL SAFE
RETURN ROW((t).finish_run, CASE WHEN (t).finish_run = 1 THEN (t).issued_at ELSE ticket_opened(t, (t).finish_run - 1) END,
    CASE WHEN (t).state NOT IN ('returned', 'recalled', 'suspended') THEN (t).finish_due_at END, (t).submitted_at,
    CASE WHEN (t).state = 'closed' THEN (t).closed_at END)::run_facts;

CREATE FUNCTION run_extended(t tickets, p_run integer) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM deadline_changes d
        WHERE d.tenant = t.tenant AND d.case_id = t.case_id AND d.subject = t.id AND d.run = p_run AND d.clock = 'finish' AND d.cause = 'delay');
END $$;

-- Signing, contact and reporting in are of the first run only.
CREATE FUNCTION run_steps(t tickets, r run_facts) RETURNS steps_taken LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN (r).closed IS NULL THEN ROW('{}', '{}')::steps_taken
    WHEN (r).run = 1 THEN steps_of(9, ARRAY[ms_between((r).began, (t).signed_at), ms_between((r).began, (t).contacted_at),
        ms_between((r).began, coalesce((t).reported_in_at, (t).started_at)), ms_between((r).began, (r).submitted),
        ms_between((r).submitted, (r).closed)])
    ELSE steps_of(12, ARRAY[ms_between((r).began, (r).submitted), ms_between((r).submitted, (r).closed)]) END;

CREATE FUNCTION run_figures_of(p_tenant text, p_cases uuid[]) RETURNS SETOF run_figures
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    z text := (SELECT t.zone FROM tenants t WHERE t.tenant = p_tenant);
BEGIN
    RETURN QUERY
    SELECT p_tenant, t.id, r.run, t.case_id, coalesce(c.area, ''), c.category, t.organisation, c.level,
        c.state NOT IN ('rejected', 'merged', 'voided'), CASE WHEN r.run = 1 THEN (t.issued_at AT TIME ZONE z)::date END, t.state = 'returned',
        (r.due AT TIME ZONE z)::date, t.delays > 0 AND (t.finish_run = 1 OR run_extended(t, r.run)),
        CASE WHEN r.run = 1 AND t.state NOT IN ('returned', 'recalled', 'suspended') THEN (t.contact_due_at AT TIME ZONE z)::date END,
        coalesce(t.contacted_at <= t.contact_due_at, false), (r.closed AT TIME ZONE z)::date, (s).codes, (s).ms
    FROM tickets t
    JOIN cases c ON c.tenant = p_tenant AND c.id = t.case_id
    CROSS JOIN LATERAL generate_series(1, t.finish_run) AS n (run)
    CROSS JOIN LATERAL (SELECT CASE WHEN n.run < t.finish_run THEN earlier_run(t, n.run) ELSE present_run(t) END AS f) AS x
    CROSS JOIN LATERAL (SELECT (x.f).*) AS r
    CROSS JOIN LATERAL run_steps(t, x.f) AS s
    WHERE t.tenant = p_tenant AND (p_cases IS NULL OR t.case_id = ANY (p_cases));
END $$;
COMMENT ON FUNCTION run_figures_of(text, uuid[]) IS 'The same for the runs of the tickets of these cases.';
