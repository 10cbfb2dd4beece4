-- Accountability: reading it, deciding, appealing once, deciding the appeal.

CREATE FUNCTION account_refusal(p_code text, p_pointer text DEFAULT NULL, p_detail jsonb DEFAULT NULL) RETURNS account_reply
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ROW(p_code, p_pointer, p_detail, NULL, NULL, NULL, NULL)::account_reply;

CREATE FUNCTION account_answered(p_me actor, p_account uuid, p_replayed boolean) RETURNS account_reply
LANGUAGE plpgsql STABLE AS $$
DECLARE
    a accountability;
BEGIN
    SELECT * INTO a FROM accountability x WHERE x.tenant = p_me.tenant AND x.id = p_account;
    IF NOT account_in_sight(p_me, a) THEN
        RETURN account_refusal('not_found');
    END IF;
    RETURN ROW(NULL, NULL, NULL, a.version, NULL, p_replayed, account_view(p_me, a))::account_reply;
END $$;

CREATE FUNCTION account_get(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[],
    p_account uuid)
RETURNS account_reply LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_me actor := me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
BEGIN
    IF v_me.refusal IS NOT NULL THEN
        RETURN account_refusal(v_me.refusal);
    END IF;
    RETURN account_answered(v_me, p_account, false);
END $$;
SELECT delegate('account_get(text, text, text[], text[], text, text[], uuid)');

CREATE FUNCTION accounts_found(p_me actor, p account_filter) RETURNS SETOF accountability LANGUAGE sql STABLE AS $$
    SELECT a.* FROM accountability a
    WHERE a.tenant = p_me.tenant AND account_in_sight(p_me, a)
        AND (p.state IS NULL OR a.state = ANY (p.state)) AND (p.kind IS NULL OR a.kind = ANY (p.kind))
        AND (p.organisation IS NULL OR a.organisation = ANY (p.organisation))
        AND (p.person IS NULL OR a.person_id = p.person) AND (p."case" IS NULL OR a.case_id = p."case")
        AND (p.decidable IS NULL OR account_actions(p_me, a) && '{decide,decide_appeal}' = p.decidable)
$$;

CREATE FUNCTION account_list(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[],
    p_filter account_filter, p_cursor text, p_limit integer, p_count text)
RETURNS SETOF account_item LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_me actor := me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
BEGIN
    IF v_me.refusal IS NOT NULL THEN
        RETURN NEXT ROW(v_me.refusal, false, NULL, NULL, NULL)::account_item;
        RETURN;
    END IF;
    RETURN QUERY
        SELECT NULL::text, true, place_of((k.f).found_at, (k.f).id), NULL::bigint, account_view(v_me, k.f)
        FROM (SELECT f FROM accounts_found(v_me, p_filter) AS f
            WHERE p_cursor IS NULL OR (f.found_at, f.id) < (place_key(p_cursor), place_id(p_cursor))
            ORDER BY f.found_at DESC, f.id DESC LIMIT p_limit) AS k;
    IF p_count = 'exact' THEN
        RETURN NEXT ROW(NULL, false, NULL,
            (SELECT count(*) FROM (SELECT FROM accounts_found(v_me, p_filter) LIMIT 10001) AS k), NULL)::account_item;
    END IF;
END $$;
SELECT delegate('account_list(text, text, text[], text[], text, text[], account_filter, text, integer, text)');

-- State, then what may be done once or in time, then the person.
CREATE FUNCTION account_objection(p_me actor, a accountability, p_action text, p_now timestamptz) RETURNS objection
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_code text := CASE
        WHEN p_action = 'appeal' AND a.appealed_at IS NOT NULL THEN 'already_done'
        WHEN a.state <> (CASE p_action WHEN 'decide' THEN 'open' WHEN 'appeal' THEN 'decided' ELSE 'appealed' END)
            OR p_action = 'appeal' AND a.result <> 'held' THEN 'invalid_transition'
        WHEN p_action = 'appeal' AND p_now > account_appeal_until(a) THEN 'window_over' END;
BEGIN
    RETURN ROW(coalesce(v_code, account_refuses(p_me, a, p_action)), NULL, CASE WHEN v_code = 'invalid_transition' THEN
        jsonb_build_object('state', a.state, 'allowed_actions', account_actions(p_me, a)) END)::objection;
END $$;

CREATE FUNCTION account_changed(INOUT a accountability, p_me actor, p_action text, p_body jsonb, p_now timestamptz)
LANGUAGE plpgsql STABLE AS $$
BEGIN
    CASE p_action
        WHEN 'decide' THEN
            a.state := 'decided';
            a.result := p_body ->> 'result';
            a.note := p_body ->> 'note';
            a.decided_by := p_me.person_id;
            a.decided_at := p_now;
        WHEN 'appeal' THEN
            a.state := 'appealed';
            a.appeal_reason := p_body ->> 'reason';
            a.appealed_by := p_me.person_id;
            a.appealed_at := p_now;
        ELSE
            a.state := 'final';
            a.appeal_result := p_body ->> 'result';
            a.appeal_note := p_body ->> 'note';
            a.appeal_decided_by := p_me.person_id;
            a.appeal_decided_at := p_now;
    END CASE;
    a.version := a.version + 1;
END $$;

CREATE FUNCTION account_updated(a accountability) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE accountability x SET version = a.version, state = a.state, result = a.result, note = a.note,
        decided_by = a.decided_by, decided_at = a.decided_at, appeal_reason = a.appeal_reason, appealed_by = a.appealed_by,
        appealed_at = a.appealed_at, appeal_result = a.appeal_result, appeal_note = a.appeal_note,
        appeal_decided_by = a.appeal_decided_by, appeal_decided_at = a.appeal_decided_at, sole_person = a.sole_person
    WHERE x.tenant = a.tenant AND x.id = a.id;
END $$;

-- The case keeps it in its history, for those who see all of it.
CREATE FUNCTION side_event(p_me actor, p_case cases, p_role text, p_action text, p_data jsonb, p_now timestamptz)
RETURNS work LANGUAGE plpgsql AS $$
DECLARE
    w work := work_on(p_me, p_now, p_action, '{}', p_case);
BEGIN
    -- A case that was rejected, merged or voided has had its last event; the row itself tells the rest.
    IF p_case.state IN ('rejected', 'merged', 'voided') THEN
        RETURN w;
    END IF;
    w := settle_before(w);
    w.role := p_role;
    w := happened(w, p_action, (w.c).state, (w.c).state, 'restricted', NULL, p_data);
    RETURN case_written(w);
END $$;
COMMENT ON FUNCTION side_event(actor, cases, text, text, jsonb, timestamptz) IS
    'A restricted event of a locked case that changes nothing of it';

CREATE FUNCTION account_done(p_me actor, a accountability, p_action text, p_case cases, p_now timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    v_role text := coalesce(
        (SELECT x FROM unnest(account_deciders(a, p_action)) AS x WHERE p_action <> 'appeal' AND x = ANY (p_me.roles) LIMIT 1),
        p_me.roles[1]);
    w work;
BEGIN
    PERFORM account_updated(a);
    IF p_case.id IS NULL THEN
        RETURN;
    END IF;
    w := side_event(p_me, p_case, v_role, CASE p_action WHEN 'decide_appeal' THEN 'decide_appeal' ELSE p_action || '_accountability' END,
        jsonb_build_object('accountability_id', a.id, 'kind', a.kind, 'result', a.result, 'appeal_result', a.appeal_result),
        p_now);
    IF a.sole_person AND p_action <> 'appeal' AND a.kind <> 'sole_person' THEN
        PERFORM held(w, 'sole_person', 'person:' || p_me.person_id,
            jsonb_build_object('action', p_action, 'accountability_id', a.id), p_now);
    END IF;
END $$;

CREATE FUNCTION account_act(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[],
    p_action text, p_key text, p_fingerprint text, p_if_match bigint[], p_now timestamptz, p_account uuid, p_body jsonb)
RETURNS account_reply LANGUAGE plpgsql AS $$
DECLARE
    v_me actor := me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_key key_state;
    v_case cases;
    v_bad objection;
    a accountability;
BEGIN
    IF v_me.refusal IS NOT NULL THEN
        RETURN account_refusal(v_me.refusal);
    END IF;
    v_key := key_begin(p_tenant, p_actor, 'accountability.' || p_action, p_key, p_fingerprint);
    IF v_key.state = 'other' THEN
        RETURN account_refusal('idempotency_key_reused');
    ELSIF v_key.state = 'replay' THEN
        RETURN account_answered(v_me, v_key.object_id, true);
    END IF;
    -- The case before the row, as everywhere.
    v_case := case_locked(p_tenant, (SELECT x.case_id FROM accountability x WHERE x.tenant = p_tenant AND x.id = p_account));
    SELECT * INTO a FROM accountability x WHERE x.tenant = p_tenant AND x.id = p_account FOR UPDATE;
    IF NOT account_in_sight(v_me, a) THEN
        RETURN account_refusal('not_found');
    ELSIF is_stale(p_if_match, a.version) THEN
        RETURN account_refusal('precondition_failed', NULL, version_detail(a.version));
    END IF;
    v_bad := account_objection(v_me, a, p_action, v_now);
    IF v_bad.code IS NOT NULL THEN
        RETURN account_refusal(v_bad.code, v_bad.pointer, v_bad.detail);
    END IF;
    a.sole_person := a.sole_person
        OR p_action <> 'appeal' AND account_bars(v_me, a, p_action);
    PERFORM account_done(v_me, account_changed(a, v_me, p_action, p_body, v_now), p_action, v_case, v_now);
    PERFORM key_remember(p_tenant, p_actor, 'accountability.' || p_action, p_key, p_fingerprint, p_account);
    RETURN account_answered(v_me, p_account, false);
END $$;
SELECT delegate(
    'account_act(text, text, text[], text[], text, text[], text, text, text, bigint[], timestamptz, uuid, jsonb)');
