-- Beside the straight way: objection, withdrawal, verification, another level or handler, suspension, voiding, reopening.

-- A new round starts its clocks from now, without one for arriving, and ends those of the round before.
CREATE FUNCTION new_round(INOUT w work, p_due timestamptz, p_cause text) LANGUAGE plpgsql AS $$
DECLARE
    c cases := w.c;
BEGIN
    PERFORM due_changed(w, c.id, 'arrive', 1, c.arrive_due_at, NULL, p_cause);
    PERFORM due_changed(w, c.id, 'plan', c.plan_run + 1, c.plan_due_at, NULL, p_cause);
    PERFORM due_changed(w, c.id, 'resolve', c.resolve_run + 1, c.resolve_due_at, p_due, p_cause);
    c.round := c.round + 1;
    c.round_started_at := w.now;
    c.round_suspended := '0';
    c.arrive_due_at := NULL;
    c.resolve_run := c.resolve_run + 1;
    c.resolve_due_at := p_due;
    c.resolved_at := NULL;
    c.plan_run := c.plan_run + 1;
    c.plan_due_at := NULL;
    c.plan_first_due_at := NULL;
    c.fired := unfired(c.fired, '{resolve,late_registration,plan}');
    c.evaluating_at := NULL;
    c.closed_at := NULL;
    c.closed_how := NULL;
    c.state_before := NULL;
    w.c := c;
END $$;
COMMENT ON FUNCTION new_round(work, timestamptz, text) IS 'The case at the start of its next round.';

CREATE FUNCTION do_object(INOUT w work) LANGUAGE plpgsql AS $$
BEGIN
    w := new_round(w, w.now + policy_minutes(w.policy, 'ordinary_minutes'), 'object');
    w.c.resolve_cause := 'level';
    w.c.level := 'ordinary';
    w.c.registered_at := NULL;
    w.c.objected := true;
    w.c.planned_at := NULL;
    w.c.reject_code := NULL;
    w.c.reject_basis := NULL;
    w.c.reject_reason := NULL;
    w := case_to(w, 'object', 'received', w.body ->> 'reason');
END $$;

-- The case shows its first reporter who has not withdrawn.
CREATE FUNCTION reporter_shown(INOUT w work, p_reporter case_reporters) LANGUAGE plpgsql AS $$
BEGIN
    w.c.reporter_name := p_reporter.name;
    w.c.reporter_phone := p_reporter.phone;
    w.c.reporter_anonymous := p_reporter.anonymous;
    w.c.reporter_private := p_reporter.private;
    w.c.reporter_contactable := p_reporter.contactable;
END $$;

-- One of several reporters takes themselves off; with the last the case goes.
CREATE FUNCTION do_withdraw(INOUT w work) LANGUAGE plpgsql AS $$
DECLARE
    v_mine boolean := w.role = 'citizen';
    v_out case_reporters;
    v_next case_reporters;
BEGIN
    SELECT * INTO v_out FROM case_reporters r
    WHERE r.tenant = (w.c).tenant AND r.case_id = (w.c).id AND r.withdrawn_at IS NULL
        AND (NOT v_mine OR r.person_id = (w.me).person_id)
    ORDER BY r.n LIMIT 1;
    SELECT * INTO v_next FROM case_reporters r
    WHERE r.tenant = (w.c).tenant AND r.case_id = (w.c).id AND r.withdrawn_at IS NULL AND r.n <> v_out.n
    ORDER BY r.n LIMIT 1;
    IF v_next.n IS NULL THEN
        w := case_to(w, 'withdraw', 'voided', w.body ->> 'reason');
        RETURN;
    END IF;
    UPDATE case_reporters r SET withdrawn_at = w.now
    WHERE r.tenant = v_out.tenant AND r.case_id = v_out.case_id AND r.n = v_out.n;
    IF v_out.person_id IS NOT NULL THEN
        w.c.withdrawn := (w.c).withdrawn || v_out.person_id;
    END IF;
    w := reporter_shown(w, v_next);
    w := case_to(w, 'withdraw', '=', w.body ->> 'reason', jsonb_build_object('reporter', v_out.n));
END $$;

CREATE FUNCTION do_verification(INOUT w work) LANGUAGE plpgsql AS $$
BEGIN
    IF w.action = 'ask_verification' THEN
        w.c.verifier := (w.body ->> 'grid_worker')::uuid;
        w := case_to(w, 'ask_verification', 'verifying', w.body ->> 'note', w.body - 'note');
    ELSE
        w := worked(w);
        w := case_to(w, 'report_verification', 'accepted', w.body ->> 'note', jsonb_build_object('found', w.body -> 'found'));
    END IF;
END $$;

CREATE FUNCTION do_reclass(INOUT w work) LANGUAGE plpgsql AS $$
DECLARE
    v_from text := (w.c).level;
BEGIN
    w.c.level := w.body ->> 'level';
    w := case_to(w, 'reclass', '=', w.body ->> 'reason', jsonb_build_object('from', v_from, 'level', w.body -> 'level'));
    w := level_dues(w, 'reclass');
END $$;

CREATE FUNCTION do_reassign(INOUT w work) LANGUAGE plpgsql AS $$
BEGIN
    w.c.handler := (w.body ->> 'handler')::uuid;
    w := case_to(w, 'reassign', '=', w.body ->> 'reason', jsonb_build_object('handler', w.body -> 'handler'));
END $$;

CREATE FUNCTION do_callback(INOUT w work) LANGUAGE plpgsql AS $$
BEGIN
    IF (w.body -> 'reached') = 'true' THEN
        w := rated(w, true);
    ELSE
        w.c.callback_tries := (w.c).callback_tries + 1;
        w := case_to(w, 'callback', '=', w.body ->> 'note', jsonb_build_object('reached', false, 'tries', (w.c).callback_tries,
            'sole_person', CASE WHEN w.sole THEN true END));
    END IF;
    IF w.sole THEN
        PERFORM held_to_account(w, 'sole_person', 'supervisor', jsonb_build_object('action', 'callback'));
    END IF;
END $$;

CREATE FUNCTION auto_closed(INOUT w work) LANGUAGE plpgsql AS $$
BEGIN
    w.c.closed_at := w.now;
    w.c.closed_how := 'unrated';
    w := case_to(w, 'auto_close', 'closed', NULL, jsonb_build_object('closed', 'unrated', 'tries', (w.c).callback_tries));
    IF (w.c).callback_tries < setting(w.policy, 'callback_tries')::integer THEN
        PERFORM held_to_account(w, 'missed_callback', 'supervisor', jsonb_build_object('tries', (w.c).callback_tries));
    END IF;
END $$;

-- Suspension

CREATE FUNCTION open_tickets(c cases, p_but text) RETURNS SETOF uuid LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY SELECT t.id FROM tickets t JOIN ticket_states s USING (state)
    WHERE t.tenant = c.tenant AND t.case_id = c.id AND s.open AND t.state IS DISTINCT FROM p_but ORDER BY t.id;
END $$;

CREATE FUNCTION case_suspended(INOUT w work, p_until date) LANGUAGE plpgsql AS $$
DECLARE
    v_role text := w.role;
    v_ticket uuid;
BEGIN
    w.c.state_before := (w.c).state;
    w.c.review_date := p_until;
    w := case_to(w, 'suspend', 'suspended', (w.r).reason, jsonb_build_object('review_date', p_until), (w.r).id);
    w.role := 'system';
    FOR v_ticket IN SELECT * FROM open_tickets(w.c, 'submitted') LOOP
        w := ticket_loaded(w, v_ticket);
        w.t.state_before := (w.t).state;
        -- A return waits with its ticket: it still knows where it leads back to.
        IF (w.t_old).state = 'return_requested' THEN
            w.t.state_before := 'return_requested:' || (w.t_old).state_before;
        END IF;
        w := ticket_to(w, 'suspend', 'suspended');
        w := ticket_written(w);
    END LOOP;
    w.t := NULL;
    w.role := v_role;
    w := tickets_counted(w);
END $$;

-- What counts around the clock moves by the length of the suspension, and so does what ended with the case's own due, what
-- stood at its floor (minutes, not days), and what was past already; what counts working days goes on with what was left. The
-- case has moved already, w.t not yet.
CREATE FUNCTION due_resumed(w work, p_kind text, p_clock text, p_due timestamptz, p_since timestamptz)
RETURNS timestamptz
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF setting(w.policy, p_kind || '_' || p_clock || '_days') IS NULL OR p_due + (w.now - p_since) = (w.c).resolve_due_at OR p_due <= p_since
        OR p_due = (w.t).finish_started_at + policy_minutes(w.policy, 'floor_' || p_clock || '_minutes') THEN
        RETURN p_due + (w.now - p_since);
    END IF;
    RETURN add_working_time((w.c).tenant, w.zone, w.now,
        working_time_between((w.c).tenant, w.zone, p_since, p_due, whole_days()), whole_days());
END $$;

CREATE FUNCTION ticket_resumed(INOUT w work, p_since timestamptz) LANGUAGE plpgsql AS $$
DECLARE
    t tickets := w.t;
    o tickets := w.t;
    v_before text := split_part(t.state_before, ':', 1);
BEGIN
    IF t.signed_at IS NULL THEN
        t.sign_due_at := due_resumed(w, t.kind, 'sign', t.sign_due_at, p_since);
    END IF;
    IF t.contacted_at IS NULL THEN
        t.contact_due_at := due_resumed(w, t.kind, 'contact', t.contact_due_at, p_since);
    END IF;
    IF t.reported_in_at IS NULL AND t.started_at IS NULL THEN
        t.report_due_at := due_resumed(w, t.kind, 'report', t.report_due_at, p_since);
    END IF;
    t.finish_due_at := due_resumed(w, t.kind, 'finish', t.finish_due_at, p_since);
    t.finish_started_at := t.finish_started_at + (w.now - p_since);
    PERFORM due_changed(w, t.id, 'sign', 1, o.sign_due_at, t.sign_due_at, 'resume');
    PERFORM due_changed(w, t.id, 'contact', 1, o.contact_due_at, t.contact_due_at, 'resume');
    PERFORM due_changed(w, t.id, 'report', 1, o.report_due_at, t.report_due_at, 'resume');
    PERFORM due_changed(w, t.id, 'finish', t.finish_run, o.finish_due_at, t.finish_due_at, 'resume');
    t.state_before := nullif(split_part(t.state_before, ':', 2), '');
    w.t := t;
    w := ticket_to(w, 'resume', v_before);
END $$;

CREATE FUNCTION case_resumed(INOUT w work) LANGUAGE plpgsql AS $$
DECLARE
    v_role text := w.role;
    v_since timestamptz := (w.c).state_at;
    v_length interval := w.now - (w.c).state_at;
    v_ticket uuid;
BEGIN
    w := case_to(w, 'resume', (w.c).state_before, w.body ->> 'note');
    w.c.state_before := NULL;
    w.c.review_date := NULL;
    w.c.round_suspended := (w.c).round_suspended + v_length;
    w := resolve_due_to(w, (w.c).resolve_due_at + v_length, 'resume', (w.c).resolve_cause);
    IF (w.c).planned_at IS NULL THEN
        w := plan_due_to(w, (w.c).plan_due_at + v_length, 'resume');
        w.c.plan_started_at := (w.c).plan_started_at + v_length;
    END IF;
    w.c.plan_first_due_at := (w.c).plan_first_due_at + v_length;
    w.role := 'system';
    FOR v_ticket IN SELECT t.id FROM tickets t
        WHERE t.tenant = (w.c).tenant AND t.case_id = (w.c).id AND t.state = 'suspended' ORDER BY t.id LOOP
        w := ticket_loaded(w, v_ticket);
        w := ticket_resumed(w, v_since);
        w := ticket_written(w);
    END LOOP;
    w.t := NULL;
    w.role := v_role;
    w := tickets_counted(w);
END $$;
COMMENT ON FUNCTION case_resumed(work) IS 'The case back in the state before its suspension, with its clocks moved.';

CREATE FUNCTION case_voided(INOUT w work) LANGUAGE plpgsql AS $$
DECLARE
    v_role text := w.role;
    v_ticket uuid;
BEGIN
    w := case_to(w, 'void', 'voided', (w.r).reason, '{}', (w.r).id);
    w.role := 'system';
    FOR v_ticket IN SELECT * FROM open_tickets(w.c, NULL) LOOP
        w := ticket_loaded(w, v_ticket);
        w := ticket_to(w, 'recall', 'recalled');
        w := ticket_written(w);
    END LOOP;
    w.t := NULL;
    w.role := v_role;
    w := tickets_counted(w);
END $$;

CREATE FUNCTION case_reopened(INOUT w work, p_body jsonb) LANGUAGE plpgsql AS $$
DECLARE
    v_again jsonb;
    v_handler uuid := (p_body ->> 'handler')::uuid;
BEGIN
    PERFORM false_closure_held(w, 'reopen', (w.r).reason);
    w := new_round(w, add_working_days(w, w.now, 'reopen_working_days'), 'reopen');
    w.c.resolve_cause := 'reopen';
    w.c.never_sampled := true;
    w.c.handler := v_handler;
    w := case_to(w, 'reopen', CASE WHEN v_handler IS NULL THEN 'handling' ELSE 'source_handling' END, (w.r).reason,
        jsonb_build_object('handler', v_handler), (w.r).id);
    FOR v_again IN SELECT value FROM jsonb_array_elements(coalesce(p_body -> 'rework_tickets', '[]')) LOOP
        w := ticket_reopened(w, (v_again ->> 'ticket_id')::uuid, coalesce(v_again ->> 'reason', (w.r).reason));
    END LOOP;
    IF coalesce(p_body -> 'tickets', '[]') <> '[]' THEN
        w := tickets_issued(w, 'everyday', p_body -> 'tickets', (w.r).reason, (w.r).id);
    END IF;
    w := tickets_counted(w);
END $$;

CREATE FUNCTION do_recall(INOUT w work) LANGUAGE plpgsql AS $$
BEGIN
    w.t.state_before := NULL;
    w := ticket_to(w, 'recall', 'recalled', w.body ->> 'reason');
    w := ticket_written(w);
    w := tickets_counted(w);
    IF (w.t).role = 'lead' THEN
        w := lead_taken_over(w, (w.t).whistle_id, (w.t).kind);
    END IF;
END $$;

CREATE FUNCTION case_do_more(INOUT w work) LANGUAGE plpgsql AS $$
BEGIN
    CASE w.action
        WHEN 'object' THEN w := do_object(w);
        WHEN 'withdraw' THEN w := do_withdraw(w);
        WHEN 'merge' THEN w := do_merge(w);
        WHEN 'ask_verification', 'report_verification' THEN w := do_verification(w);
        WHEN 'reclass' THEN w := do_reclass(w);
        WHEN 'reassign' THEN w := do_reassign(w);
        WHEN 'resume' THEN w := case_resumed(w);
        WHEN 'callback' THEN w := do_callback(w);
        WHEN 'supervise' THEN w := do_supervise(w);
        WHEN 'reply_supervision' THEN w := do_reply_supervision(w);
    END CASE;
END $$;

CREATE FUNCTION ticket_do_more(INOUT w work) LANGUAGE plpgsql AS $$
BEGIN
    CASE w.action
        WHEN 'recall' THEN w := do_recall(w);
        WHEN 'supervise' THEN w := do_supervise(w);
        WHEN 'reply_supervision' THEN w := do_reply_supervision(w);
    END CASE;
END $$;
