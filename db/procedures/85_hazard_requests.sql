-- What one asks about a hazard and another decides: a later due, or that it was none.

CREATE FUNCTION hazard_pending(h hazards, p_kind text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM requests r
        WHERE r.tenant = h.tenant AND r.hazard_id = h.id AND r.kind = p_kind AND r.state = 'pending');
END $$;

-- Whether the hazard stands where a kind is asked and decided.
CREATE FUNCTION hazard_while(h hazards, p_kind text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM request_kinds k WHERE k.subject = 'hazard' AND k.kind = p_kind AND h.state = ANY (k.while_states));
END $$;

-- A field that means nothing to the kind, and one that is missing.
CREATE FUNCTION hazard_ask_fields(w hazard_work) RETURNS objection LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN CASE
        WHEN w.body ->> 'kind' = 'void' AND w.body ? 'until' THEN ROW('invalid_value', '/until', NULL)::objection
        WHEN w.body ->> 'kind' = 'extend' THEN hazard_guard(w, 'extend_to') END;
END $$;

CREATE FUNCTION hazard_ask_check(INOUT w hazard_work) LANGUAGE plpgsql STABLE AS $$
DECLARE
    k request_kinds;
    v_bad objection;
BEGIN
    SELECT * INTO k FROM request_kinds x WHERE x.subject = 'hazard' AND x.kind = w.body ->> 'kind';
    IF NOT hazard_while(w.h, k.kind) THEN
        w := hazard_wrong_state(w);
        RETURN;
    END IF;
    w := hazard_guards(w, guards_at(k.guards, 409));
    IF w.code IS NULL AND hazard_pending(w.h, k.kind) THEN
        w := hazard_refuses(w, 'request_pending');
    END IF;
    IF w.code IS NOT NULL THEN
        RETURN;
    END IF;
    w.role := acting_role(k.asks, bits_of(k.asks), hazard_bits(w.me, w.h));
    v_bad := hazard_ask_fields(w);
    IF w.role IS NULL THEN
        w := hazard_refuses(w, person_refusal(w.me, k.asks));
    ELSIF v_bad.code IS NOT NULL THEN
        w := hazard_refuses(w, v_bad.code, v_bad.pointer);
    END IF;
END $$;
COMMENT ON FUNCTION hazard_ask_check(hazard_work) IS 'The work with the role to ask in, or refused; writes nothing.';

CREATE FUNCTION hazard_ask_done(INOUT w hazard_work, p_request uuid) LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO requests (tenant, id, kind, hazard_id, reason, proposal, asked_by, asked_role, asked_org, asked_at)
    VALUES ((w.h).tenant, p_request, w.body ->> 'kind', (w.h).id, w.body ->> 'reason', w.body - '{kind,reason}'::text[],
        (w.me).person_id, w.role, (w.me).org, w.now);
    w.h.requests_pending := (w.h).requests_pending + 1;
    w := hazard_to(w, 'request', '=', w.body ->> 'reason', w.body - 'reason', p_request);
    w := hazard_written(w);
END $$;

CREATE FUNCTION hazard_ask(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[],
    p_id uuid, p_key text, p_fingerprint text, p_now timestamptz, p_hazard uuid, p_body jsonb)
RETURNS request_reply LANGUAGE plpgsql AS $$
DECLARE
    v_me actor := me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
    v_key key_state;
    h hazards;
    w hazard_work;
BEGIN
    IF v_me.refusal IS NOT NULL THEN
        RETURN request_refusal(v_me.refusal);
    END IF;
    v_key := key_begin(p_tenant, p_actor, 'hazards.request', p_key, p_fingerprint);
    IF v_key.state = 'other' THEN
        RETURN request_refusal('idempotency_key_reused');
    ELSIF v_key.state = 'replay' THEN
        RETURN request_created(request_replayed(v_me, v_key.object_id));
    END IF;
    h := hazard_locked(v_me, p_hazard);
    IF NOT hazard_in_sight(v_me, h) THEN
        RETURN request_refusal('not_found');
    END IF;
    w := hazard_settled(hazard_work_on(v_me, coalesce(p_now, clock_timestamp()), 'request', p_body, h));
    w := hazard_ask_check(w);
    IF w.code IS NOT NULL THEN
        PERFORM hazard_midnight_kept(w);
        RETURN request_refusal(w.code, w.pointer, w.detail);
    END IF;
    w := hazard_ask_done(w, p_id);
    PERFORM key_remember(p_tenant, p_actor, 'hazards.request', p_key, p_fingerprint, p_id);
    RETURN request_created(request_view(v_me, request_of(p_tenant, p_id), NULL));
END $$;
COMMENT ON FUNCTION hazard_ask(text, text, text[], text[], text, text[], uuid, text, text, timestamptz, uuid, jsonb) IS
    'hazards.request';
SELECT delegate('hazard_ask(text, text, text[], text[], text, text[], uuid, text, text, timestamptz, uuid, jsonb)');

-- Ends a request: decided, withdrawn or expired.
CREATE FUNCTION hazard_request_to(INOUT w hazard_work, r requests, p_action text) LANGUAGE plpgsql AS $$
DECLARE
    v_note text := coalesce(w.body ->> 'reason', w.body ->> 'note');
    v_system boolean := w.role = 'system';
BEGIN
    UPDATE requests x SET state = t.to_state, version = x.version + 1, decided_role = w.role, decided_at = w.now,
        decided_by = CASE WHEN NOT v_system THEN (w.me).person_id END, sole_person = w.sole AND NOT v_system,
        note = CASE WHEN NOT v_system THEN v_note END
    FROM request_transitions t
    WHERE x.tenant = r.tenant AND x.id = r.id AND t.action = p_action;
    w.h.requests_pending := (w.h).requests_pending - 1;
    w := hazard_to(w, p_action, '=', CASE WHEN NOT v_system THEN v_note END, jsonb_build_object('kind', r.kind,
        'sole_person', CASE WHEN w.sole AND NOT v_system THEN true END), r.id);
END $$;

CREATE FUNCTION hazard_requests_expired(INOUT w hazard_work) LANGUAGE plpgsql AS $$
DECLARE
    v_role text := w.role;
    r requests;
BEGIN
    w.role := 'system';
    FOR r IN
        SELECT * FROM requests x WHERE x.tenant = (w.h).tenant AND x.hazard_id = (w.h).id AND x.state = 'pending' ORDER BY x.id
    LOOP
        CONTINUE WHEN hazard_while(w.h, r.kind);
        w := hazard_request_to(w, r, 'expire');
    END LOOP;
    w.role := v_role;
END $$;
COMMENT ON FUNCTION hazard_requests_expired(hazard_work) IS 'The work without requests that its state does not allow any more.';

-- The last node is due with the hazard.
CREATE FUNCTION hazard_extended(INOUT w hazard_work, r requests) LANGUAGE plpgsql AS $$
DECLARE
    v_until timestamptz := (r.proposal ->> 'until')::timestamptz;
    v_old timestamptz := (w.h).due_at;
BEGIN
    UPDATE hazard_nodes n SET due_at = v_until
    WHERE n.tenant = (w.h).tenant AND n.hazard_id = (w.h).id AND n.superseded_at IS NULL AND n.due_at = v_old;
    w := hazard_due_to(w, v_until, 'extend');
    w := hazard_to(w, 'extend', '=', NULL, jsonb_build_object('from', iso(v_old), 'until', iso(v_until)), r.id);
END $$;

CREATE FUNCTION hazard_decided(INOUT w hazard_work, r requests) LANGUAGE plpgsql AS $$
BEGIN
    w := hazard_request_to(w, r, w.action);
    IF w.action = 'approve' AND r.kind = 'extend' THEN
        w := hazard_extended(w, r);
    ELSIF w.action = 'approve' THEN
        w := hazard_to(w, 'void', 'voided', r.reason, '{}', r.id);
    END IF;
    PERFORM hazard_sole_noted(w, jsonb_build_object('action', w.action, 'kind', r.kind));
    w := hazard_written(w);
END $$;

-- State of request and hazard, then the person, then what the answer carries.
CREATE FUNCTION hazard_decide_check(INOUT w hazard_work, r requests) LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_withdraw boolean := w.action = 'withdraw';
    v_refusal text := CASE WHEN NOT v_withdraw THEN request_refuses(w.me, r, NULL)
        WHEN r.asked_by IS DISTINCT FROM (w.me).person_id THEN 'not_handler' END;
    v_alien text := (SELECT min(f.name) FROM jsonb_object_keys(w.body) AS f (name) WHERE f.name NOT IN ('note', 'reason'));
    v_again hazard_work := w;
    v_bad objection;
BEGIN
    v_again.body := r.proposal;
    v_bad := CASE WHEN w.action = 'approve' AND r.kind = 'extend' THEN hazard_guard(v_again, 'extend_to') END;
    IF r.state <> 'pending' OR NOT v_withdraw AND NOT hazard_while(w.h, r.kind) THEN
        w := hazard_refuses(w, 'invalid_transition', NULL, jsonb_build_object(
            'state', r.state, 'allowed_actions', request_actions(w.me, r, NULL)));
    ELSIF v_bad.code IS NOT NULL THEN
        -- The day that was asked for has come meanwhile.
        w := hazard_refuses(w, 'window_over');
    ELSIF v_refusal IS NOT NULL THEN
        w := hazard_refuses(w, v_refusal);
    ELSIF v_alien IS NOT NULL THEN
        w := hazard_refuses(w, 'invalid_value', '/' || v_alien);
    END IF;
    w.sole := NOT v_withdraw AND r.asked_by IS NOT DISTINCT FROM (w.me).person_id;
    w.role := CASE WHEN v_withdraw THEN r.asked_role
        ELSE (SELECT x FROM unnest(request_deciders(r, NULL)) AS x WHERE x = ANY ((w.me).roles) LIMIT 1) END;
END $$;

-- The part of request_act for hazards: hazard, request, locked in this order.
CREATE FUNCTION hazard_request_act(p_me actor, p_action text, p_if_match bigint[], p_now timestamptz, p_request uuid, p_body jsonb)
RETURNS request_reply LANGUAGE plpgsql AS $$
DECLARE
    h hazards := hazard_locked(p_me, (request_of(p_me.tenant, p_request)).hazard_id);
    r requests;
    w hazard_work;
BEGIN
    SELECT * INTO r FROM requests x WHERE x.tenant = p_me.tenant AND x.id = p_request FOR UPDATE;
    IF NOT hazard_in_sight(p_me, h) THEN
        RETURN request_refusal('not_found');
    ELSIF is_stale(p_if_match, r.version) THEN
        RETURN request_refusal('precondition_failed', NULL, version_detail(r.version));
    END IF;
    w := hazard_decide_check(hazard_work_on(p_me, coalesce(p_now, clock_timestamp()), p_action, p_body, h), r);
    IF w.code IS NOT NULL THEN
        RETURN request_refusal(w.code, w.pointer, w.detail);
    END IF;
    w := hazard_decided(hazard_settled(w), r);
    RETURN request_view(p_me, request_of(p_me.tenant, p_request), NULL);
END $$;
COMMENT ON FUNCTION hazard_request_act(actor, text, bigint[], timestamptz, uuid, jsonb) IS
    'Approve, decline and withdraw of what is asked about a hazard.';
