-- The end of every action: what expired with it, its clocks, the row, its events, the feed.

-- What no reader sees changes most often. A change of nothing else leaves the version, and is written by few columns, none of
-- which is in an index unless the next moment moves. One list, of which both functions are made.
DO $do$
DECLARE
    c_unseen CONSTANT text[] := ARRAY[
        'workers', 'organisations', 'open_orgs', 'lead_ticket', 'tickets_issued', 'tickets_open', 'tickets_unsubmitted',
        'plan_parties', 'supervised', 'fired', 'overdue_at', 'clock_next_at', 'state_at', 'signed_round',
        'never_sampled', 'callback_tries', 'requests_pending', 'event_seq', 'updated_at'];
BEGIN
    EXECUTE format($f$
        CREATE FUNCTION case_same(a cases, b cases) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
        BEGIN
            a.version := b.version;
            %s
            RETURN a IS NOT DISTINCT FROM b;
        END $$ $f$, (SELECT string_agg(format('a.%1$I := b.%1$I;', u.name), ' ') FROM unnest(c_unseen) AS u (name)));
    EXECUTE format($f$
        CREATE FUNCTION case_noted(c cases) RETURNS void LANGUAGE plpgsql AS $$
        BEGIN
            UPDATE cases x SET %s WHERE x.tenant = c.tenant AND x.id = c.id;
        END $$ $f$, (SELECT string_agg(format('%1$I = c.%1$I', u.name), ', ') FROM unnest(c_unseen) AS u (name)));
END $do$;
COMMENT ON FUNCTION case_same(cases, cases) IS
    'Whether a case is the same to whoever reads it: then its version stays.';

CREATE FUNCTION case_updated(c cases) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE cases x SET version = c.version, state = c.state, category = c.category, level = c.level,
        registered_at = c.registered_at, point = c.point, address = c.address, area = c.area, community = c.community,
        reporter_name = c.reporter_name, reporter_phone = c.reporter_phone, reporter_anonymous = c.reporter_anonymous,
        reporter_private = c.reporter_private, reporter_contactable = c.reporter_contactable, reporters = c.reporters,
        withdrawn = c.withdrawn,
        handler = c.handler, first_contact = c.first_contact, first_handler = c.first_handler,
        first_handler_org = c.first_handler_org, verifier = c.verifier, workers = c.workers, lead_ticket = c.lead_ticket,
        lead_org = c.lead_org, organisations = c.organisations, open_orgs = c.open_orgs, tickets_issued = c.tickets_issued,
        tickets_open = c.tickets_open, tickets_unsubmitted = c.tickets_unsubmitted, received_at = c.received_at,
        round = c.round, round_started_at = c.round_started_at, round_suspended = c.round_suspended,
        arrive_due_at = c.arrive_due_at, arrived_at = c.arrived_at, resolve_run = c.resolve_run,
        resolve_due_at = c.resolve_due_at, resolve_cause = c.resolve_cause, resolved_at = c.resolved_at, plan_run = c.plan_run,
        plan_started_at = c.plan_started_at, plan_first_due_at = c.plan_first_due_at, plan_due_at = c.plan_due_at,
        planned_at = c.planned_at, plan_request = c.plan_request, plan_parties = c.plan_parties, fired = c.fired,
        overdue_at = c.overdue_at, clock_next_at = c.clock_next_at, state_at = c.state_at, state_before = c.state_before,
        signed_round = c.signed_round, never_sampled = c.never_sampled, result = c.result, reply = c.reply,
        reject_code = c.reject_code, reject_basis = c.reject_basis, reject_reason = c.reject_reason, objected = c.objected,
        merged_into = c.merged_into, review_date = c.review_date, evaluating_at = c.evaluating_at, closed_at = c.closed_at,
        closed_how = c.closed_how, rework_count = c.rework_count, urge_count = c.urge_count,
        attachments_hung = c.attachments_hung, refs_known = c.refs_known, requests_pending = c.requests_pending,
        callback_tries = c.callback_tries, supervised = c.supervised, event_seq = c.event_seq, updated_at = c.updated_at
    WHERE x.tenant = c.tenant AND x.id = c.id;
END $$;

CREATE FUNCTION both_organisations(p_some text[], p_others text[]) RETURNS text[] LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN ARRAY(SELECT unnest(p_some) UNION SELECT unnest(p_others));
END $$;

CREATE FUNCTION events_written(w work) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_area text := (w.c).area;
    v_orgs text[] := (w.c).organisations;
    e case_history;
BEGIN
    -- Whoever lost a ticket by this must hear of it too.
    IF NOT v_orgs @> (w.old).organisations THEN
        v_orgs := both_organisations(v_orgs, (w.old).organisations);
    END IF;
    FOREACH e IN ARRAY w.events LOOP
        INSERT INTO case_history (tenant, case_id, seq, id, ticket_id, request_id, action, from_state, to_state, round, at,
            person_id, role, organisation, visibility, note, data)
        VALUES (e.tenant, e.case_id, e.seq, e.id, e.ticket_id, e.request_id, e.action, e.from_state, e.to_state, e.round, e.at,
            e.person_id, e.role, e.organisation, e.visibility, e.note, e.data);
        INSERT INTO outbox (tenant, case_id, event_seq, ticket_id, organisations, grid, at)
        VALUES (e.tenant, e.case_id, e.seq, e.ticket_id, v_orgs, v_area, e.at);
    END LOOP;
END $$;

-- When the clock job has to look at the case next: not later than the first moment of anything of it.
CREATE FUNCTION others_next_at(c cases) RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
DECLARE
    v timestamptz;
BEGIN
    IF c.tickets_open > 0 THEN
        v := (SELECT min(t.clock_next_at) FROM tickets t WHERE t.tenant = c.tenant AND t.case_id = c.id);
    END IF;
    IF c.requests_pending > 0 THEN
        v := least(v, (SELECT min(r.clock_next_at) FROM requests r
            WHERE r.tenant = c.tenant AND r.case_id = c.id AND r.state = 'pending'
                -- What waits with a suspended case is decided after it.
                AND NOT (r.kind = 'return' AND c.state = 'suspended')));
    END IF;
    RETURN v;
END $$;
COMMENT ON FUNCTION others_next_at(cases) IS 'The first moment of the case''s tickets and requests.';

CREATE FUNCTION case_written(INOUT w work) LANGUAGE plpgsql AS $$
DECLARE
    c cases;
    v_old cases := w.old;
    v_same boolean;
BEGIN
    IF (w.c).requests_pending > 0
        AND ((w.c).state <> v_old.state OR (w.c).level <> v_old.level OR (w.t).id IS NOT NULL) THEN
        w := requests_expired(w);
    END IF;
    v_same := NOT w.touched AND case_same(w.c, v_old);
    -- Its own clocks run as they did, and none has come: the next moment may only be nearer.
    IF v_same AND (w.c).tickets_unsubmitted = v_old.tickets_unsubmitted AND v_old.clock_next_at > w.now THEN
        c := w.c;
        c.clock_next_at := least(c.clock_next_at, w.next_at);
        PERFORM case_noted(c);
    ELSE
        w := case_settle(w, w.now);
        c := w.c;
        c.clock_next_at := least(c.clock_next_at, others_next_at(c));
        IF v_same THEN
            PERFORM case_noted(c);
        ELSE
            c.version := v_old.version + 1;
            PERFORM case_updated(c);
        END IF;
    END IF;
    w.c := c;
    PERFORM events_written(w);
    IF c.state <> v_old.state AND (v_old.state = 'closed' OR c.state IN ('closed', 'rejected', 'merged', 'voided')) THEN
        PERFORM hazards_follow(w);
    END IF;
END $$;
COMMENT ON FUNCTION case_written(work) IS 'The work, written.';

CREATE FUNCTION case_do(INOUT w work) LANGUAGE plpgsql AS $$
BEGIN
    CASE w.action
        WHEN 'edit' THEN w := do_edit(w);
        WHEN 'accept' THEN w := do_accept(w);
        WHEN 'reject' THEN w := do_reject(w);
        WHEN 'register' THEN w := registered_as(w, w.body ->> 'level', w.body ->> 'note');
        WHEN 'start_source' THEN w := do_start_source(w);
        WHEN 'arrive' THEN w := do_arrive(w);
        WHEN 'source_done' THEN w := do_source_done(w);
        WHEN 'whistle' THEN w := do_whistle(w);
        WHEN 'plan' THEN w := do_plan(w);
        WHEN 'step_done', 'step_waive' THEN w := do_step(w);
        WHEN 'feedback' THEN w := do_feedback(w);
        WHEN 'check' THEN w := do_check(w);
        WHEN 'rate' THEN w := rated(w, false);
        WHEN 'comment' THEN w := do_comment(w);
        WHEN 'urge' THEN w := do_urge(w);
        ELSE w := case_do_more(w);
    END CASE;
END $$;
COMMENT ON FUNCTION case_do(work) IS 'The effect of an action on a case, nothing refusing any more.';

CREATE FUNCTION ticket_do(INOUT w work) LANGUAGE plpgsql AS $$
BEGIN
    CASE w.action
        WHEN 'sign' THEN w := do_sign(w);
        WHEN 'contact', 'report_in', 'start' THEN w := do_ticket_step(w);
        WHEN 'submit' THEN w := do_submit(w);
        WHEN 'approve' THEN w := do_approve(w);
        WHEN 'rework' THEN w := do_rework(w);
        ELSE w := ticket_do_more(w);
    END CASE;
END $$;
COMMENT ON FUNCTION ticket_do(work) IS 'The effect of an action on w.t.';
