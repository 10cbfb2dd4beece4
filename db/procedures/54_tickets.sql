-- 哨单: issued by a whistle, worked on by a department, approved by the street. w.t is the ticket an action is about.

-- Never later than the case's resolve due: the department does not get more time than the street has. Never earlier than
-- its floor: a late whistle is the case's breach, not the department's.
CREATE FUNCTION due_within(p_due timestamptz, p_cap timestamptz, p_floor timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN p_due IS NOT NULL THEN greatest(least(p_due, p_cap), p_floor) END;

-- A due time by the ticket's kind: the policy names minutes, or working days; emergency has no finish of its own.
CREATE FUNCTION kind_due(w work, p_kind text, p_clock text) RETURNS timestamptz LANGUAGE sql STABLE
RETURN CASE
    WHEN setting(w.policy, p_kind || '_' || p_clock || '_minutes') IS NOT NULL
        THEN w.now + policy_minutes(w.policy, p_kind || '_' || p_clock || '_minutes')
    WHEN setting(w.policy, p_kind || '_' || p_clock || '_days') IS NOT NULL
        THEN add_working_days(w, w.now, p_kind || '_' || p_clock || '_days')
    WHEN p_clock = 'finish' THEN (w.c).resolve_due_at END;

CREATE FUNCTION ticket_due(w work, p_kind text, p_clock text) RETURNS timestamptz LANGUAGE sql STABLE
RETURN due_within(kind_due(w, p_kind, p_clock), (w.c).resolve_due_at,
    w.now + policy_minutes(w.policy, 'floor_' || p_clock || '_minutes'));
COMMENT ON FUNCTION ticket_due(work, text, text) IS 'A due time of a ticket issued, or opened again, now.';

CREATE FUNCTION ticket_same(a tickets, b tickets) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    a.version := b.version;
    a.workers := b.workers;
    a.fired := b.fired;
    a.overdue_at := b.overdue_at;
    a.clock_next_at := b.clock_next_at;
    a.state_at := b.state_at;
    a.supervised := b.supervised;
    a.updated_at := b.updated_at;
    RETURN a IS NOT DISTINCT FROM b;
END $$;
COMMENT ON FUNCTION ticket_same(tickets, tickets) IS
    'Whether a ticket is the same to whoever reads it: then its version stays.';

-- Writes w.t back. Its clocks are settled first: what moved into the past is breached at once.
CREATE FUNCTION ticket_written(INOUT w work) LANGUAGE plpgsql AS $$
DECLARE
    t tickets;
BEGIN
    w := ticket_settle(w, w.now);
    t := w.t;
    IF NOT ticket_same(t, w.t_old) THEN
        t.version := (w.t_old).version + 1;
    END IF;
    w.t := t;
    UPDATE tickets x SET version = t.version, role = t.role, state = t.state, state_before = t.state_before,
        state_at = t.state_at, round = t.round, final = t.final, workers = t.workers, sign_due_at = t.sign_due_at,
        signed_at = t.signed_at, contact_due_at = t.contact_due_at, contacted_at = t.contacted_at,
        not_contacted = t.not_contacted, report_due_at = t.report_due_at, reported_in_at = t.reported_in_at,
        report_point = t.report_point, report_accuracy = t.report_accuracy, started_at = t.started_at,
        finish_run = t.finish_run, finish_started_at = t.finish_started_at, finish_due_at = t.finish_due_at,
        submitted_at = t.submitted_at, delays = t.delays, closed_at = t.closed_at, closed_round = t.closed_round,
        result = t.result, reply = t.reply, cause_code = t.cause_code, department_rating = t.department_rating,
        rework_count = t.rework_count, fired = t.fired, overdue_at = t.overdue_at, clock_next_at = t.clock_next_at,
        supervised = t.supervised, updated_at = t.updated_at
    WHERE x.tenant = t.tenant AND x.id = t.id;
END $$;
COMMENT ON FUNCTION ticket_written(work) IS 'The work with its ticket written.';

CREATE FUNCTION ticket_loaded(INOUT w work, p_ticket uuid) LANGUAGE plpgsql AS $$
DECLARE
    t tickets;
BEGIN
    SELECT * INTO t FROM tickets x WHERE x.tenant = (w.c).tenant AND x.id = p_ticket FOR UPDATE;
    w.t := t;
    w.t_old := t;
END $$;
COMMENT ON FUNCTION ticket_loaded(work, uuid) IS 'The work with another ticket of its case, locked.';

-- What the case counts of a ticket: open, submitted, closed, or back at the street.
CREATE FUNCTION ticket_stands(p_state text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN p_state IN ('returned', 'recalled') THEN 'back' WHEN p_state IN ('submitted', 'closed') THEN p_state ELSE 'open' END;

-- What the case knows of its tickets, counted again.
CREATE FUNCTION tickets_counted(INOUT w work) LANGUAGE plpgsql AS $$
DECLARE
    c cases := w.c;
BEGIN
    SELECT count(*) FILTER (WHERE s.stands IN ('open', 'submitted')), count(*) FILTER (WHERE s.stands = 'open'),
        coalesce(array_agg(DISTINCT t.organisation) FILTER (WHERE s.stands IN ('open', 'submitted')), '{}'),
        coalesce(array_agg(DISTINCT t.organisation) FILTER (WHERE s.stands <> 'back'), '{}'),
        (array_agg(t.id) FILTER (WHERE t.role = 'lead' AND s.stands <> 'back'))[1],
        (array_agg(t.organisation) FILTER (WHERE t.role = 'lead' AND s.stands <> 'back'))[1]
    INTO c.tickets_open, c.tickets_unsubmitted, c.open_orgs, c.organisations, c.lead_ticket, c.lead_org
    FROM tickets t CROSS JOIN LATERAL (SELECT ticket_stands(t.state) AS stands) AS s
    WHERE t.tenant = c.tenant AND t.case_id = c.id;
    w.c := c;
END $$;
COMMENT ON FUNCTION tickets_counted(work) IS 'The case with lead and counts derived from its tickets.';

CREATE FUNCTION ticket_saved(INOUT w work) LANGUAGE plpgsql AS $$
BEGIN
    w := ticket_written(w);
    IF ticket_stands((w.t).state) <> ticket_stands((w.t_old).state) THEN
        w := tickets_counted(w);
    END IF;
END $$;
COMMENT ON FUNCTION ticket_saved(work) IS 'The work with its ticket written, and counted again where that makes a difference.';

-- A new lead where the present one is closed: that one becomes an assist, so that there is always one.
CREATE FUNCTION lead_replaced(INOUT w work) LANGUAGE plpgsql AS $$
DECLARE
    v_role text := w.role;
BEGIN
    IF (w.c).lead_ticket IS NULL THEN
        RETURN;
    END IF;
    w := ticket_loaded(w, (w.c).lead_ticket);
    w.role := 'system';
    w.t.role := 'assist';
    w := ticket_to(w, 'lead_replaced', '=');
    w := ticket_written(w);
    w.role := v_role;
END $$;

CREATE FUNCTION ticket_drafted(w work, p_whistle uuid, p_kind text, p_ticket jsonb)
RETURNS tickets LANGUAGE plpgsql AS $$
DECLARE
    t tickets;
BEGIN
    t.tenant := (w.c).tenant;
    t.id := uuid7();
    t.version := 1;
    t.case_id := (w.c).id;
    t.n := (w.c).tickets_issued + 1;
    t.whistle_id := p_whistle;
    t.kind := p_kind;
    t.role := p_ticket ->> 'role';
    t.organisation := p_ticket ->> 'organisation';
    t.state := 'issued';
    t.state_at := w.now;
    t.task := p_ticket ->> 'task';
    t.round := (w.c).round;
    t.final := (SELECT x.returned FROM whistles x WHERE x.tenant = t.tenant AND x.id = p_whistle);
    t.workers := '{}';
    t.fired := '{}';
    t.issued_at := w.now;
    t.issued_by := CASE WHEN w.role <> 'system' THEN (w.me).person_id END;
    t.issued_role := w.role;
    t.finish_run := 1;
    t.finish_started_at := w.now;
    t.not_contacted := false;
    t.delays := 0;
    t.rework_count := 0;
    t.supervised := false;
    t.sign_due_at := ticket_due(w, p_kind, 'sign');
    t.contact_due_at := CASE WHEN may_be_called(t, w.c) THEN ticket_due(w, p_kind, 'contact') END;
    t.report_due_at := ticket_due(w, p_kind, 'report');
    t.finish_due_at := ticket_due(w, p_kind, 'finish');
    t.updated_at := w.now;
    RETURN t;
END $$;

CREATE FUNCTION ticket_issued(INOUT w work, p_whistle uuid, p_kind text, p_ticket jsonb) LANGUAGE plpgsql AS $$
DECLARE
    t tickets;
BEGIN
    IF p_ticket ->> 'role' = 'lead' THEN
        w := lead_replaced(w);
    END IF;
    w.t := ticket_drafted(w, p_whistle, p_kind, p_ticket);
    w := ticket_settle(w, w.now);
    t := w.t;
    INSERT INTO tickets (tenant, id, case_id, n, whistle_id, kind, role, organisation, state, state_at, task, round, final,
        issued_at, issued_by, issued_role, finish_started_at, sign_due_at, contact_due_at, report_due_at, finish_due_at,
        overdue_at, clock_next_at, updated_at)
    VALUES (t.tenant, t.id, t.case_id, t.n, t.whistle_id, t.kind, t.role, t.organisation, t.state, t.state_at, t.task, t.round,
        t.final, t.issued_at, t.issued_by, t.issued_role, t.finish_started_at, t.sign_due_at, t.contact_due_at,
        t.report_due_at, t.finish_due_at, t.overdue_at, t.clock_next_at, t.updated_at);
    w.c.tickets_issued := t.n;
    w := ticket_to(w, 'issue', 'issued', NULL, jsonb_build_object(
        'kind', t.kind, 'role', t.role, 'organisation', t.organisation));
END $$;
COMMENT ON FUNCTION ticket_issued(work, uuid, text, jsonb) IS 'The work with one more ticket of a whistle.';

-- One whistle and its tickets. The case's counts are the caller's to renew.
CREATE FUNCTION tickets_issued(INOUT w work, p_kind text, p_tickets jsonb, p_reason text, p_request uuid)
LANGUAGE plpgsql AS $$
DECLARE
    v_whistle uuid := uuid7();
    v_ticket jsonb;
BEGIN
    INSERT INTO whistles (tenant, id, case_id, kind, round, reason, blown_at, blown_by, blown_role, request_id)
    VALUES ((w.c).tenant, v_whistle, (w.c).id, p_kind, (w.c).round, p_reason, w.now,
        CASE WHEN w.role <> 'system' THEN (w.me).person_id END, w.role, p_request);
    FOR v_ticket IN SELECT value FROM jsonb_array_elements(p_tickets) LOOP
        w := ticket_issued(w, v_whistle, p_kind, v_ticket);
    END LOOP;
    w.t := NULL;
END $$;
COMMENT ON FUNCTION tickets_issued(work, text, jsonb, text, uuid) IS 'The work with a whistle''s tickets.';

CREATE FUNCTION whistle_blown(INOUT w work, p_kind text, p_tickets jsonb, p_reason text, p_request uuid)
LANGUAGE plpgsql AS $$
BEGIN
    w.c.handler := NULL;
    w := case_to(w, 'whistle', CASE
        WHEN (w.c).state IN ('whistled', 'handling') THEN '='
        WHEN (w.c).signed_round = (w.c).round THEN 'handling'
        ELSE 'whistled' END, p_reason, jsonb_build_object('kind', p_kind, 'tickets', p_tickets), p_request);
    w := tickets_issued(w, p_kind, p_tickets, p_reason, p_request);
    w := tickets_counted(w);
END $$;
COMMENT ON FUNCTION whistle_blown(work, text, jsonb, text, uuid) IS 'The case, whistled for.';

-- An emergency goes before paper: what it skips is done here, and a leader looks at it afterwards.
CREATE FUNCTION do_whistle(INOUT w work) LANGUAGE plpgsql AS $$
DECLARE
    v_wish jsonb;
BEGIN
    IF w.variant = 'emergency' THEN
        IF (w.c).state = 'suspended' THEN
            w := case_resumed(w);
        END IF;
        IF (w.c).state IN ('received', 'verifying') THEN
            w.c.first_contact := coalesce((w.c).first_contact, (w.me).person_id);
            w := case_to(w, 'accept', 'accepted');
        END IF;
        IF (w.c).state = 'accepted' THEN
            w := registered_as(w, coalesce(w.body ->> 'level', 'complex'), NULL);
        END IF;
    END IF;
    w := whistle_blown(w, w.variant, w.body -> 'tickets', w.body ->> 'reason', NULL);
    IF w.variant = 'emergency' THEN
        v_wish := jsonb_build_object('reason', w.body -> 'reason', 'tickets', w.body -> 'tickets', 'at', iso(w.now));
        w := review_wanted(w, v_wish);
    END IF;
END $$;

CREATE FUNCTION review_wanted(INOUT w work, p_wish jsonb) LANGUAGE plpgsql AS $$
DECLARE
    v_role text := w.role;
BEGIN
    w.role := 'system';
    IF pending(w, 'emergency_review') IS NOT NULL THEN
        w := request_joined(w, pending(w, 'emergency_review'), p_wish);
    ELSE
        w := request_opened(w, 'emergency_review', NULL, jsonb_build_object('joined', jsonb_build_array(p_wish)), NULL);
        w := case_to(w, 'request', '=', NULL, jsonb_build_object('kind', 'emergency_review'), (w.r).id);
    END IF;
    w.role := v_role;
END $$;

CREATE FUNCTION ticket_worked(INOUT w work) LANGUAGE plpgsql AS $$
BEGIN
    IF (w.me).person_id <> ALL ((w.t).workers) THEN
        w.t.workers := (w.t).workers || (w.me).person_id;
    END IF;
    IF (w.me).person_id <> ALL ((w.c).workers) THEN
        w := worked(w);
    END IF;
END $$;

CREATE FUNCTION do_sign(INOUT w work) LANGUAGE plpgsql AS $$
DECLARE
    v_role text := w.role;
BEGIN
    w := ticket_worked(w);
    w.t.signed_at := w.now;
    w.c.signed_round := (w.c).round;
    w := ticket_to(w, 'sign', 'signed', w.body ->> 'note');
    IF (w.c).state = 'whistled' THEN
        IF (w.c).first_handler IS NULL AND (w.c).first_handler_org IS NULL THEN
            w.c.first_handler_org := (w.c).lead_org;
        END IF;
        w.role := 'system';
        w := case_to(w, 'first_sign', 'handling');
        w.role := v_role;
    END IF;
END $$;

CREATE FUNCTION do_ticket_step(INOUT w work) LANGUAGE plpgsql AS $$
DECLARE
    v_point geometry := wgs84_point(w.body -> 'point');
    v_accuracy double precision := (w.body #>> '{point,accuracy}')::double precision;
    t tickets;
BEGIN
    w := ticket_worked(w);
    t := w.t;
    CASE w.action
        WHEN 'contact' THEN t.contacted_at := coalesce(t.contacted_at, w.now);
        WHEN 'start' THEN t.started_at := coalesce(t.started_at, w.now);
        WHEN 'report_in' THEN
            t.reported_in_at := w.now;
            t.report_point := v_point;
            t.report_accuracy := v_accuracy;
    END CASE;
    w.t := t;
    w := ticket_to(w, w.action, w.to_state, w.body ->> 'note', CASE WHEN v_point IS NOT NULL THEN
        jsonb_build_object('lon', st_x(v_point), 'lat', st_y(v_point), 'accuracy', v_accuracy) END);
END $$;

CREATE FUNCTION do_submit(INOUT w work) LANGUAGE plpgsql AS $$
DECLARE
    t tickets;
BEGIN
    w := ticket_worked(w);
    t := w.t;
    t.submitted_at := w.now;
    t.not_contacted := t.contact_due_at IS NOT NULL AND t.contacted_at IS NULL;
    t.result := w.body ->> 'result';
    t.reply := w.body ->> 'reply';
    t.cause_code := w.body ->> 'cause_code';
    w.t := t;
    w := ticket_to(w, 'submit', 'submitted', w.body ->> 'result', jsonb_build_object(
        'reply', w.body -> 'reply', 'cause_code', w.body -> 'cause_code'));
    w := attach(w, 'result');
END $$;

CREATE FUNCTION do_approve(INOUT w work) LANGUAGE plpgsql AS $$
BEGIN
    w.t.department_rating := (w.body ->> 'rating')::integer;
    w.t.closed_at := w.now;
    w.t.closed_round := (w.c).round;
    w := ticket_to(w, 'approve', 'closed', w.body ->> 'note', jsonb_build_object('rating', w.body -> 'rating'));
END $$;

CREATE FUNCTION do_rework(INOUT w work) LANGUAGE plpgsql AS $$
BEGIN
    w.t.rework_count := (w.t).rework_count + 1;
    w.t.submitted_at := NULL;
    w := ticket_to(w, 'rework', 'in_progress', w.body ->> 'reason');
END $$;

-- By a failed check or a reopening: a new run of the finish clock, its kind's time from now.
CREATE FUNCTION ticket_reopened(INOUT w work, p_ticket uuid, p_reason text) LANGUAGE plpgsql AS $$
DECLARE
    v_role text := w.role;
    v_old timestamptz;
    t tickets;
BEGIN
    w := ticket_loaded(w, p_ticket);
    t := w.t;
    -- Named twice in one call: opened once.
    IF t.state <> 'closed' THEN
        RETURN;
    END IF;
    v_old := t.finish_due_at;
    t.round := (w.c).round;
    t.submitted_at := NULL;
    t.closed_at := NULL;
    t.finish_run := t.finish_run + 1;
    t.finish_started_at := w.now;
    t.finish_due_at := ticket_due(w, t.kind, 'finish');
    t.fired := unfired(t.fired, '{finish}');
    w.t := t;
    w.role := 'system';
    PERFORM due_changed(w, t.id, 'finish', t.finish_run, v_old, t.finish_due_at, 'reopen');
    w := ticket_to(w, 'reopen', 'in_progress', p_reason);
    w := ticket_written(w);
    w.role := v_role;
    w.t := NULL;
END $$;
COMMENT ON FUNCTION ticket_reopened(work, uuid, text) IS 'The work with a closed ticket of its case open again.';
