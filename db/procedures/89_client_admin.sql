-- Machine clients as administrators keep them. The document knows nothing of secrets: it stands in the log of changes.

CREATE FUNCTION client_document(k clients, p people) RETURNS jsonb LANGUAGE sql STABLE PARALLEL SAFE
RETURN jsonb_build_object('client_id', (k).client_id, 'name', (p).name, 'scopes', (k).scopes,
    'organisation', (p).organisation_code, 'active', (p).active);

CREATE FUNCTION client_checked(INOUT w admin_work) LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_tenant text := (w.me).tenant;
BEGIN
    -- It comes back only to an organisation that is there.
    w := admin_needs(w, NOT (admin_changes(w, 'organisation') OR admin_changes(w, 'active') AND NOT admin_ends(w))
        OR w.new ->> 'organisation' IS NULL OR organisation_known(v_tenant, w.new ->> 'organisation'),
        'unknown_reference', '/organisation');
    w := admin_needs(w, NOT w.new -> 'scopes' ? 'tickets:work' OR w.new ->> 'organisation' IS NOT NULL, 'required', '/organisation');
END $$;

-- With the tickets of its organisation comes the role department, and goes with them.
CREATE FUNCTION client_saved(w admin_work) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_tenant text := (w.me).tenant;
    v_id uuid := split_part(w.key, '.', 2)::uuid;
    v_scopes text[] := ARRAY(SELECT DISTINCT unnest(texts(w.new -> 'scopes')) ORDER BY 1);
    v_roles text[] := CASE WHEN 'tickets:work' = ANY (v_scopes) THEN '{client,department}' ELSE '{client}' END;
BEGIN
    INSERT INTO people (tenant, id, subject, name, roles, organisation_code, active, version, created_at)
    VALUES (v_tenant, v_id, w.key, w.new ->> 'name', v_roles, w.new ->> 'organisation', (w.new -> 'active')::boolean,
        w.version, w.now)
    ON CONFLICT (tenant, id) DO UPDATE SET name = excluded.name, roles = excluded.roles,
        organisation_code = excluded.organisation_code, active = excluded.active, version = excluded.version;
    INSERT INTO clients (tenant, person_id, client_id, scopes, version, created_at)
    VALUES (v_tenant, v_id, w.key, v_scopes, w.version, w.now)
    ON CONFLICT (tenant, person_id) DO UPDATE SET scopes = excluded.scopes, version = excluded.version;
    PERFORM rights_changed(v_tenant, v_id);
END $$;

CREATE TYPE client_reply AS (
    _code text, _pointer text, _detail jsonb, _version bigint, _location text, _replayed boolean,
    _shown text,    -- which credentials were made just now
    client_id text, name text, scopes text[], organisation__code text, organisation__name text, active boolean,
    secrets json, client_secret text, api_key text, -- these two the core puts in
    created_at timestamptz, last_used_at timestamptz, version bigint
);

-- Looked up here, once all is written: a join beside client_act would still see what was there before. What is shown is what
-- this very request has put there, were it in a run before this one whose answer was lost.
CREATE FUNCTION client_answer(r admin_reply, p_tenant text, p_hashes bytea[], p_now timestamptz) RETURNS client_reply
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v client_reply;
BEGIN
    v := jsonb_populate_record(v, r.document - 'organisation');
    v._code := r._code;
    v._pointer := r._pointer;
    v._detail := r._detail;
    v._version := r._version;
    v._location := r._location;
    v._replayed := r._replayed;
    v.version := r._version;
    SELECT k.created_at, k.last_used_at, client_secrets_json(k.tenant, k.client_id, p_now), p.organisation_code,
        organisation_name(k.tenant, p.organisation_code), (
            SELECT string_agg(s.credential, ',') FROM client_secrets s
            WHERE s.tenant = k.tenant AND s.person_id = k.person_id AND s.hash = ANY (p_hashes))
    INTO v.created_at, v.last_used_at, v.secrets, v.organisation__code, v.organisation__name, v._shown
    FROM clients k JOIN people p ON p.tenant = k.tenant AND p.id = k.person_id
    WHERE k.tenant = p_tenant AND k.client_id = v.client_id;
    RETURN v;
END $$;

CREATE FUNCTION client_rotated(INOUT w admin_work, p_event uuid, p_if_match bigint[], p_secret_hash bytea, p_key_hash bytea)
LANGUAGE plpgsql AS $$
DECLARE
    v_credential text := w.body ->> 'credential';
    v_person uuid;
BEGIN
    w := admin_found(w);
    w := admin_needs(w, w.old IS NOT NULL, 'not_found');
    w := admin_needs(w, NOT is_stale(p_if_match, w.version), 'precondition_failed');
    w := admin_needs(w, (w.old -> 'active') = 'true', 'client_retired');
    w := admin_needs(w, v_credential <> 'api_key' OR w.old -> 'scopes' ? 'open311', 'invalid_value', '/credential');
    IF w.code IS NOT NULL THEN
        RETURN;
    END IF;
    UPDATE clients k SET version = k.version + 1
    WHERE k.tenant = (w.me).tenant AND k.client_id = w.key RETURNING k.person_id, k.version INTO v_person, w.version;
    PERFORM client_secret_replaced((w.me).tenant, v_person, v_credential,
        CASE v_credential WHEN 'api_key' THEN p_key_hash ELSE p_secret_hash END, w.now,
        (w.body ->> 'grace_seconds')::integer * interval '1 second');
    w.new := w.old;
    INSERT INTO admin_events (tenant, id, at, person_id, action, object_kind, object_key, before, after)
    VALUES ((w.me).tenant, p_event, w.now, (w.me).person_id, w.action, w.kind, w.key, w.old,
        w.new || jsonb_build_object('credential', v_credential, 'grace_seconds', w.body -> 'grace_seconds'));
END $$;

-- What admin_act is to the other kinds, for the one action that only clients have.
CREATE FUNCTION client_rotate(p_me actor, p_object text, p_id uuid, p_key text, p_fingerprint text, p_if_match bigint[],
    p_now timestamptz, p_body jsonb, p_secret_hash bytea, p_key_hash bytea)
RETURNS client_reply LANGUAGE plpgsql AS $$
DECLARE
    w admin_work;
    v_key key_state;
    v_hashes bytea[] := ARRAY[p_secret_hash, p_key_hash];
BEGIN
    w.me := p_me;
    w.now := coalesce(p_now, clock_timestamp());
    w.kind := 'client';
    w.action := 'rotate_secret';
    w.key := p_object;
    w.body := p_body;
    w.code := p_me.refusal;
    IF w.code IS NOT NULL THEN
        RETURN client_answer(admin_answer(w), p_me.tenant, v_hashes, w.now);
    END IF;
    v_key := key_begin(p_me.tenant, p_me.subject, 'client.rotate_secret', p_key, p_fingerprint);
    IF v_key.state = 'other' THEN
        RETURN client_answer(admin_answer(admin_needs(w, false, 'idempotency_key_reused')), p_me.tenant, v_hashes, w.now);
    ELSIF v_key.state = 'replay' THEN
        RETURN client_answer(admin_answer(admin_replayed(w, v_key.object_id)), p_me.tenant, v_hashes, w.now);
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended(concat_ws(E'\x1f', 'admin', p_me.tenant), 0));
    w := client_rotated(w, p_id, p_if_match, p_secret_hash, p_key_hash);
    IF w.code IS NULL THEN
        PERFORM key_remember(p_me.tenant, p_me.subject, 'client.rotate_secret', p_key, p_fingerprint, p_id);
    END IF;
    RETURN client_answer(admin_answer(w), p_me.tenant, v_hashes, w.now);
END $$;

CREATE FUNCTION client_act(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[],
    p_action text, p_object text, p_id uuid, p_key text, p_fingerprint text, p_if_match bigint[], p_now timestamptz,
    p_body jsonb, p_secret_hash bytea, p_key_hash bytea)
RETURNS client_reply LANGUAGE plpgsql AS $$
DECLARE
    r admin_reply;
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_person uuid;
    v_hashes bytea[] := ARRAY[p_secret_hash, p_key_hash];
BEGIN
    IF p_action = 'rotate_secret' THEN
        RETURN client_rotate(me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas), p_object, p_id, p_key,
            p_fingerprint, p_if_match, v_now, p_body, p_secret_hash, p_key_hash);
    END IF;
    r := admin_act(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas, 'client', p_action, p_object, p_id, p_key,
        p_fingerprint, p_if_match, v_now, p_body);
    IF p_action <> 'create' OR r._code IS NOT NULL OR r._replayed THEN
        RETURN client_answer(r, p_tenant, v_hashes, v_now);
    END IF;
    SELECT k.person_id INTO v_person FROM clients k WHERE k.tenant = p_tenant AND k.client_id = r.document ->> 'client_id';
    PERFORM client_secret_put(p_tenant, v_person, 'client_secret', p_secret_hash, v_now);
    IF p_body -> 'scopes' ? 'open311' THEN
        PERFORM client_secret_put(p_tenant, v_person, 'api_key', p_key_hash, v_now);
    END IF;
    RETURN client_answer(r, p_tenant, v_hashes, v_now);
END $$;
COMMENT ON FUNCTION client_act(text, text, text[], text[], text, text[], text, text, uuid, text, text, bigint[], timestamptz, jsonb, bytea, bytea)
    IS 'Everything that administrators do with clients';
SELECT delegate('client_act(text, text, text[], text[], text, text[], text, text, uuid, text, text, bigint[], timestamptz, jsonb, bytea, bytea)');
