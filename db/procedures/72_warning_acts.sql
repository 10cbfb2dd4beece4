-- Writing early warnings: each call leaves a row in the warning's own history. The cases linked hear nothing of it.

-- Kinds of organisation do not matter: police and schools are named as well as departments.
CREATE FUNCTION departments_unknown(p_tenant text, p_body jsonb) RETURNS objection LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_bad bigint;
BEGIN
    SELECT min(d.n) INTO v_bad
    FROM jsonb_array_elements_text(coalesce(p_body -> 'departments', '[]')) WITH ORDINALITY AS d (code, n)
    WHERE NOT EXISTS (SELECT FROM organisations o WHERE o.tenant = p_tenant AND o.code = d.code AND o.active);
    RETURN CASE WHEN v_bad IS NOT NULL
        THEN ROW('unknown_reference', '/departments/' || (v_bad - 1), NULL)::objection END;
END $$;

CREATE FUNCTION warning_times(w early_warnings, p_body jsonb, p_now timestamptz) RETURNS objection
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN CASE
        WHEN p_body ? 'found_at' AND w.found_at > p_now THEN ROW('not_in_past', '/found_at', NULL)::objection
        WHEN p_body ? 'found_at' AND w.found_at > w.assessed_at THEN ROW('out_of_range', '/found_at', NULL)::objection
        WHEN w.signs_at > w.found_at
            THEN ROW('out_of_range', CASE WHEN p_body ? 'signs_at' THEN '/signs_at' ELSE '/found_at' END, NULL)::objection
    END;
END $$;

CREATE FUNCTION body_texts(p_list jsonb) RETURNS text[] LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN ARRAY(SELECT x.value FROM jsonb_array_elements_text(coalesce(p_list, '[]')) WITH ORDINALITY AS x (value, n) ORDER BY x.n);
END $$;

CREATE FUNCTION warning_written(p_me actor, w early_warnings, p_action text, p_body jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_role text := CASE WHEN 'supervisor' = ANY (p_me.roles) THEN 'supervisor' ELSE 'leader' END;
BEGIN
    UPDATE early_warnings x SET version = w.version, kind = w.kind, state = w.state, description = w.description,
        level = w.level, people_estimate = w.people_estimate, departments = w.departments, measures = w.measures,
        outcome = w.outcome, signs_at = w.signs_at, found_at = w.found_at, assessed_at = w.assessed_at,
        resolved_at = w.resolved_at, updated_at = w.updated_at
    WHERE x.tenant = w.tenant AND x.id = w.id;
    INSERT INTO early_warning_events (tenant, warning_id, seq, action, at, person_id, role, data)
    VALUES (w.tenant, w.id, w.version, p_action, w.updated_at, p_me.person_id, v_role, p_body);
END $$;

-- A write stands in the warning's own history. Asked again it only reads, and that is put on record as any reading.
CREATE FUNCTION warning_answered(p_me actor, p_warning uuid, p_replayed boolean, p_operation text, p_request text,
    p_now timestamptz)
RETURNS warning_reply LANGUAGE plpgsql AS $$
DECLARE
    w early_warnings;
BEGIN
    SELECT * INTO w FROM early_warnings x WHERE x.tenant = p_me.tenant AND x.id = p_warning;
    IF NOT warning_in_sight(p_me, w) THEN
        RETURN warning_refusal('not_found');
    END IF;
    IF p_replayed THEN
        PERFORM read_noted(p_me, p_operation, 'early_warning', ARRAY[w.id], p_request, p_now);
    END IF;
    RETURN ROW(NULL, NULL, NULL, w.version, '/v1/early-warnings/' || w.id, p_replayed, warning_view(p_me, w))::warning_reply;
END $$;

CREATE FUNCTION warning_create(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[],
    p_request text, p_id uuid, p_key text, p_fingerprint text, p_now timestamptz, p_body jsonb)
RETURNS warning_reply LANGUAGE plpgsql AS $$
DECLARE
    v_me actor := me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_key key_state;
    v_bad objection;
    w early_warnings := jsonb_populate_record(NULL::early_warnings, p_body - 'departments');
BEGIN
    IF v_me.refusal IS NOT NULL THEN
        RETURN warning_refusal(v_me.refusal);
    END IF;
    v_key := key_begin(p_tenant, p_actor, 'early_warnings.create', p_key, p_fingerprint);
    IF v_key.state = 'other' THEN
        RETURN warning_refusal('idempotency_key_reused');
    ELSIF v_key.state = 'replay' THEN
        RETURN warning_answered(v_me, v_key.object_id, true, 'early_warnings.create', p_request, v_now);
    END IF;
    w.found_at := coalesce(w.found_at, v_now);
    v_bad := coalesce(warning_times(w, p_body, v_now), departments_unknown(p_tenant, p_body));
    IF v_bad.code IS NOT NULL THEN
        RETURN warning_refusal(v_bad.code, v_bad.pointer);
    END IF;
    INSERT INTO early_warnings (tenant, id, kind, state, description, people_estimate, departments, measures, signs_at,
        found_at, created_by, created_at, updated_at)
    VALUES (p_tenant, p_id, w.kind, 'found', w.description, w.people_estimate, body_texts(p_body -> 'departments'), w.measures,
        w.signs_at, w.found_at, v_me.person_id, v_now, v_now);
    SELECT * INTO w FROM early_warnings x WHERE x.tenant = p_tenant AND x.id = p_id;
    PERFORM warning_written(v_me, w, 'create', p_body);
    PERFORM key_remember(p_tenant, p_actor, 'early_warnings.create', p_key, p_fingerprint, p_id);
    RETURN warning_answered(v_me, p_id, false, 'early_warnings.create', p_request, v_now);
END $$;
SELECT delegate('warning_create(text, text, text[], text[], text, text[], text, uuid, text, text, timestamptz, jsonb)');

-- Link and unlink name a case that the caller sees.
CREATE FUNCTION warning_link_check(p_me actor, w early_warnings, p_action text, p_case uuid) RETURNS objection
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_linked boolean := EXISTS (
        SELECT FROM early_warning_cases l
        WHERE l.tenant = w.tenant AND l.warning_id = w.id AND l.case_id = p_case AND l.unlinked_at IS NULL);
BEGIN
    RETURN CASE
        WHEN NOT EXISTS (SELECT FROM cases c WHERE c.tenant = w.tenant AND c.id = p_case AND case_in_sight(p_me, c))
            THEN ROW('unknown_reference', '/case_id', NULL)::objection
        WHEN p_action = 'link' AND v_linked THEN ROW('already_done', NULL, NULL)::objection
        WHEN p_action = 'unlink' AND NOT v_linked THEN ROW('unknown_reference', '/case_id', NULL)::objection END;
END $$;

CREATE FUNCTION warning_linked(p_me actor, w early_warnings, p_action text, p_case uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF p_action = 'link' THEN
        INSERT INTO early_warning_cases (tenant, warning_id, case_id, linked_at, linked_by)
        VALUES (w.tenant, w.id, p_case, w.updated_at, p_me.person_id)
        ON CONFLICT (tenant, warning_id, case_id) DO UPDATE
            SET linked_at = excluded.linked_at, linked_by = excluded.linked_by, unlinked_at = NULL;
    ELSE
        UPDATE early_warning_cases l SET unlinked_at = w.updated_at
        WHERE l.tenant = w.tenant AND l.warning_id = w.id AND l.case_id = p_case;
    END IF;
END $$;

-- The row as the call leaves it.
CREATE FUNCTION warning_changed(INOUT w early_warnings, p_action text, p_body jsonb, p_now timestamptz)
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF p_action IN ('edit', 'assess', 'resolve') THEN
        w := jsonb_populate_record(w, p_body);
    END IF;
    CASE p_action
        WHEN 'assess' THEN
            w.state := 'assessed';
            w.assessed_at := coalesce(w.assessed_at, p_now);
        WHEN 'resolve' THEN
            w.state := 'resolved';
            w.resolved_at := p_now;
        WHEN 'name_departments' THEN
            w.departments := body_texts(p_body -> 'departments');
        ELSE NULL;
    END CASE;
    w.version := w.version + 1;
    w.updated_at := p_now;
END $$;

CREATE FUNCTION warning_objection(p_me actor, p_old early_warnings, p_new early_warnings, p_action text, p_body jsonb,
    p_now timestamptz)
RETURNS objection LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF p_action <> ALL (warning_moves(p_old.state)) THEN
        RETURN ROW('invalid_transition', NULL, jsonb_build_object(
            'state', p_old.state, 'allowed_actions', warning_actions(p_me, p_old)))::objection;
    ELSIF p_action IN ('link', 'unlink') THEN
        RETURN warning_link_check(p_me, p_old, p_action, (p_body ->> 'case_id')::uuid);
    ELSIF p_action = 'edit' THEN
        RETURN warning_times(p_new, p_body, p_now);
    END IF;
    RETURN departments_unknown(p_old.tenant, p_body);
END $$;

CREATE FUNCTION warning_act(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[],
    p_request text, p_action text, p_key text, p_fingerprint text, p_if_match bigint[], p_now timestamptz, p_warning uuid, p_body jsonb)
RETURNS warning_reply LANGUAGE plpgsql AS $$
DECLARE
    v_me actor := me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_key key_state;
    v_bad objection;
    v_old early_warnings;
    v_new early_warnings;
BEGIN
    IF v_me.refusal IS NOT NULL THEN
        RETURN warning_refusal(v_me.refusal);
    END IF;
    v_key := key_begin(p_tenant, p_actor, 'early_warnings.' || p_action, p_key, p_fingerprint);
    IF v_key.state = 'other' THEN
        RETURN warning_refusal('idempotency_key_reused');
    ELSIF v_key.state = 'replay' THEN
        RETURN warning_answered(v_me, v_key.object_id, true, 'early_warnings.' || p_action, p_request, v_now);
    END IF;
    SELECT * INTO v_old FROM early_warnings x WHERE x.tenant = p_tenant AND x.id = p_warning FOR UPDATE;
    IF NOT warning_in_sight(v_me, v_old) THEN
        RETURN warning_refusal('not_found');
    ELSIF is_stale(p_if_match, v_old.version) THEN
        RETURN warning_refusal('precondition_failed', NULL, version_detail(v_old.version));
    END IF;
    v_new := warning_changed(v_old, p_action, p_body, v_now);
    v_bad := warning_objection(v_me, v_old, v_new, p_action, p_body, v_now);
    IF v_bad.code IS NOT NULL THEN
        RETURN warning_refusal(v_bad.code, v_bad.pointer, v_bad.detail);
    END IF;
    IF p_action IN ('link', 'unlink') THEN
        PERFORM warning_linked(v_me, v_new, p_action, (p_body ->> 'case_id')::uuid);
    END IF;
    PERFORM warning_written(v_me, v_new, p_action, p_body);
    PERFORM key_remember(p_tenant, p_actor, 'early_warnings.' || p_action, p_key, p_fingerprint, p_warning);
    RETURN warning_answered(v_me, p_warning, false, 'early_warnings.' || p_action, p_request, v_now);
END $$;
SELECT delegate(
    'warning_act(text, text, text[], text[], text, text[], text, text, text, text, bigint[], timestamptz, uuid, jsonb)');
