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
CREATE FUNCTION both_locked(p_tenant text, p_case uuid, p_other uuid) RETURNS cases LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM cases c WHERE c.tenant = p_tenant AND c.id IN (p_case, p_other) ORDER BY c.id FOR UPDATE;
    RETURN case_locked(p_tenant, p_case);
END $$;

CREATE FUNCTION case_replayed(p_me actor, p_case uuid, p_now timestamptz, p_location text)
RETURNS SETOF case_reply LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_case cases;
BEGIN
    SELECT * INTO v_case FROM cases c WHERE c.tenant = p_me.tenant AND c.id = p_case;
    IF case_in_sight(p_me, v_case) THEN
        RETURN QUERY SELECT * FROM case_replied(p_me, v_case, p_now, p_location, true, NULL);
    ELSE
        RETURN NEXT case_refusal('not_found');
    END IF;
END $$;

CREATE FUNCTION case_create(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[],
    p_id uuid, p_key text, p_fingerprint text, p_now timestamptz, p_body jsonb)
RETURNS SETOF case_reply LANGUAGE plpgsql AS $$
DECLARE
    v_me actor := me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
    v_key key_state;
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_who text[] := (SELECT t.who FROM case_transitions t WHERE t.action = 'create');
    v_case cases;
    w work;
BEGIN
    IF v_me.refusal IS NOT NULL THEN
        RETURN NEXT case_refusal(v_me.refusal);
        RETURN;
    END IF;
    v_key := key_begin(p_tenant, p_actor, 'cases.create', p_key, p_fingerprint);
    IF v_key.state = 'other' THEN
        RETURN NEXT case_refusal('idempotency_key_reused');
        RETURN;
    ELSIF v_key.state = 'replay' THEN
        RETURN QUERY SELECT * FROM case_replayed(v_me, v_key.object_id, v_now, '/v1/cases/' || v_key.object_id);
        RETURN;
    END IF;
    w := work_on(v_me, v_now, 'create', p_body, case_drafted(v_me, p_id, v_now, acting_role(v_who, bits_of(v_who), v_me.bits), p_body));
    w := create_check(w);
    IF w.code IS NOT NULL THEN
        RETURN NEXT case_refusal(w.code, w.pointer, w.detail);
        RETURN;
    END IF;
    w := create_known(w);
    w := create_written(w);
    IF create_goes_on(p_body) THEN
        w := create_done(w);
        w := case_written(w);
    ELSE
        PERFORM events_written(w);
    END IF;
    PERFORM key_remember(p_tenant, p_actor, 'cases.create', p_key, p_fingerprint, p_id);
    v_me := w.me;
    v_case := w.c;
    RETURN QUERY SELECT * FROM case_replied(v_me, v_case, v_now, '/v1/cases/' || p_id, false, duplicates_of(w));
END $$;
COMMENT ON FUNCTION case_create(text, text, text[], text[], text, text[], uuid, text, text, timestamptz, jsonb) IS
    'cases.create';

-- What the contract's schema cannot say of a body alone; a missing reason is refused before the row is looked at.
CREATE FUNCTION check_lacks_reason(p_action text, p_body jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN p_action = 'check' AND coalesce((p_body ->> 'pass')::boolean, true) = false
    AND coalesce(trim(p_body ->> 'reason'), '') = '';

CREATE FUNCTION case_act(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[],
    p_action text, p_key text, p_fingerprint text, p_if_match bigint[], p_now timestamptz, p_case uuid, p_body jsonb)
RETURNS SETOF case_reply LANGUAGE plpgsql AS $$
DECLARE
    v_me actor := me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
    v_key key_state;
    v_case cases;
    w work;
BEGIN
    IF v_me.refusal IS NOT NULL THEN
        RETURN NEXT case_refusal(v_me.refusal);
        RETURN;
    END IF;
    IF check_lacks_reason(p_action, p_body) THEN
        RETURN NEXT case_refusal('required', '/reason');
        RETURN;
    END IF;
    v_key := key_begin(p_tenant, p_actor, 'cases.' || p_action, p_key, p_fingerprint);
    IF v_key.state = 'other' THEN
        RETURN NEXT case_refusal('idempotency_key_reused');
        RETURN;
    ELSIF v_key.state = 'replay' THEN
        RETURN QUERY SELECT * FROM case_replayed(v_me, v_key.object_id, p_now, NULL);
        RETURN;
    END IF;
    v_case := CASE WHEN p_action = 'merge' THEN both_locked(p_tenant, p_case, (p_body ->> 'into')::uuid)
        ELSE case_locked(p_tenant, p_case) END;
    IF NOT case_in_sight(v_me, v_case) THEN
        RETURN NEXT case_refusal('not_found');
        RETURN;
    ELSIF is_stale(p_if_match, v_case.version) THEN
        RETURN NEXT case_refusal('precondition_failed', NULL, version_detail(v_case.version));
        RETURN;
    END IF;
    w := case_check(work_on(v_me, coalesce(p_now, clock_timestamp()), p_action, p_body, v_case));
    IF w.code IS NOT NULL THEN
        RETURN NEXT case_refusal(w.code, w.pointer, w.detail);
        RETURN;
    END IF;
    w := case_written(case_do(settle_before(w)));
    PERFORM key_remember(p_tenant, p_actor, 'cases.' || p_action, p_key, p_fingerprint, p_case);
    v_case := w.c;
    RETURN QUERY SELECT * FROM case_replied(v_me, v_case, w.now, NULL, false, NULL);
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

CREATE FUNCTION ticket_replayed(p_me actor, p_ticket uuid, p_now timestamptz)
RETURNS SETOF ticket_reply LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_ticket tickets;
    v_case cases;
BEGIN
    SELECT * INTO v_ticket FROM tickets t WHERE t.tenant = p_me.tenant AND t.id = p_ticket;
    SELECT * INTO v_case FROM cases c WHERE c.tenant = p_me.tenant AND c.id = v_ticket.case_id;
    IF ticket_in_sight(p_me, v_ticket, v_case) THEN
        RETURN QUERY SELECT * FROM ticket_replied(p_me, v_ticket, v_case, p_now, true);
    ELSE
        RETURN NEXT ticket_refusal('not_found');
    END IF;
END $$;

CREATE FUNCTION ticket_act(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[],
    p_action text, p_key text, p_fingerprint text, p_if_match bigint[], p_now timestamptz, p_ticket uuid, p_body jsonb)
RETURNS SETOF ticket_reply LANGUAGE plpgsql AS $$
DECLARE
    v_me actor := me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
    v_key key_state;
    v_case cases;
    v_ticket tickets;
    w work;
BEGIN
    IF v_me.refusal IS NOT NULL THEN
        RETURN NEXT ticket_refusal(v_me.refusal);
        RETURN;
    END IF;
    v_key := key_begin(p_tenant, p_actor, 'tickets.' || p_action, p_key, p_fingerprint);
    IF v_key.state = 'other' THEN
        RETURN NEXT ticket_refusal('idempotency_key_reused');
        RETURN;
    ELSIF v_key.state = 'replay' THEN
        RETURN QUERY SELECT * FROM ticket_replayed(v_me, v_key.object_id, p_now);
        RETURN;
    END IF;
    w := ticket_seen(v_me, p_action, p_body, p_ticket, p_now);
    IF (w.t).id IS NULL THEN
        RETURN NEXT ticket_refusal('not_found');
        RETURN;
    ELSIF is_stale(p_if_match, (w.t).version) THEN
        RETURN NEXT ticket_refusal('precondition_failed', NULL, version_detail((w.t).version));
        RETURN;
    END IF;
    w := ticket_check(w);
    IF w.code IS NULL AND p_action = 'approve' AND coalesce(p_body -> 'feedback', 'null') <> 'null' THEN
        w := feedback_check(w);
    END IF;
    IF w.code IS NOT NULL THEN
        RETURN NEXT ticket_refusal(w.code, w.pointer, w.detail);
        RETURN;
    END IF;
    w := ticket_done(w);
    PERFORM key_remember(p_tenant, p_actor, 'tickets.' || p_action, p_key, p_fingerprint, p_ticket);
    v_case := w.c;
    v_ticket := w.t;
    RETURN QUERY SELECT * FROM ticket_replied(v_me, v_ticket, v_case, w.now, false);
END $$;
COMMENT ON FUNCTION ticket_act(text, text, text[], text[], text, text[], text, text, text, bigint[], timestamptz, uuid, jsonb) IS
    'Every action on a ticket that is no request.';

-- A ticket to be worked on, and what its work needs: one look, which locks the case before the ticket.
CREATE TYPE ticket_scene AS (c cases, t tickets, zone text, policy jsonb, on_scene boolean, photo_required boolean);

-- No ticket in the work: there is none that the caller sees.
CREATE FUNCTION ticket_seen(p_me actor, p_action text, p_body jsonb, p_ticket uuid, p_now timestamptz)
RETURNS work LANGUAGE plpgsql AS $$
DECLARE
    v ticket_scene;
    v_case cases;
    v_ticket tickets;
    w work;
BEGIN
    SELECT c, t, s.zone, policy_with(p.settings), k.on_scene, k.photo_required INTO v
    FROM tickets t JOIN cases c ON c.tenant = t.tenant AND c.id = t.case_id
    JOIN tenants s ON s.tenant = t.tenant
    LEFT JOIN policies p ON p.tenant = t.tenant AND p.version = c.policy_version
    LEFT JOIN categories k ON k.tenant = t.tenant AND k.code = c.category
    WHERE t.tenant = p_me.tenant AND t.id = p_ticket FOR UPDATE OF c, t;
    v_case := v.c;
    v_ticket := v.t;
    IF NOT coalesce(ticket_in_sight(p_me, v_ticket, v_case), false) THEN
        RETURN w;
    END IF;
    w := work_of(p_me, coalesce(p_now, clock_timestamp()), p_action, p_body);
    w.old := v_case;
    w.c := v_case;
    w.t_old := v_ticket;
    w.t := v_ticket;
    w.zone := v.zone;
    w.policy := v.policy;
    w.on_scene := v.on_scene;
    w.photo_required := v.photo_required;
    RETURN w;
END $$;

CREATE FUNCTION create_goes_on(p_body jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 'true' IN (coalesce(p_body -> 'register', 'null'), coalesce(p_body -> 'start_source', 'null'), coalesce(p_body -> 'arrived', 'null'));

-- A citizen's first write makes the person, who is then this case's reporter.
CREATE FUNCTION create_known(INOUT w work) LANGUAGE plpgsql AS $$
BEGIN
    IF (w.me).person_id IS NULL THEN
        w.me := me_known(w.me);
        w.c.created_by := (w.me).person_id;
        w.c.reporters := ARRAY[(w.me).person_id];
    END IF;
    w.c := case_numbered(w.c, w.zone);
END $$;

SELECT delegate('case_create(text, text, text[], text[], text, text[], uuid, text, text, timestamptz, jsonb)'::regprocedure);
SELECT delegate(
    'case_act(text, text, text[], text[], text, text[], text, text, text, bigint[], timestamptz, uuid, jsonb)'::regprocedure);
SELECT delegate(
    'ticket_act(text, text, text[], text[], text, text[], text, text, text, bigint[], timestamptz, uuid, jsonb)'::regprocedure);
