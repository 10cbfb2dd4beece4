-- Clocks: which run, what is due, and the breach that is written at the due moment.
-- Settling is done under the case's lock, before an action with the state as it stood, and after it with what it moved;
-- so a breach does not depend on when the clock job comes by.

CREATE TYPE clock_run AS (
    clock text,
    run integer,
    start_at timestamptz,
    due_at timestamptz
);

-- Work that stands submitted is not breached, unless it is refused later.
CREATE FUNCTION stands_submitted(c cases) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN c.state IN ('checking', 'evaluating') OR c.state = 'handling' AND c.tickets_unsubmitted = 0;

-- The clocks of a case that run and are not met.
CREATE FUNCTION case_running(c cases) RETURNS clock_run[] LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    v clock_run[] := '{}';
    v_start timestamptz := c.round_started_at + c.round_suspended;
BEGIN
    IF c.state IN ('closed', 'rejected', 'merged', 'voided') OR stands_submitted(c) THEN
        RETURN v;
    END IF;
    -- Not even a suspension moves the five minutes.
    IF c.arrive_due_at IS NOT NULL AND c.arrived_at IS NULL THEN
        v := v || ('arrive', 1, c.received_at, c.arrive_due_at)::clock_run;
    END IF;
    IF c.state = 'suspended' THEN
        RETURN v;
    END IF;
    IF c.resolve_due_at IS NOT NULL THEN
        v := v || (CASE WHEN c.registered_at IS NULL THEN 'late_registration' ELSE 'resolve' END,
            c.resolve_run, v_start, c.resolve_due_at)::clock_run;
    END IF;
    IF c.plan_due_at IS NOT NULL AND c.planned_at IS NULL THEN
        v := v || ('plan', c.plan_run, c.plan_started_at, c.plan_due_at)::clock_run;
    END IF;
    RETURN v;
END $$;
COMMENT ON FUNCTION case_running(cases) IS 'The case''s clocks that run and are not met.';

-- What a ticket's clocks hang on. A list takes these few columns from the row and leaves the rest where it is.
CREATE TYPE ticket_times AS (
    state text, issued_at timestamptz, sign_due_at timestamptz, signed_at timestamptz, contact_due_at timestamptz,
    contacted_at timestamptz, not_contacted boolean, report_due_at timestamptz, reported_in_at timestamptz, started_at timestamptz,
    finish_run integer, finish_started_at timestamptz, finish_due_at timestamptz
);

CREATE FUNCTION ticket_times(t tickets) RETURNS ticket_times LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ROW((t).state, (t).issued_at, (t).sign_due_at, (t).signed_at, (t).contact_due_at, (t).contacted_at, (t).not_contacted,
    (t).report_due_at, (t).reported_in_at, (t).started_at, (t).finish_run, (t).finish_started_at, (t).finish_due_at)::ticket_times;

CREATE FUNCTION ticket_running(t ticket_times) RETURNS clock_run[] LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    v clock_run[] := '{}';
BEGIN
    IF t.state IN ('submitted', 'closed', 'returned', 'recalled', 'suspended') THEN
        RETURN v;
    END IF;
    IF t.sign_due_at IS NOT NULL AND t.signed_at IS NULL THEN
        v := v || ('sign', 1, t.issued_at, t.sign_due_at)::clock_run;
    END IF;
    IF t.contact_due_at IS NOT NULL AND t.contacted_at IS NULL AND NOT t.not_contacted THEN
        v := v || ('contact', 1, t.issued_at, t.contact_due_at)::clock_run;
    END IF;
    IF t.report_due_at IS NOT NULL AND t.reported_in_at IS NULL AND t.started_at IS NULL THEN
        v := v || ('report', 1, t.issued_at, t.report_due_at)::clock_run;
    END IF;
    IF t.finish_due_at IS NOT NULL THEN
        v := v || ('finish', t.finish_run, t.finish_started_at, t.finish_due_at)::clock_run;
    END IF;
    RETURN v;
END $$;
COMMENT ON FUNCTION ticket_running(ticket_times) IS 'The ticket''s clocks that run and are not met.';

CREATE FUNCTION overdue_clocks(p_running clock_run[], p_now timestamptz)
RETURNS text[] LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN ARRAY(
        SELECT CASE r.clock WHEN 'late_registration' THEN 'resolve' ELSE r.clock END
        FROM unnest(p_running) AS r WHERE r.due_at < p_now);
END $$;

CREATE FUNCTION case_overdue_clocks(p_case cases, p_now timestamptz) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN p_case.overdue_at < p_now THEN overdue_clocks(case_running(p_case), p_now) ELSE '{}' END;
COMMENT ON FUNCTION case_overdue_clocks(cases, timestamptz) IS
    'Names of the case''s clocks that run past their due time.';

CREATE FUNCTION ticket_overdue_clocks(p_ticket tickets, p_now timestamptz)
RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN p_ticket.overdue_at < p_now THEN overdue_clocks(ticket_running(ticket_times(p_ticket)), p_now) ELSE '{}' END;
COMMENT ON FUNCTION ticket_overdue_clocks(tickets, timestamptz) IS
    'Names of the ticket''s clocks that run past their due time.';

-- What a clock causes, and when: a breach at its due time, and reminders in stages.
CREATE TYPE clock_moment AS (
    key text,                 -- as kept in `fired`
    clock text,
    run integer,
    stage integer,            -- per cent of start to due; null for the breach
    due_at timestamptz,
    at timestamptz
);

-- Stages of a clock, in per cent: reminders on the way to the due time and past it.
CREATE FUNCTION clock_stages(p_policy jsonb, p_clock text) RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN p_clock IN ('resolve', 'plan', 'finish') THEN setting(p_policy, 'stages')
    WHEN p_clock IN ('arrive', 'sign') THEN '[100]'
    ELSE '[]' END;

-- The earliest moment that has caused nothing yet; of two at once the clock that stands first. A case that waits for
-- registration is reminded as any other. Whoever is done at the due moment itself is in time: the breach comes right after it.
CREATE FUNCTION first_moment(p_policy jsonb, p_running clock_run[], p_fired text[]) RETURNS clock_moment
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    v clock_moment;
    r clock_run;
    v_clock text;
    v_stages jsonb;
    v_stage integer;
    v_at timestamptz;
BEGIN
    FOREACH r IN ARRAY p_running LOOP
        v_at := r.due_at + interval '1 microsecond';
        IF (v.at IS NULL OR v_at < v.at) AND r.clock || ':breach' <> ALL (p_fired) THEN
            v := (r.clock || ':breach', r.clock, r.run, NULL, r.due_at, v_at)::clock_moment;
        END IF;
        v_clock := CASE r.clock WHEN 'late_registration' THEN 'resolve' ELSE r.clock END;
        v_stages := clock_stages(p_policy, v_clock);
        FOR n IN 0..jsonb_array_length(v_stages) - 1 LOOP
            v_stage := v_stages ->> n;
            v_at := r.start_at + (r.due_at - r.start_at) * v_stage / 100;
            IF (v.at IS NULL OR v_at < v.at) AND v_clock || ':' || v_stage <> ALL (p_fired) THEN
                v := (v_clock || ':' || v_stage, v_clock, r.run, v_stage, r.due_at, v_at)::clock_moment;
            END IF;
        END LOOP;
    END LOOP;
    RETURN v;
END $$;
COMMENT ON FUNCTION first_moment(jsonb, clock_run[], text[]) IS 'What the clocks that run have to cause next; a row of nulls: nothing.';

CREATE FUNCTION earliest_due(p_running clock_run[]) RETURNS timestamptz LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    v timestamptz;
    r clock_run;
BEGIN
    FOREACH r IN ARRAY p_running LOOP
        v := least(v, r.due_at);
    END LOOP;
    RETURN v;
END $$;

-- What else wakes a case: its review date, the end of evaluating.
CREATE FUNCTION case_timer(w work) RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
DECLARE
    c cases := w.c;
BEGIN
    RETURN CASE c.state
        WHEN 'suspended' THEN c.review_date::timestamp AT TIME ZONE w.zone
        WHEN 'evaluating' THEN c.evaluating_at + days(w.policy, 'evaluate_days')
    END;
END $$;

-- One moment has come, for the case or for w.t. p_at null: at its own time.
CREATE FUNCTION moment_came(INOUT w work, m clock_moment, p_at timestamptz) LANGUAGE plpgsql AS $$
BEGIN
    IF m.stage IS NULL THEN
        INSERT INTO breaches (tenant, case_id, subject, clock, run, round, due, breached_at, organisation)
        VALUES ((w.c).tenant, (w.c).id, coalesce((w.t).id, (w.c).id), m.clock, m.run, (w.c).round, m.due_at, coalesce(p_at, m.due_at),
            (w.t).organisation)
        ON CONFLICT DO NOTHING;
        IF FOUND THEN
            PERFORM breach_held(w, m, coalesce(p_at, m.due_at));
        END IF;
    ELSE
        w := stage_raised(w, m, coalesce(p_at, m.at));
    END IF;
END $$;

-- p_at null: each moment at its own time; else what moved into the past has come now.
CREATE FUNCTION case_settle(INOUT w work, p_at timestamptz) LANGUAGE plpgsql AS $$
DECLARE
    v_running clock_run[] := case_running(w.c);
    v_ticket tickets := w.t;
    m clock_moment;
BEGIN
    w.t := NULL;
    LOOP
        m := first_moment(w.policy, v_running, (w.c).fired);
        EXIT WHEN m.at IS NULL OR m.at > w.now;
        w := moment_came(w, m, p_at);
        w.c.fired := (w.c).fired || m.key;
    END LOOP;
    w.c.overdue_at := earliest_due(v_running);
    w.c.clock_next_at := least(m.at, case_timer(w));
    w.t := v_ticket;
END $$;
COMMENT ON FUNCTION case_settle(work, timestamptz) IS
    'The case with its breaches and reminders written and its own clock columns set; case_written adds what hangs on it.';

CREATE FUNCTION ticket_settle(INOUT w work, p_at timestamptz) LANGUAGE plpgsql AS $$
DECLARE
    v_running clock_run[] := ticket_running(ticket_times(w.t));
    m clock_moment;
BEGIN
    LOOP
        m := first_moment(w.policy, v_running, (w.t).fired);
        EXIT WHEN m.at IS NULL OR m.at > w.now;
        w := moment_came(w, m, p_at);
        w.t.fired := (w.t).fired || m.key;
    END LOOP;
    w.t.overdue_at := earliest_due(v_running);
    w.t.clock_next_at := m.at;
    w.next_at := least(w.next_at, m.at);
END $$;
COMMENT ON FUNCTION ticket_settle(work, timestamptz) IS 'The same for w.t.';

-- Before an action: what fell due until now did so with everything as it stood.
CREATE FUNCTION settle_before(INOUT w work) LANGUAGE plpgsql AS $$
DECLARE
    v_keep work := w;
    v_ticket tickets;
BEGIN
    -- No moment of the case, its tickets or its requests lies before this one.
    IF coalesce((w.old).clock_next_at > w.now, true) THEN
        RETURN;
    END IF;
    w := case_settle(w, NULL);
    IF (w.c).tickets_open = 0 THEN
        RETURN;
    END IF;
    FOR v_ticket IN
        SELECT * FROM tickets t
        WHERE t.tenant = (w.c).tenant AND t.case_id = (w.c).id AND t.clock_next_at <= w.now
        ORDER BY t.id FOR UPDATE
    LOOP
        w.t := v_ticket;
        w := ticket_settle(w, NULL);
        v_ticket := w.t;
        UPDATE tickets t SET fired = v_ticket.fired, overdue_at = v_ticket.overdue_at,
            clock_next_at = v_ticket.clock_next_at, supervised = v_ticket.supervised
        WHERE t.tenant = v_ticket.tenant AND t.id = v_ticket.id;
        IF v_ticket.id = (v_keep.t).id THEN
            v_keep.t.fired := v_ticket.fired;
            v_keep.t.supervised := v_ticket.supervised;
        END IF;
    END LOOP;
    w.t := v_keep.t;
END $$;
COMMENT ON FUNCTION settle_before(work) IS 'The work with everything settled that fell due before this action.';

-- Due times

CREATE FUNCTION due_changed(w work, p_subject uuid, p_clock text, p_run integer, p_old timestamptz, p_new timestamptz, p_cause text)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF p_old IS DISTINCT FROM p_new THEN
        INSERT INTO deadline_changes (tenant, case_id, id, subject, clock, run, old_due, new_due, cause, changed_at, person_id, role)
        VALUES ((w.c).tenant, (w.c).id, uuid7(), p_subject, p_clock, p_run, p_old, p_new, p_cause, w.now,
            CASE WHEN w.role <> 'system' THEN (w.me).person_id END, w.role);
    END IF;
END $$;
COMMENT ON FUNCTION due_changed(work, uuid, text, integer, timestamptz, timestamptz, text) IS
    'Notes a due time that moved, if it did.';

CREATE FUNCTION resolve_due_to(INOUT w work, p_due timestamptz, p_cause text, p_origin text) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM due_changed(w, (w.c).id, 'resolve', (w.c).resolve_run, (w.c).resolve_due_at, p_due, p_cause);
    w.c.resolve_due_at := p_due;
    w.c.resolve_cause := p_origin;
END $$;

CREATE FUNCTION plan_due_to(INOUT w work, p_due timestamptz, p_cause text) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM due_changed(w, (w.c).id, 'plan', (w.c).plan_run, (w.c).plan_due_at, p_due, p_cause);
    w.c.plan_due_at := p_due;
END $$;

-- A new run of a clock may breach and remind again.
CREATE FUNCTION unfired(p_fired text[], p_clocks text[]) RETURNS text[] LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN ARRAY(SELECT f FROM unnest(p_fired) AS f WHERE split_part(f, ':', 1) <> ALL (p_clocks));
END $$;

-- How long the case has been suspended since the plan in force was approved; a suspension that goes on moves what it finds.
CREATE FUNCTION plan_suspended(c cases) RETURNS interval LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT coalesce(sum(e.at - (
            SELECT max(s.at) FROM case_history s
            WHERE s.tenant = c.tenant AND s.case_id = c.id AND s.ticket_id IS NULL AND s.action = 'suspend' AND s.seq < e.seq)), '0')
        FROM case_history e
        WHERE e.tenant = c.tenant AND e.case_id = c.id AND e.ticket_id IS NULL AND e.action = 'resume' AND e.seq > (
            SELECT a.seq FROM case_history a
            WHERE a.tenant = c.tenant AND a.case_id = c.id AND a.request_id = c.plan_request AND a.action = 'approve'));
END $$;

CREATE FUNCTION plan_last_due(c cases) RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT max(s.due_at) FROM plan_steps s
        WHERE s.tenant = c.tenant AND s.case_id = c.id AND s.request_id = c.plan_request AND s.n > 0) + plan_suspended(c);
END $$;
COMMENT ON FUNCTION plan_last_due(cases) IS 'The latest step of the plan in force, moved by the suspensions since.';

-- Due times from the level: from the start of the round, and the time suspended in it. What a reopening or a delay has
-- set stays.
CREATE FUNCTION level_dues(INOUT w work, p_cause text) LANGUAGE plpgsql AS $$
DECLARE
    c cases := w.c;
    v_start timestamptz := c.round_started_at + c.round_suspended;
    v_plan timestamptz := CASE WHEN c.level = 'major' THEN coalesce(
        CASE WHEN c.plan_run > 1 THEN c.plan_due_at END, v_start + policy_minutes(w.policy, 'plan_minutes')) END;
BEGIN
    IF c.resolve_cause NOT IN ('reopen', 'delay') THEN
        w := resolve_due_to(w, CASE c.level
            WHEN 'major' THEN plan_last_due(c)
            ELSE v_start + policy_minutes(w.policy, c.level || '_minutes') END, p_cause,
            CASE WHEN c.level = 'major' THEN 'plan' ELSE 'level' END);
    END IF;
    IF c.level = 'major' AND (c.plan_due_at IS NULL OR c.plan_run = 1) THEN
        w.c.plan_started_at := v_start;
        w.c.plan_first_due_at := v_plan;
    END IF;
    w := plan_due_to(w, v_plan, p_cause);
END $$;
COMMENT ON FUNCTION level_dues(work, text) IS 'The case with the due times of its level.';
