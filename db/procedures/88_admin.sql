-- Administration: one way for every kind of object. Replay, not there, stale, what only the world can change, what is wrong.

CREATE TYPE admin_reply AS (
    _code text, _pointer text, _detail jsonb, _version bigint, _location text, _replayed boolean,
    document jsonb
);

CREATE FUNCTION admin_answer(w admin_work) RETURNS admin_reply LANGUAGE plpgsql STABLE AS $$
DECLARE
    r admin_reply;
BEGIN
    r._code := w.code;
    r._pointer := w.pointer;
    IF w.code IS NULL THEN
        r._version := w.version;
        r._location := CASE w.action WHEN 'create' THEN admin_path(w) END;
        r._replayed := w.replayed;
        r.document := coalesce(w.new, w.old);
    ELSIF w.code = 'precondition_failed' THEN
        r._detail := version_detail(w.version);
    END IF;
    RETURN r;
END $$;

-- The object as it is by now, whatever became of it since.
CREATE FUNCTION admin_replayed(INOUT w admin_work, p_event uuid) LANGUAGE plpgsql STABLE AS $$
BEGIN
    SELECT e.object_key INTO w.key FROM admin_events e WHERE e.tenant = (w.me).tenant AND e.id = p_event;
    w := admin_found(w);
    w.replayed := true;
END $$;

-- The document as it shall be.
CREATE FUNCTION admin_drafted(INOUT w admin_work) LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_today date := street_today((w.me).tenant, w.now);
BEGIN
    w.new := CASE
        WHEN w.action = 'create' THEN admin_blank(w.kind) || w.body
        WHEN w.action = 'edit' THEN w.old || w.body
        WHEN w.kind = 'assignment' THEN w.old || jsonb_build_object('valid_to',
            greatest(v_today, (w.old ->> 'valid_from')::date))
        ELSE w.old || '{"active": false}' END;
    IF w.action = 'create' AND w.kind IN ('person', 'assignment') THEN
        w.new := w.new || jsonb_build_object('id', w.key);
    ELSIF w.action = 'create' AND w.kind = 'client' THEN
        w.new := w.new || jsonb_build_object('client_id', w.key);
    ELSIF w.kind = 'policy' THEN
        w.new := w.new || jsonb_build_object('version', w.key::integer,
            'valid_from', iso(coalesce((w.body ->> 'valid_from')::timestamptz, w.now)));
    END IF;
    IF w.action = 'retire' THEN
        w := admin_needs(w, CASE w.kind
            WHEN 'assignment' THEN coalesce((w.old ->> 'valid_to')::date > greatest(v_today, (w.old ->> 'valid_from')::date), true)
            ELSE (w.old -> 'active') = 'true' END, 'already_done');
    END IF;
END $$;

CREATE FUNCTION admin_done(INOUT w admin_work, p_event uuid, p_if_match bigint[]) LANGUAGE plpgsql AS $$
BEGIN
    IF w.action = 'create' THEN
        w.key := admin_new_key(w);
    END IF;
    w := admin_found(w);
    w := admin_needs(w, w.action = 'create' OR w.old IS NOT NULL, 'not_found');
    w := admin_needs(w, w.action = 'create' OR NOT is_stale(p_if_match, w.version), 'precondition_failed');
    w := admin_needs(w, w.action <> 'create' OR w.old IS NULL, 'conflict');
    IF w.code IS NULL THEN
        w := admin_drafted(w);
    END IF;
    IF w.code IS NULL THEN
        w := admin_checked(w);
    END IF;
    -- What changes nothing leaves neither a version nor a trace.
    IF w.code IS NULL AND w.new IS DISTINCT FROM w.old THEN
        w.version := coalesce(w.version, 0) + 1;
        PERFORM admin_saved(w, p_event);
        w.new := (admin_found(w)).old;
        -- Whoever keeps the street's names asks for them again.
        IF w.kind IN ('organisation', 'area', 'category', 'person', 'client') THEN
            UPDATE tenants t SET names_version = t.names_version + 1 WHERE t.tenant = (w.me).tenant;
        END IF;
    END IF;
END $$;
COMMENT ON FUNCTION admin_done(admin_work, uuid, bigint[]) IS 'The work, done or refused';

CREATE FUNCTION admin_act(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[],
    p_kind text, p_action text, p_object text, p_id uuid, p_key text, p_fingerprint text, p_if_match bigint[],
    p_now timestamptz, p_body jsonb)
RETURNS admin_reply LANGUAGE plpgsql AS $$
DECLARE
    w admin_work;
    v_operation text := p_kind || '.' || p_action;
    v_key key_state;
BEGIN
    w.me := me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
    w.now := coalesce(p_now, clock_timestamp());
    w.kind := p_kind;
    w.action := p_action;
    w.key := p_object;
    w.body := coalesce(p_body, '{}');
    w.code := (w.me).refusal;
    IF w.code IS NOT NULL THEN
        RETURN admin_answer(w);
    ELSIF p_action = 'get' THEN
        w := admin_found(w);
        RETURN admin_answer(admin_needs(w, w.old IS NOT NULL, 'not_found'));
    END IF;
    v_key := key_begin(p_tenant, p_actor, v_operation, p_key, p_fingerprint);
    IF v_key.state = 'other' THEN
        RETURN admin_answer(admin_needs(w, false, 'idempotency_key_reused'));
    ELSIF v_key.state = 'replay' THEN
        RETURN admin_answer(admin_replayed(w, v_key.object_id));
    END IF;
    -- One change at a time in a street: what is checked here spans rows (paths, the last administrator, version numbers).
    PERFORM pg_advisory_xact_lock(hashtextextended(concat_ws(E'\x1f', 'admin', p_tenant), 0));
    w := admin_done(w, p_id, p_if_match);
    IF w.code IS NULL THEN
        PERFORM key_remember(p_tenant, p_actor, v_operation, p_key, p_fingerprint, p_id);
    END IF;
    RETURN admin_answer(w);
END $$;
SELECT delegate('admin_act(text, text, text[], text[], text, text[], text, text, text, uuid, text, text, bigint[], timestamptz, jsonb)');

-- What an auditor reads of people is masked, in the log too.
CREATE FUNCTION admin_shown(p_roles text[], p_kind text, p_document jsonb) RETURNS jsonb LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE WHEN p_kind = 'person' AND 'auditor' = ANY (p_roles)
    THEN p_document || jsonb_build_object('name', mask_name(p_document ->> 'name'), 'phone', mask_phone(p_document ->> 'phone'))
    ELSE p_document END;
