-- What approval, refusal and withdrawal of each kind of request do.

-- In force: the resolve due is its latest step, for the case and for its emergencies. What was done stays done.
CREATE FUNCTION plan_in_force(INOUT w work) LANGUAGE plpgsql AS $$
DECLARE
    v_ticket uuid;
BEGIN
    UPDATE plan_steps s SET request_id = (w.r).id, n = s.n - 1000
    WHERE s.tenant = (w.c).tenant AND s.case_id = (w.c).id AND s.request_id = (w.c).plan_request
        AND (s.done_at IS NOT NULL OR s.waived_at IS NOT NULL);
    w.c.plan_request := (w.r).id;
    w := plan_counted(w);
    w := resolve_due_to(w, plan_last_due(w.c), 'plan', 'plan');
    FOR v_ticket IN
        SELECT t.id FROM tickets t JOIN ticket_states s USING (state)
        WHERE t.tenant = (w.c).tenant AND t.case_id = (w.c).id AND t.kind = 'emergency' AND s.open
        ORDER BY t.id
    LOOP
        w := ticket_finish_to(w, v_ticket, (w.c).resolve_due_at, 'plan');
    END LOOP;
END $$;

CREATE FUNCTION ticket_finish_to(INOUT w work, p_ticket uuid, p_due timestamptz, p_cause text) LANGUAGE plpgsql AS $$
DECLARE
    t tickets;
BEGIN
    w := ticket_loaded(w, p_ticket);
    t := w.t;
    t.finish_due_at := greatest(p_due, t.finish_started_at + policy_minutes(w.policy, 'floor_finish_minutes'));
    PERFORM due_changed(w, t.id, 'finish', t.finish_run, (w.t).finish_due_at, t.finish_due_at, p_cause);
    w.t := t;
    w := ticket_written(w);
    w.t := NULL;
END $$;

-- A refused plan starts the clock again: four hours, but never less than the first run gave. While an approved plan is in
-- force, what was refused is only its change.
CREATE FUNCTION plan_refused(INOUT w work) LANGUAGE plpgsql AS $$
DECLARE
    c cases := w.c;
    v_old timestamptz := c.plan_due_at;
BEGIN
    IF c.plan_request IS NOT NULL THEN
        RETURN;
    END IF;
    c.plan_run := c.plan_run + 1;
    c.plan_started_at := w.now;
    c.planned_at := NULL;
    c.fired := unfired(c.fired, '{plan}');
    w.c := c;
    w := plan_due_to(w, greatest(w.now + policy_minutes(w.policy, 'plan_again_minutes'), c.plan_first_due_at), w.action);
END $$;

CREATE FUNCTION request_approved(INOUT w work) LANGUAGE plpgsql AS $$
BEGIN
    CASE (w.r).kind
        WHEN 'plan' THEN w := plan_in_force(w);
        WHEN 'emergency_review' THEN NULL;
        ELSE w := request_approved_more(w);
    END CASE;
END $$;
COMMENT ON FUNCTION request_approved(work) IS 'What the approval of w.r does to its subject.';

CREATE FUNCTION request_refused(INOUT w work) LANGUAGE plpgsql AS $$
BEGIN
    CASE (w.r).kind
        WHEN 'plan' THEN w := plan_refused(w);
        WHEN 'emergency_review' THEN
            IF (w.r).state = 'declined' THEN
                PERFORM held(w, 'declined_review', whistler_address(w), jsonb_build_object('reason', (w.r).note), w.now, (w.r).id);
            END IF;
        ELSE w := request_refused_more(w);
    END CASE;
END $$;
COMMENT ON FUNCTION request_refused(work) IS 'What the refusal or withdrawal of w.r does to its subject.';

-- State of request and subject, then the person, then what the answer itself must carry.
CREATE FUNCTION request_check(INOUT w work) LANGUAGE plpgsql STABLE AS $$
DECLARE
    r requests := w.r;
    v_refusal text;
BEGIN
    IF r.state <> 'pending' OR w.action <> 'withdraw' AND NOT request_while(r, w.c, w.t) THEN
        w := refused(w, 'invalid_transition', NULL, jsonb_build_object(
            'state', r.state, 'allowed_actions', request_actions(w.me, r, w.t)));
        RETURN;
    END IF;
    w := request_check_world(w);
    IF w.code IS NOT NULL THEN
        RETURN;
    END IF;
    v_refusal := CASE WHEN w.action <> 'withdraw' THEN request_refuses(w.me, r, w.t)
        WHEN r.asked_by IS DISTINCT FROM (w.me).person_id THEN 'not_handler' END;
    IF v_refusal IS NOT NULL THEN
        w := refused(w, v_refusal);
        RETURN;
    END IF;
    w.role := CASE WHEN w.action = 'withdraw' THEN r.asked_role
        ELSE (SELECT x FROM unnest(request_deciders(r, w.t)) AS x WHERE x = ANY ((w.me).roles) LIMIT 1) END;
    w.sole := w.action <> 'withdraw' AND r.asked_by IS NOT DISTINCT FROM (w.me).person_id;
    IF w.action = 'approve' THEN
        w := request_check_row(w);
    END IF;
END $$;
COMMENT ON FUNCTION request_check(work) IS 'The work with the role to decide in, or refused; writes nothing.';

CREATE FUNCTION do_request(INOUT w work) LANGUAGE plpgsql AS $$
BEGIN
    IF w.action = 'approve' AND NOT approval_completes(w) THEN
        w := approval_noted(w);
        RETURN;
    END IF;
    IF w.action = 'approve' THEN
        w := request_to(w, 'approve', 'approved', w.body ->> 'note');
        w := request_approved(w);
    ELSIF w.action = 'decline' THEN
        w := request_to(w, 'decline', 'declined', w.body ->> 'reason');
        w := request_refused(w);
    ELSE
        w := request_to(w, 'withdraw', 'withdrawn', w.body ->> 'note');
        w := request_refused(w);
    END IF;
END $$;
