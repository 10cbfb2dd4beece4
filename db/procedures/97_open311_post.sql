-- Open311 GeoReport v2: reporting. A report is a case like others, made by the client; here it only changes its clothes.

CREATE TYPE open311_posted AS (
    _code text, _pointer text, _replayed boolean,
    service_request_id text, token text, service_notice text, account_id text
);

-- Fields of a case as a form calls them.
CREATE FUNCTION open311_pointer(p_pointer text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN p_pointer LIKE '/answers/%' THEN '/attribute/' || substr(p_pointer, 10)
    WHEN p_pointer LIKE '/location%' THEN '/lat'
    WHEN p_pointer = '/category' THEN '/service_code'
    WHEN p_pointer = '/place_id' THEN '/address_id'
    WHEN p_pointer LIKE '/attachments%' THEN '/media'
    ELSE p_pointer END;

CREATE FUNCTION open311_post_refused(p_code text, p_pointer text DEFAULT NULL) RETURNS open311_posted
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ROW(p_code, p_pointer, NULL, NULL, NULL, NULL, NULL)::open311_posted;

-- 吕 and 秀英 are written 吕秀英, John and Smith are John Smith.
CREATE FUNCTION open311_name(p_first text, p_last text) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN nullif(left(CASE WHEN coalesce(p_last, '') || coalesce(p_first, '') ~ '[\u4e00-\u9fff]'
        THEN concat(trim(p_last), trim(p_first)) ELSE concat_ws(' ', nullif(trim(p_first), ''), nullif(trim(p_last), '')) END, 50), '');
END $$;

-- (555) 123-4567 is 555 123-4567. NULL: no phone at all.
CREATE FUNCTION open311_phone(p_phone text) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    v_phone text := trim(regexp_replace(p_phone, '[^0-9+ -]', '', 'g'));
BEGIN
    RETURN CASE WHEN v_phone ~ '^\+?[0-9][0-9 -]{2,23}$' THEN v_phone END;
END $$;

CREATE FUNCTION open311_reporter(b jsonb) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    v_reporter jsonb := jsonb_strip_nulls(jsonb_build_object(
        'name', open311_name(b ->> 'first_name', b ->> 'last_name'), 'phone', open311_phone(b ->> 'phone')));
BEGIN
    RETURN CASE WHEN v_reporter <> '{}' THEN v_reporter END;
END $$;

-- The named place tells where, when nothing else does.
CREATE FUNCTION open311_location(b jsonb, p places) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    IF b ? 'lat' THEN
        RETURN jsonb_build_object('lon', b -> 'long', 'lat', b -> 'lat');
    ELSIF p.location IS NOT NULL THEN
        RETURN jsonb_build_object('lon', ST_X(p.location), 'lat', ST_Y(p.location));
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION open311_media(b jsonb) RETURNS text[] LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN ARRAY(SELECT jsonb_array_elements_text(coalesce(b -> 'media_url', '[]')));
END $$;

CREATE FUNCTION open311_pictures(b jsonb) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN (SELECT jsonb_agg(p.value -> 'id') FROM jsonb_array_elements(b -> 'media') AS p);
END $$;

CREATE FUNCTION open311_case(k categories, b jsonb, p places) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN jsonb_strip_nulls(jsonb_build_object(
        'kind', 'problem', 'category', k.code, 'source', 'resident_app',
        'description', open311_described(coalesce(nullif(trim(b ->> 'description'), ''), k.name), open311_media(b)),
        'location', open311_location(b, p),
        'address', coalesce(nullif(trim(b ->> 'address_string'), ''), p.address), 'place_id', p.id,
        'reporter', open311_reporter(b), 'attachments', open311_pictures(b)))
        || jsonb_build_object('answers', open311_answers(k.questions, b -> 'attribute'));
END $$;
COMMENT ON FUNCTION open311_case(categories, jsonb, places) IS 'The body that cases.create would have had';

-- The case with its pictures, whose files the core has stored already; without the case no rows of theirs either, and the
-- service may delete none: what was inserted is rolled back.
CREATE FUNCTION open311_case_create(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_id uuid, p_key text,
    p_fingerprint text, p_now timestamptz, p_media jsonb, p_case jsonb)
RETURNS case_reply LANGUAGE plpgsql AS $$
DECLARE
    v case_reply;
BEGIN
    IF p_media IS NULL THEN
        RETURN case_create(p_tenant, p_actor, p_roles, p_op_roles, NULL, NULL, p_id, p_key, p_fingerprint, p_now, p_case);
    END IF;
    BEGIN
        INSERT INTO attachments (tenant, id, content_type, size, sha256, width, height, created_by, created_at)
        SELECT p_tenant, a.id, a.content_type, a.size, a.sha256, a.width, a.height, open311_person(p_tenant, p_actor),
            coalesce(p_now, clock_timestamp())
        FROM jsonb_populate_recordset(NULL::attachments, p_media) AS a;
        v := case_create(p_tenant, p_actor, p_roles, p_op_roles, NULL, NULL, p_id, p_key, p_fingerprint, p_now, p_case);
        IF v._code IS NOT NULL OR v._replayed THEN
            RAISE EXCEPTION USING ERRCODE = 'WH311';
        END IF;
    EXCEPTION WHEN SQLSTATE 'WH311' THEN
        NULL; -- v stays
    END;
    RETURN v;
END $$;

-- NULL, or the field that is wrong with its code: what the schema of the form cannot say.
CREATE FUNCTION open311_fault(b jsonb, p places) RETURNS text[] LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE
    WHEN b ? 'lat' AND NOT b ? 'long' THEN ARRAY['required', '/long']
    WHEN b ? 'long' AND NOT b ? 'lat' THEN ARRAY['required', '/lat']
    WHEN b ? 'address_id' AND (p).id IS NULL THEN ARRAY['unknown_reference', '/address_id']
    WHEN b ? 'phone' AND open311_phone(b ->> 'phone') IS NULL THEN ARRAY['bad_format', '/phone'] END;

CREATE FUNCTION open311_answered(p_case case_reply, k categories, b jsonb) RETURNS open311_posted
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v open311_posted;
BEGIN
    v._replayed := p_case._replayed;
    v.account_id := b ->> 'account_id';
    IF k.open311 = 'batch' THEN
        SELECT o.token INTO v.token FROM open311_requests o WHERE o.tenant = k.tenant AND o.case_id = p_case.id;
    ELSE
        v.service_request_id := p_case.number;
    END IF;
    RETURN v;
END $$;

CREATE FUNCTION open311_create(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_id uuid, p_key text,
    p_fingerprint text, p_now timestamptz, b jsonb)
RETURNS open311_posted LANGUAGE plpgsql AS $$
DECLARE
    k categories;
    p places;
    v_fault text[];
    v_case case_reply;
BEGIN
    SELECT * INTO k FROM categories x
    WHERE x.tenant = p_tenant AND x.code = b ->> 'service_code' AND x.active AND x.open311 <> 'none';
    IF NOT FOUND THEN
        RETURN open311_post_refused('unknown_service', '/service_code');
    END IF;
    SELECT * INTO p FROM places x WHERE x.tenant = p_tenant AND x.id::text = lower(b ->> 'address_id');
    v_fault := open311_fault(b, p);
    IF v_fault IS NOT NULL THEN
        RETURN open311_post_refused(v_fault[1], v_fault[2]);
    END IF;
    v_case := open311_case_create(p_tenant, p_actor, p_roles, p_op_roles, p_id, p_key, p_fingerprint, p_now, b -> 'media',
        open311_case(k, b, p));
    IF v_case._code IS NOT NULL THEN
        RETURN open311_post_refused(v_case._code, open311_pointer(v_case._pointer));
    END IF;
    INSERT INTO open311_requests (tenant, case_id, token, described, media_urls, address_id)
    VALUES (p_tenant, v_case.id, replace(gen_random_uuid()::text, '-', ''), coalesce(trim(b ->> 'description'), '') <> '',
        open311_media(b), p.id)
    ON CONFLICT (tenant, case_id) DO NOTHING;
    PERFORM client_used(p_actor, p_now);
    RETURN open311_answered(v_case, k, b);
END $$;
COMMENT ON FUNCTION open311_create(text, text, text[], text[], uuid, text, text, timestamptz, jsonb) IS 'POST requests';
SELECT delegate('open311_create(text, text, text[], text[], uuid, text, text, timestamptz, jsonb)');

-- A token becomes a number once the report was looked at.
CREATE TYPE open311_token AS (_code text, service_request_id text, token text);

CREATE FUNCTION open311_resolve(p_tenant text, p_token text) RETURNS open311_token LANGUAGE plpgsql STABLE AS $$
DECLARE
    v open311_token;
    v_state text;
BEGIN
    SELECT o.token, c.number, c.state INTO v.token, v.service_request_id, v_state
    FROM open311_requests o JOIN cases c ON c.tenant = o.tenant AND c.id = o.case_id
    WHERE o.tenant = p_tenant AND o.token = p_token;
    IF NOT FOUND THEN
        v._code := 'not_found';
    ELSIF v_state = 'received' THEN
        v.service_request_id := NULL;
    END IF;
    RETURN v;
END $$;
SELECT delegate('open311_resolve(text, text)');

-- What a client says further about a report of its own: a comment for whoever handles it, by the case machine.

CREATE TYPE open311_update_posted AS (_code text, _pointer text, update_id uuid, account_id text);

-- The case and nobody else's: what is not found is as if it were not there. Locked, so that a repeat waits for the first.
CREATE FUNCTION open311_own_case(p_tenant text, p_actor text, p_number text) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    v_case uuid;
BEGIN
    SELECT c.id INTO v_case FROM cases c
    JOIN open311_requests o ON o.tenant = c.tenant AND o.case_id = c.id
    WHERE c.tenant = p_tenant AND c.number = p_number AND c.created_by = open311_person(p_tenant, p_actor)
    ORDER BY c.received_at DESC LIMIT 1 FOR UPDATE OF c;
    RETURN v_case;
END $$;

CREATE FUNCTION open311_update_create(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_now timestamptz, b jsonb)
RETURNS open311_update_posted LANGUAGE plpgsql AS $$
DECLARE
    v open311_update_posted;
    v_case_id uuid := open311_own_case(p_tenant, p_actor, b ->> 'service_request_id');
    v_case case_reply;
    v_said text := open311_described(b ->> 'description', open311_media(b));
    v_before text;
BEGIN
    v.account_id := b ->> 'account_id';
    IF v_case_id IS NULL THEN
        RETURN ROW('not_found', '/service_request_id', NULL, NULL)::open311_update_posted;
    END IF;
    SELECT e.id, e.note INTO v.update_id, v_before FROM open311_comments m
    JOIN case_history e ON e.tenant = m.tenant AND e.id = m.event_id AND e.case_id = m.case_id
    WHERE m.tenant = p_tenant AND m.case_id = v_case_id AND m.update_id = b ->> 'update_id';
    IF FOUND THEN
        RETURN CASE WHEN v_before = v_said THEN v
            ELSE ROW('idempotency_key_reused', '/update_id', NULL, NULL)::open311_update_posted END;
    END IF;
    v_case := case_act(p_tenant, p_actor, p_roles, p_op_roles, NULL, NULL, 'comment', NULL, NULL, NULL, p_now, v_case_id,
        jsonb_build_object('text', v_said, 'visibility', 'internal'));
    IF v_case._code IS NOT NULL THEN
        RETURN ROW(v_case._code, v_case._pointer, NULL, NULL)::open311_update_posted;
    END IF;
    -- The row is locked: the latest is ours.
    SELECT e.id INTO v.update_id FROM case_history e
    WHERE e.tenant = p_tenant AND e.case_id = v_case_id AND e.action = 'comment' ORDER BY e.seq DESC LIMIT 1;
    INSERT INTO open311_comments (tenant, case_id, update_id, event_id)
    SELECT p_tenant, v_case_id, b ->> 'update_id', v.update_id WHERE b ->> 'update_id' IS NOT NULL;
    PERFORM client_used(p_actor, p_now);
    RETURN v;
END $$;
COMMENT ON FUNCTION open311_update_create(text, text, text[], text[], timestamptz, jsonb) IS 'POST servicerequestupdates';
SELECT delegate('open311_update_create(text, text, text[], text[], timestamptz, jsonb)');

-- Discovery: nothing in it is one street's.
CREATE FUNCTION open311_changeset() RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN coalesce(
        (SELECT max(e.at) FROM admin_events e WHERE e.object_kind = 'category'),
        (SELECT min(t.created_at) FROM tenants t), clock_timestamp());
END $$;
