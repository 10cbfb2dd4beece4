-- The doors: one procedure for each kind of object, in the order in which machines.md lets them refuse.

-- If-Match against the row under its lock.
CREATE FUNCTION is_stale(p_if_match bigint[], p_version bigint) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN p_if_match IS NOT NULL AND p_version <> ALL (p_if_match);

CREATE FUNCTION version_detail(p_version bigint) RETURNS jsonb LANGUAGE sql STABLE PARALLEL SAFE
RETURN jsonb_build_object('version', p_version);

-- The case, locked.
CREATE FUNCTION case_locked(p_tenant text, p_case uuid) RETURNS cases LANGUAGE plpgsql AS $$
DECLARE
    v_case cases;
BEGIN
    SELECT * INTO v_case FROM cases c WHERE c.tenant = p_tenant AND c.id = p_case FOR UPDATE;
    RETURN v_case;
END $$;

-- For a merge both, in the order of their ids.
CREATE FUNCTION both_locked(p_tenant text, p_case uuid, p_other uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM cases c WHERE c.tenant = p_tenant AND c.id IN (p_case, p_other) ORDER BY c.id FOR UPDATE;
END $$;

-- A case to be worked on, and what its work needs: one look, which locks it. No case in the work: there is none that the
-- caller sees.
CREATE FUNCTION case_seen(p_me actor, p_action text, p_body jsonb, p_case uuid, p_now timestamptz)
RETURNS work LANGUAGE plpgsql AS $$
DECLARE
    v scene;
    v_case cases;
    w work;
BEGIN
    SELECT c, NULL::tickets, p.settings INTO v
    FROM cases c LEFT JOIN policies p ON p.tenant = c.tenant AND p.version = c.policy_version
    WHERE c.tenant = p_me.tenant AND c.id = p_case FOR UPDATE OF c;
    v_case := v.c;
    IF case_in_sight(p_me, v_case) THEN
        w := work_of(p_me, coalesce(p_now, clock_timestamp()), p_action, p_body, v);
    END IF;
    RETURN w;
END $$;

-- The same for a ticket; the case is locked before it.
CREATE FUNCTION ticket_seen(p_me actor, p_action text, p_body jsonb, p_ticket uuid, p_now timestamptz)
RETURNS work LANGUAGE plpgsql AS $$
DECLARE
    v scene;
    v_case cases;
    v_ticket tickets;
    w work;
BEGIN
    SELECT c, t, p.settings INTO v
    FROM tickets t JOIN cases c ON c.tenant = t.tenant AND c.id = t.case_id
    LEFT JOIN policies p ON p.tenant = t.tenant AND p.version = c.policy_version
    WHERE t.tenant = p_me.tenant AND t.id = p_ticket FOR UPDATE OF c, t;
    v_case := v.c;
    v_ticket := v.t;
    IF ticket_in_sight(p_me, v_ticket, v_case) THEN
        w := work_of(p_me, coalesce(p_now, clock_timestamp()), p_action, p_body, v);
    END IF;
    RETURN w;
END $$;

-- As it is now, or not_found: for a read, and for a call that was made before. Its rows are of one moment, as STABLE has it.
CREATE FUNCTION case_looked_at(m actor, p_case uuid, p_now timestamptz, p_replayed boolean, p_location text DEFAULT NULL)
RETURNS case_reply LANGUAGE plpgsql STABLE AS $$
DECLARE
    c cases;
BEGIN
    SELECT * INTO c FROM cases x WHERE x.tenant = m.tenant AND x.id = p_case;
    IF NOT case_in_sight(m, c) THEN
        RETURN case_refusal('not_found');
    END IF;
    RETURN case_replied(m, c, p_now, p_replayed, p_location);
END $$;

CREATE FUNCTION ticket_looked_at(m actor, p_ticket uuid, p_now timestamptz, p_replayed boolean) RETURNS ticket_reply
LANGUAGE plpgsql STABLE AS $$
DECLARE
    t tickets;
    c cases;
BEGIN
    SELECT * INTO t FROM tickets x WHERE x.tenant = m.tenant AND x.id = p_ticket;
    SELECT * INTO c FROM cases x WHERE x.tenant = m.tenant AND x.id = t.case_id;
    IF NOT ticket_in_sight(m, t, c) THEN
        RETURN ticket_refusal('not_found');
    END IF;
    RETURN ticket_replied(m, t, c, p_now, p_replayed);
END $$;

CREATE FUNCTION case_create(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[],
    p_id uuid, p_key text, p_fingerprint text, p_now timestamptz, p_body jsonb)
RETURNS case_reply LANGUAGE plpgsql AS $$
DECLARE
    m actor := me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
    v_key key_state;
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_work work;
BEGIN
    IF m.refusal IS NOT NULL THEN
        RETURN case_refusal(m.refusal);
    END IF;
    v_key := key_begin(p_tenant, p_actor, 'cases.create', p_key, p_fingerprint);
    IF v_key.state = 'other' THEN
        RETURN case_refusal('idempotency_key_reused');
    ELSIF v_key.state = 'replay' THEN
        RETURN case_looked_at(m, v_key.object_id, v_now, true, '/v1/cases/' || v_key.object_id);
    END IF;
    v_work := case_taken_in(m, p_id, v_now, p_body);
    IF v_work.code IS NOT NULL THEN
        RETURN case_refusal(v_work.code, v_work.pointer, v_work.detail);
    END IF;
    PERFORM key_remember(p_tenant, p_actor, 'cases.create', p_key, p_fingerprint, p_id);
    RETURN case_replied(v_work.me, v_work.c, v_now, false, '/v1/cases/' || p_id, duplicates_of(v_work.c, v_work.policy, v_now));
END $$;
COMMENT ON FUNCTION case_create(text, text, text[], text[], text, text[], uuid, text, text, timestamptz, jsonb) IS
    'cases.create';

-- What the contract's schema cannot say of a body alone; a missing reason is refused before the row is looked at.
CREATE FUNCTION check_lacks_reason(p_action text, p_body jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN p_action = 'check' AND coalesce((p_body ->> 'pass')::boolean, true) = false
    AND coalesce(trim(p_body ->> 'reason'), '') = '';

CREATE FUNCTION case_act(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[],
    p_action text, p_key text, p_fingerprint text, p_if_match bigint[], p_now timestamptz, p_case uuid, p_body jsonb)
RETURNS case_reply LANGUAGE plpgsql AS $$
DECLARE
    m actor := me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
    v_key key_state;
    v_work work;
BEGIN
    IF m.refusal IS NOT NULL THEN
        RETURN case_refusal(m.refusal);
    END IF;
    IF check_lacks_reason(p_action, p_body) THEN
        RETURN case_refusal('required', '/reason');
    END IF;
    v_key := key_begin(p_tenant, p_actor, 'cases.' || p_action, p_key, p_fingerprint);
    IF v_key.state = 'other' THEN
        RETURN case_refusal('idempotency_key_reused');
    ELSIF v_key.state = 'replay' THEN
        RETURN case_looked_at(m, v_key.object_id, p_now, true);
    END IF;
    IF p_action = 'merge' THEN
        PERFORM both_locked(p_tenant, p_case, (p_body ->> 'into')::uuid);
    END IF;
    v_work := case_seen(m, p_action, p_body, p_case, p_now);
    IF v_work.action IS NULL THEN
        RETURN case_refusal('not_found');
    ELSIF is_stale(p_if_match, (v_work.c).version) THEN
        RETURN case_refusal('precondition_failed', NULL, version_detail((v_work.c).version));
    END IF;
    v_work := case_check(v_work);
    IF v_work.code IS NOT NULL THEN
        RETURN case_refusal(v_work.code, v_work.pointer, v_work.detail);
    END IF;
    v_work := case_written(case_do(settle_before(v_work)));
    PERFORM key_remember(p_tenant, p_actor, 'cases.' || p_action, p_key, p_fingerprint, p_case);
    RETURN case_replied(m, v_work.c, v_work.now, false);
END $$;
COMMENT ON FUNCTION case_act(text, text, text[], text[], text, text[], text, text, text, bigint[], timestamptz, uuid, jsonb) IS
    'Every action on a case that is no request.';

-- Approving the last open ticket may carry the feedback: looked at as if the ticket were closed already.
CREATE FUNCTION feedback_check(INOUT w work) LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_ahead work := w;
BEGIN
    v_ahead.t := NULL;
    v_ahead.c.tickets_open := (w.c).tickets_open - 1;
    v_ahead.action := 'feedback';
    v_ahead.body := w.body -> 'feedback';
    v_ahead := case_check(v_ahead);
    w := refused(w, v_ahead.code, v_ahead.pointer, v_ahead.detail);
END $$;

CREATE FUNCTION ticket_done(INOUT w work) LANGUAGE plpgsql AS $$
BEGIN
    w := ticket_saved(ticket_do(settle_before(w)));
    IF w.action = 'approve' AND coalesce(w.body -> 'feedback', 'null') <> 'null' THEN
        w.body := w.body -> 'feedback';
        w := do_feedback(w);
    END IF;
    w := case_written(w);
END $$;

CREATE FUNCTION ticket_act(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[],
    p_action text, p_key text, p_fingerprint text, p_if_match bigint[], p_now timestamptz, p_ticket uuid, p_body jsonb)
RETURNS ticket_reply LANGUAGE plpgsql AS $$
DECLARE
    m actor := me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
    v_key key_state;
    v_work work;
BEGIN
    IF m.refusal IS NOT NULL THEN
        RETURN ticket_refusal(m.refusal);
    END IF;
    v_key := key_begin(p_tenant, p_actor, 'tickets.' || p_action, p_key, p_fingerprint);
    IF v_key.state = 'other' THEN
        RETURN ticket_refusal('idempotency_key_reused');
    ELSIF v_key.state = 'replay' THEN
        RETURN ticket_looked_at(m, v_key.object_id, p_now, true);
    END IF;
    v_work := ticket_seen(m, p_action, p_body, p_ticket, p_now);
    IF v_work.action IS NULL THEN
        RETURN ticket_refusal('not_found');
    ELSIF is_stale(p_if_match, (v_work.t).version) THEN
        RETURN ticket_refusal('precondition_failed', NULL, version_detail((v_work.t).version));
    END IF;
    v_work := ticket_check(v_work);
    IF v_work.code IS NULL AND p_action = 'approve' AND coalesce(p_body -> 'feedback', 'null') <> 'null' THEN
        v_work := feedback_check(v_work);
    END IF;
    IF v_work.code IS NOT NULL THEN
        RETURN ticket_refusal(v_work.code, v_work.pointer, v_work.detail);
    END IF;
    v_work := ticket_done(v_work);
    PERFORM key_remember(p_tenant, p_actor, 'tickets.' || p_action, p_key, p_fingerprint, p_ticket);
    RETURN ticket_replied(m, v_work.t, v_work.c, v_work.now, false);
END $$;
COMMENT ON FUNCTION ticket_act(text, text, text[], text[], text, text[], text, text, text, bigint[], timestamptz, uuid, jsonb) IS
    'Every action on a ticket that is no request.';

CREATE FUNCTION case_get(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[], p_case uuid, p_now timestamptz)
RETURNS case_reply LANGUAGE plpgsql STABLE AS $$
DECLARE
    m actor := me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
BEGIN
    IF m.refusal IS NOT NULL THEN
        RETURN case_refusal(m.refusal);
    END IF;
    RETURN case_looked_at(m, p_case, p_now, false);
END $$;
COMMENT ON FUNCTION case_get(text, text, text[], text[], text, text[], uuid, timestamptz) IS 'cases.get';

CREATE FUNCTION ticket_get(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[], p_ticket uuid, p_now timestamptz)
RETURNS ticket_reply LANGUAGE plpgsql AS $$
DECLARE
    m actor := me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
    v ticket_reply;
BEGIN
    IF m.refusal IS NOT NULL THEN
        RETURN ticket_refusal(m.refusal);
    END IF;
    v := ticket_looked_at(m, p_ticket, p_now, false);
    -- What is shown is delivered.
    IF v.state IN ('issued', 'send_failed') AND m.org = v.organisation__code THEN
        IF EXISTS (SELECT FROM webhook_tickets x WHERE x.tenant = p_tenant AND x.ticket_id = v.id AND x.pulled_at IS NULL) THEN
            PERFORM ticket_shown(m, v.id, m.org);
        END IF;
    END IF;
    RETURN v;
END $$;
COMMENT ON FUNCTION ticket_get(text, text, text[], text[], text, text[], uuid, timestamptz) IS 'tickets.get';

SELECT delegate('case_create(text, text, text[], text[], text, text[], uuid, text, text, timestamptz, jsonb)'::regprocedure);
SELECT delegate(
    'case_act(text, text, text[], text[], text, text[], text, text, text, bigint[], timestamptz, uuid, jsonb)'::regprocedure);
SELECT delegate(
    'ticket_act(text, text, text[], text[], text, text[], text, text, text, bigint[], timestamptz, uuid, jsonb)'::regprocedure);
SELECT delegate('case_get(text, text, text[], text[], text, text[], uuid, timestamptz)');
SELECT delegate('ticket_get(text, text, text[], text[], text, text[], uuid, timestamptz)');
