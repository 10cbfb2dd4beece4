-- The doors of requests: asking about a case or a ticket, approving, declining, withdrawing.

CREATE FUNCTION request_of(p_tenant text, p_request uuid) RETURNS requests LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT r FROM requests r WHERE r.tenant = p_tenant AND r.id = p_request);
END $$;

CREATE FUNCTION request_replayed(p_me actor, p_request uuid) RETURNS request_reply LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_request requests := request_of(p_me.tenant, p_request);
    v_case cases;
    v request_reply;
BEGIN
    SELECT * INTO v_case FROM cases c WHERE c.tenant = p_me.tenant AND c.id = v_request.case_id;
    IF NOT coalesce(request_in_sight(p_me, v_request, v_case), false) THEN
        RETURN request_refusal('not_found');
    END IF;
    v := request_view(p_me, v_request, v_case);
    v._replayed := true;
    RETURN v;
END $$;

-- Case, ticket, request: locked in this order. No request in the work: there is none that the caller sees.
CREATE FUNCTION request_locked(p_me actor, p_action text, p_body jsonb, p_request uuid, p_now timestamptz)
RETURNS work LANGUAGE plpgsql AS $$
DECLARE
    v_request requests := request_of(p_me.tenant, p_request);
    v_case cases := case_locked(p_me.tenant, v_request.case_id);
    w work;
BEGIN
    IF v_case.id IS NULL THEN
        RETURN w;
    END IF;
    w := work_on(p_me, coalesce(p_now, clock_timestamp()), p_action, p_body, v_case);
    IF v_request.ticket_id IS NOT NULL THEN
        w := ticket_loaded(w, v_request.ticket_id);
    END IF;
    SELECT * INTO v_request FROM requests r WHERE r.tenant = p_me.tenant AND r.id = p_request FOR UPDATE;
    IF coalesce(request_in_sight(p_me, v_request, v_case), false) THEN
        w.r := v_request;
        w.r_old := v_request;
    END IF;
    RETURN w;
END $$;

CREATE FUNCTION request_done(INOUT w work) LANGUAGE plpgsql AS $$
BEGIN
    w := do_request(settle_before(w));
    IF (w.t).id IS NOT NULL THEN
        w := ticket_saved(w);
    END IF;
    w := case_written(w);
END $$;

CREATE FUNCTION request_act(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[],
    p_action text, p_key text, p_fingerprint text, p_if_match bigint[], p_now timestamptz, p_request uuid, p_body jsonb)
RETURNS request_reply LANGUAGE plpgsql AS $$
DECLARE
    v_me actor := me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
    v_key key_state;
    v request_reply;
    w work;
BEGIN
    IF v_me.refusal IS NOT NULL THEN
        RETURN request_refusal(v_me.refusal);
    END IF;
    v_key := key_begin(p_tenant, p_actor, 'requests.' || p_action, p_key, p_fingerprint);
    IF v_key.state = 'other' THEN
        RETURN request_refusal('idempotency_key_reused');
    ELSIF v_key.state = 'replay' THEN
        RETURN request_replayed(v_me, v_key.object_id);
    END IF;
    IF (request_of(p_tenant, p_request)).hazard_id IS NOT NULL THEN
        v := hazard_request_act(v_me, p_action, p_if_match, p_now, p_request, p_body);
        IF v._code IS NULL THEN
            PERFORM key_remember(p_tenant, p_actor, 'requests.' || p_action, p_key, p_fingerprint, p_request);
        END IF;
        RETURN v;
    END IF;
    w := request_locked(v_me, p_action, p_body, p_request, p_now);
    IF (w.r).id IS NULL THEN
        RETURN request_refusal('not_found');
    ELSIF is_stale(p_if_match, (w.r).version) THEN
        RETURN request_refusal('precondition_failed', NULL, version_detail((w.r).version));
    END IF;
    w := request_check(w);
    IF w.code IS NOT NULL THEN
        RETURN request_refusal(w.code, w.pointer, w.detail);
    END IF;
    w := request_done(w);
    PERFORM key_remember(p_tenant, p_actor, 'requests.' || p_action, p_key, p_fingerprint, p_request);
    RETURN request_view(v_me, request_of(p_tenant, p_request), w.c);
END $$;
COMMENT ON FUNCTION request_act(text, text, text[], text[], text, text[], text, text, text, bigint[], timestamptz, uuid, jsonb) IS
    'Approve, decline and withdraw.';

-- Whether something may be asked: the while of its kind, its guards, then the person, then the row.
CREATE FUNCTION ask_check(INOUT w work, p_subject text) LANGUAGE plpgsql STABLE AS $$
DECLARE
    k request_kinds;
    v_kind text := w.body ->> 'kind';
    v_draft requests;
BEGIN
    SELECT * INTO k FROM request_kinds x WHERE x.kind = v_kind AND x.subject = p_subject AND x.asks <> '{system}' AND x.kind <> 'plan';
    IF NOT FOUND THEN
        w := refused(w, 'invalid_value', '/kind');
        RETURN;
    END IF;
    v_draft.kind := v_kind;
    v_draft.ticket_id := (w.t).id;
    IF NOT request_while(v_draft, w.c, w.t) THEN
        w := wrong_state(w);
        RETURN;
    END IF;
    w := check_world(w, guards_at(k.guards, 409));
    IF w.code IS NULL AND pending(w, v_kind) IS NOT NULL THEN
        w := refused(w, 'request_pending');
    END IF;
    IF w.code IS NULL THEN
        w := check_person(w, k.asks, bits_of(k.asks), guards_at(k.guards, 403),
            CASE p_subject WHEN 'ticket' THEN ticket_parties(w.me, w.t, w.c) ELSE case_bits(w.me, w.c) END, true);
    END IF;
    IF w.code IS NULL THEN
        w := kind_fields(w, v_kind, '{kind,reason}');
    END IF;
    IF w.code IS NULL AND v_kind = 'return' AND w.body ->> 'basis' IS NULL THEN
        w := refused(w, 'required', '/basis');
    END IF;
    IF w.code IS NULL THEN
        w := check_row(w, guards_at(k.guards, 422));
    END IF;
END $$;
COMMENT ON FUNCTION ask_check(work, text) IS 'The work with the role to ask in, or refused; writes nothing.';

CREATE FUNCTION ask_done(INOUT w work) LANGUAGE plpgsql AS $$
DECLARE
    v_kind text := w.body ->> 'kind';
    v_reporter integer := CASE WHEN w.role = 'citizen' THEN (
        SELECT min(p.n) FROM case_reporters p
        WHERE p.tenant = (w.c).tenant AND p.case_id = (w.c).id AND p.person_id = (w.me).person_id) END;
    v_data jsonb := jsonb_build_object('kind', v_kind);
BEGIN
    w := settle_before(w);
    w := request_opened(w, v_kind, w.body ->> 'reason', w.body - ARRAY['kind', 'reason'], v_reporter);
    IF (w.t).id IS NULL THEN
        w := case_to(w, 'request', '=', w.body ->> 'reason', v_data, (w.r).id);
    ELSE
        w := ticket_to(w, 'request', '=', w.body ->> 'reason', v_data, (w.r).id);
        IF v_kind = 'return' THEN
            w.t.state_before := (w.t).state;
            w := ticket_to(w, 'ask_return', 'return_requested', NULL, '{}', (w.r).id);
        END IF;
        w := ticket_saved(w);
    END IF;
    w := case_written(w);
END $$;

-- Asking about a case (p_subject case) or a ticket.
CREATE FUNCTION request_ask(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[],
    p_subject text, p_key text, p_fingerprint text, p_now timestamptz, p_object uuid, p_body jsonb)
RETURNS request_reply LANGUAGE plpgsql AS $$
DECLARE
    v_me actor := me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
    v_operation text := p_subject || 's.request';
    v_key key_state;
    w work;
BEGIN
    IF v_me.refusal IS NOT NULL THEN
        RETURN request_refusal(v_me.refusal);
    END IF;
    v_key := key_begin(p_tenant, p_actor, v_operation, p_key, p_fingerprint);
    IF v_key.state = 'other' THEN
        RETURN request_refusal('idempotency_key_reused');
    ELSIF v_key.state = 'replay' THEN
        RETURN request_created(request_replayed(v_me, v_key.object_id));
    END IF;
    w := CASE p_subject WHEN 'ticket' THEN ticket_seen(v_me, 'request', p_body, p_object, p_now)
        ELSE case_seen(v_me, 'request', p_body, p_object, p_now) END;
    IF (w.c).id IS NULL OR p_subject = 'ticket' AND (w.t).id IS NULL THEN
        RETURN request_refusal('not_found');
    END IF;
    w := ask_check(w, p_subject);
    IF w.code IS NOT NULL THEN
        RETURN request_refusal(w.code, w.pointer, w.detail);
    END IF;
    w := ask_done(w);
    PERFORM key_remember(p_tenant, p_actor, v_operation, p_key, p_fingerprint, (w.r).id);
    RETURN request_created(request_view(v_me, request_of(p_tenant, (w.r).id), w.c));
END $$;
COMMENT ON FUNCTION request_ask(text, text, text[], text[], text, text[], text, text, text, timestamptz, uuid, jsonb) IS
    'cases.request and tickets.request';

CREATE FUNCTION request_created(INOUT v request_reply) LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF v._code IS NULL THEN
        v._location := '/v1/requests/' || v.id;
    END IF;
END $$;

SELECT delegate(
    'request_act(text, text, text[], text[], text, text[], text, text, text, bigint[], timestamptz, uuid, jsonb)'::regprocedure);
SELECT delegate(
    'request_ask(text, text, text[], text[], text, text[], text, text, text, timestamptz, uuid, jsonb)'::regprocedure);
