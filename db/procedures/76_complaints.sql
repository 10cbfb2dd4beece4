-- 投诉调解: a reporter complains about how a case is handled; a supervisor upholds or dismisses it.

CREATE TYPE complaint_shown AS (
    id uuid, version bigint, case_id uuid, case_number text, round integer, state text, text text, by__kind text, by__id text,
    by__name text, created_at timestamptz, decided_by__kind text, decided_by__id text, decided_by__name text,
    decided_at timestamptz, reason text, sole_person boolean, accountability_id uuid, allowed_actions text[]
);

CREATE TYPE complaint_reply AS (
    _code text, _pointer text, _detail jsonb, _version bigint, _location text, _replayed boolean, shown complaint_shown
);

CREATE TYPE complaint_item AS (_code text, _item boolean, _cursor text, _total bigint, shown complaint_shown);

CREATE TYPE complaint_filter AS (state text[], "case" uuid);

CREATE FUNCTION complaint_in_sight(p_me actor, k complaints) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
RETURN ((k).id IS NOT NULL AND ((p_me).roles && '{supervisor,leader,auditor}'
    OR ('citizen' = ANY ((p_me).roles) AND (k).person_id = (p_me).person_id))) IS TRUE;
COMMENT ON FUNCTION complaint_in_sight(actor, complaints) IS 'Whether the complaint exists for this caller';

-- Nobody decides a complaint of their own, about their own work or about that of their own organisation.
CREATE FUNCTION complaint_barred(p_person uuid, p_org text, k complaints, p_case cases, p_against text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN coalesce(p_person IN ((k).person_id, (p_case).handler), false) OR coalesce(p_person = ANY ((p_case).workers), false)
    OR coalesce(p_org = ANY ((p_case).organisations), false)
    OR coalesce(p_against IN ('person:' || p_person::text, 'organisation:' || p_org), false);

CREATE FUNCTION complaint_bars(p_me actor, k complaints, p_case cases, p_against text) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM people p
        WHERE p.tenant = k.tenant AND p.id = p_me.person_id AND complaint_barred(p.id, p.organisation_code, k, p_case, p_against));
END $$;

CREATE FUNCTION complaint_refuses(p_me actor, k complaints, p_case cases, p_against text) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN CASE WHEN complaint_bars(p_me, k, p_case, p_against) AND EXISTS (
        SELECT FROM people p
        WHERE p.tenant = k.tenant AND p.active AND 'supervisor' = ANY (p.roles)
            AND NOT complaint_barred(p.id, p.organisation_code, k, p_case, p_against)) THEN 'own_request' END;
END $$;

CREATE FUNCTION complaint_view(p_me actor, k complaints) RETURNS complaint_shown LANGUAGE plpgsql STABLE AS $$
DECLARE
    v complaint_shown;
    v_case cases;
    p party := person_party(p_me, k.decided_by);
BEGIN
    SELECT * INTO v_case FROM cases c WHERE c.tenant = k.tenant AND c.id = k.case_id;
    v := jsonb_populate_record(v, to_jsonb(k));
    v.case_number := v_case.number;
    v.decided_by__kind := p.kind;
    v.decided_by__id := p.id;
    v.decided_by__name := p.name;
    p := CASE WHEN k.person_id = p_me.person_id THEN ROW('person', k.person_id::text, p_me.name)::party
        ELSE doer_party(p_me, k.person_id, 'citizen', NULL, sees_reporter(p_me, v_case)) END;
    v.by__kind := p.kind;
    v.by__id := p.id;
    v.by__name := p.name;
    IF NOT sees_staff(p_me) THEN
        v.accountability_id := NULL;
    END IF;
    v.allowed_actions := CASE WHEN k.state = 'open' AND 'supervisor' = ANY (p_me.roles)
        AND complaint_refuses(p_me, k, v_case, NULL) IS NULL THEN ARRAY['uphold', 'dismiss'] ELSE '{}' END;
    RETURN v;
END $$;
COMMENT ON FUNCTION complaint_view(actor, complaints) IS 'The complaint as this reader may see it';

CREATE FUNCTION complaint_refusal(p_code text, p_pointer text DEFAULT NULL, p_detail jsonb DEFAULT NULL)
RETURNS complaint_reply LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ROW(p_code, p_pointer, p_detail, NULL, NULL, NULL, NULL)::complaint_reply;

CREATE FUNCTION complaint_answered(p_me actor, p_complaint uuid, p_replayed boolean) RETURNS complaint_reply
LANGUAGE plpgsql STABLE AS $$
DECLARE
    k complaints;
BEGIN
    SELECT * INTO k FROM complaints x WHERE x.tenant = p_me.tenant AND x.id = p_complaint;
    IF NOT complaint_in_sight(p_me, k) THEN
        RETURN complaint_refusal('not_found');
    END IF;
    RETURN ROW(NULL, NULL, NULL, k.version, '/v1/complaints/' || k.id, p_replayed, complaint_view(p_me, k))::complaint_reply;
END $$;

CREATE FUNCTION complaint_get(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[],
    p_complaint uuid)
RETURNS complaint_reply LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_me actor := me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
BEGIN
    IF v_me.refusal IS NOT NULL THEN
        RETURN complaint_refusal(v_me.refusal);
    END IF;
    RETURN complaint_answered(v_me, p_complaint, false);
END $$;
SELECT delegate('complaint_get(text, text, text[], text[], text, text[], uuid)');

CREATE FUNCTION complaints_found(p_me actor, p complaint_filter) RETURNS SETOF complaints LANGUAGE sql STABLE AS $$
    SELECT k.* FROM complaints k
    WHERE k.tenant = p_me.tenant AND complaint_in_sight(p_me, k)
        AND (p.state IS NULL OR k.state = ANY (p.state)) AND (p."case" IS NULL OR k.case_id = p."case")
$$;

CREATE FUNCTION complaint_list(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[],
    p_filter complaint_filter, p_cursor text, p_limit integer, p_count text)
RETURNS SETOF complaint_item LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_me actor := me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
BEGIN
    IF v_me.refusal IS NOT NULL THEN
        RETURN NEXT ROW(v_me.refusal, false, NULL, NULL, NULL)::complaint_item;
        RETURN;
    END IF;
    RETURN QUERY
        SELECT NULL::text, true, place_of((x.f).created_at, (x.f).id), NULL::bigint, complaint_view(v_me, x.f)
        FROM (SELECT f FROM complaints_found(v_me, p_filter) AS f
            WHERE p_cursor IS NULL OR (f.created_at, f.id) < (place_key(p_cursor), place_id(p_cursor))
            ORDER BY f.created_at DESC, f.id DESC LIMIT p_limit) AS x;
    IF p_count = 'exact' THEN
        RETURN NEXT ROW(NULL, false, NULL,
            (SELECT count(*) FROM (SELECT FROM complaints_found(v_me, p_filter) LIMIT 10001) AS x), NULL)::complaint_item;
    END IF;
END $$;
SELECT delegate('complaint_list(text, text, text[], text[], text, text[], complaint_filter, text, integer, text)');

CREATE FUNCTION complaint_create(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[],
    p_id uuid, p_key text, p_fingerprint text, p_now timestamptz, p_case uuid, p_text text)
RETURNS complaint_reply LANGUAGE plpgsql AS $$
DECLARE
    v_me actor := me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_key key_state;
    v_case cases;
BEGIN
    IF v_me.refusal IS NOT NULL THEN
        RETURN complaint_refusal(v_me.refusal);
    END IF;
    v_key := key_begin(p_tenant, p_actor, 'complaints.create', p_key, p_fingerprint);
    IF v_key.state = 'other' THEN
        RETURN complaint_refusal('idempotency_key_reused');
    ELSIF v_key.state = 'replay' THEN
        RETURN complaint_answered(v_me, v_key.object_id, true);
    END IF;
    v_case := case_locked(p_tenant, p_case);
    IF NOT case_in_sight(v_me, v_case) THEN
        RETURN complaint_refusal('not_found');
    ELSIF EXISTS (SELECT FROM complaints k WHERE k.tenant = p_tenant AND k.case_id = p_case
        AND k.person_id = v_me.person_id AND k.state = 'open') THEN
        RETURN complaint_refusal('request_pending');
    ELSIF NOT v_me.person_id = ANY (v_case.reporters) THEN
        RETURN complaint_refusal('not_handler');
    END IF;
    INSERT INTO complaints (tenant, id, case_id, round, state, text, person_id, created_at)
    VALUES (p_tenant, p_id, p_case, v_case.round, 'open', p_text, v_me.person_id, v_now);
    PERFORM side_event(v_me, v_case, 'citizen', 'complain', jsonb_build_object('complaint_id', p_id), v_now);
    PERFORM key_remember(p_tenant, p_actor, 'complaints.create', p_key, p_fingerprint, p_id);
    RETURN complaint_answered(v_me, p_id, false);
END $$;
SELECT delegate('complaint_create(text, text, text[], text[], text, text[], uuid, text, text, timestamptz, uuid, text)');

CREATE FUNCTION complaint_against_unknown(p_tenant text, p_against jsonb) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN CASE p_against ->> 'kind'
        WHEN 'person' THEN NOT EXISTS (
            SELECT FROM people p
            WHERE p.tenant = p_tenant AND p.id::text = p_against ->> 'id' AND NOT p.roles <@ '{citizen,client}')
        WHEN 'organisation' THEN NOT EXISTS (
            SELECT FROM organisations o WHERE o.tenant = p_tenant AND o.code = p_against ->> 'id')
        ELSE false END;
END $$;

-- An upheld one is put on record against whom the supervisor names, else against whose work it is.
CREATE FUNCTION complaint_done(p_me actor, k complaints, p_action text, p_case cases, p_body jsonb, p_now timestamptz)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    w work := side_event(p_me, p_case, 'supervisor', p_action || '_complaint', jsonb_build_object('complaint_id', k.id), p_now);
    v_sole boolean := complaint_bars(p_me, k, p_case, (p_body #>> '{against,kind}') || ':' || (p_body #>> '{against,id}'));
    v_account uuid;
BEGIN
    IF p_action = 'uphold' THEN
        v_account := held(w, 'upheld_complaint',
            coalesce((p_body #>> '{against,kind}') || ':' || (p_body #>> '{against,id}'), worker_address(w)),
            jsonb_build_object('complaint_id', k.id, 'reason', p_body ->> 'reason'), p_now);
    END IF;
    IF v_sole THEN
        PERFORM held(w, 'sole_person', 'person:' || p_me.person_id,
            jsonb_build_object('action', p_action, 'complaint_id', k.id), p_now);
    END IF;
    UPDATE complaints x SET version = x.version + 1, state = CASE p_action WHEN 'uphold' THEN 'upheld' ELSE 'dismissed' END,
        decided_by = p_me.person_id, decided_at = p_now, reason = p_body ->> 'reason', sole_person = v_sole,
        accountability_id = v_account
    WHERE x.tenant = k.tenant AND x.id = k.id;
END $$;

CREATE FUNCTION complaint_objection(p_me actor, k complaints, p_case cases, p_body jsonb) RETURNS objection
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_person text := complaint_refuses(p_me, k, p_case, (p_body #>> '{against,kind}') || ':' || (p_body #>> '{against,id}'));
BEGIN
    RETURN CASE
        WHEN k.state <> 'open' THEN ROW('invalid_transition', NULL,
            jsonb_build_object('state', k.state, 'allowed_actions', '[]'::jsonb))::objection
        WHEN v_person IS NOT NULL THEN ROW(v_person, NULL, NULL)::objection
        WHEN complaint_against_unknown(k.tenant, p_body -> 'against')
            THEN ROW('unknown_reference', '/against/id', NULL)::objection END;
END $$;

CREATE FUNCTION complaint_act(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[],
    p_action text, p_key text, p_fingerprint text, p_if_match bigint[], p_now timestamptz, p_complaint uuid, p_body jsonb)
RETURNS complaint_reply LANGUAGE plpgsql AS $$
DECLARE
    v_me actor := me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_key key_state;
    v_case cases;
    v_bad objection;
    k complaints;
BEGIN
    IF v_me.refusal IS NOT NULL THEN
        RETURN complaint_refusal(v_me.refusal);
    END IF;
    v_key := key_begin(p_tenant, p_actor, 'complaints.' || p_action, p_key, p_fingerprint);
    IF v_key.state = 'other' THEN
        RETURN complaint_refusal('idempotency_key_reused');
    ELSIF v_key.state = 'replay' THEN
        RETURN complaint_answered(v_me, v_key.object_id, true);
    END IF;
    v_case := case_locked(p_tenant, (SELECT x.case_id FROM complaints x WHERE x.tenant = p_tenant AND x.id = p_complaint));
    SELECT * INTO k FROM complaints x WHERE x.tenant = p_tenant AND x.id = p_complaint FOR UPDATE;
    IF NOT complaint_in_sight(v_me, k) THEN
        RETURN complaint_refusal('not_found');
    ELSIF is_stale(p_if_match, k.version) THEN
        RETURN complaint_refusal('precondition_failed', NULL, version_detail(k.version));
    END IF;
    v_bad := complaint_objection(v_me, k, v_case, p_body);
    IF v_bad.code IS NOT NULL THEN
        RETURN complaint_refusal(v_bad.code, v_bad.pointer, v_bad.detail);
    END IF;
    PERFORM complaint_done(v_me, k, p_action, v_case, p_body, v_now);
    PERFORM key_remember(p_tenant, p_actor, 'complaints.' || p_action, p_key, p_fingerprint, p_complaint);
    RETURN complaint_answered(v_me, p_complaint, false);
END $$;
SELECT delegate(
    'complaint_act(text, text, text[], text[], text, text[], text, text, text, bigint[], timestamptz, uuid, jsonb)');
