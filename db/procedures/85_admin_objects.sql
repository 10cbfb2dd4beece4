-- Administration: what a street keeps about itself, each object as one document in the words of the API. The documents are
-- what is checked, what is answered and what the audit log shows; a procedure per kind puts them into rows.

CREATE TYPE admin_work AS (
    me actor,
    now timestamptz,
    kind text,          -- as in admin_events.object_kind
    action text,        -- get, create, edit, retire
    key text,           -- code, id, version or day
    body jsonb,
    old jsonb,          -- NULL: it is new
    new jsonb,
    version bigint,     -- of old; of new once it is written
    code text,          -- a refusal
    pointer text,
    replayed boolean
);

-- Refuses unless it holds; the first refusal stays.
CREATE FUNCTION admin_needs(INOUT w admin_work, p_holds boolean, p_code text, p_pointer text DEFAULT NULL)
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF w.code IS NULL AND p_holds IS NOT TRUE THEN
        w.code := p_code;
        w.pointer := p_pointer;
    END IF;
END $$;

-- What is not changed is not checked: a reference may have been retired since.
CREATE FUNCTION admin_changes(w admin_work, p_field text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (w.new ->> p_field) IS NOT NULL AND (w.new -> p_field) IS DISTINCT FROM (w.old -> p_field);

CREATE FUNCTION admin_ends(w admin_work) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce((w.old -> 'active') = 'true' AND (w.new -> 'active') = 'false', false);
COMMENT ON FUNCTION admin_ends(admin_work) IS 'Whether what was active will not be';

CREATE FUNCTION street_today(p_tenant text, p_now timestamptz) RETURNS date LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN (p_now AT TIME ZONE (SELECT t.zone FROM tenants t WHERE t.tenant = p_tenant))::date;
END $$;

CREATE FUNCTION texts(p_array jsonb) RETURNS text[] LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN ARRAY(SELECT jsonb_array_elements_text(p_array));
END $$;
COMMENT ON FUNCTION texts(jsonb) IS 'An array of strings as an array';

-- Documents

CREATE FUNCTION organisation_document(o organisations) RETURNS jsonb LANGUAGE sql STABLE PARALLEL SAFE
RETURN jsonb_build_object('code', (o).code, 'kind', (o).kind, 'name', (o).name, 'parent', (o).parent_code, 'phone', (o).phone,
    'active', (o).active);

CREATE FUNCTION area_document(a areas) RETURNS jsonb LANGUAGE sql STABLE PARALLEL SAFE
RETURN jsonb_build_object('code', (a).code, 'kind', (a).kind, 'name', (a).name, 'parent', (a).parent_code,
    'community', (a).community_code, 'organisation', (a).organisation_code, 'active', (a).active,
    'geometry', ST_AsGeoJSON((a).geometry, 7)::jsonb);

CREATE FUNCTION category_document(k categories) RETURNS jsonb LANGUAGE sql STABLE PARALLEL SAFE
RETURN jsonb_build_object('code', (k).code, 'class', (k).class, 'zh', (k).name, 'en', (k).name_en,
    'lead_organisation', (k).lead_organisation, 'on_scene', (k).on_scene, 'photo_required', (k).photo_required,
    'default_level', (k).default_level, 'joint_method', (k).joint_method, 'questions', (k).questions, 'ordinal', (k).ordinal,
    'open311', (k).open311, 'open311_description', (k).open311_description, 'active', (k).active);

CREATE FUNCTION policy_document(p policies) RETURNS jsonb LANGUAGE sql STABLE PARALLEL SAFE
RETURN jsonb_build_object('version', (p).version, 'valid_from', iso((p).valid_from), 'settings', (p).settings, 'note', (p).note);

CREATE FUNCTION calendar_day_document(d calendar_days) RETURNS jsonb LANGUAGE sql STABLE PARALLEL SAFE
RETURN jsonb_build_object('day', (d).day, 'kind', (d).kind, 'name', (d).name, 'active', (d).active);

CREATE FUNCTION entry_document(e tenant_entries) RETURNS jsonb LANGUAGE sql STABLE PARALLEL SAFE
RETURN jsonb_build_object('dictionary', (e).dictionary, 'code', (e).code, 'ordinal', (e).ordinal, 'zh', (e).zh, 'en', (e).en,
    'active', (e).active);

CREATE FUNCTION person_document(p people) RETURNS jsonb LANGUAGE sql STABLE PARALLEL SAFE
RETURN jsonb_build_object('id', (p).id, 'subject', (p).subject, 'name', (p).name, 'phone', (p).phone, 'roles', (p).roles,
    'organisation', (p).organisation_code, 'areas', (p).areas, 'posts', (p).posts, 'head', (p).head, 'active', (p).active);

CREATE FUNCTION assignment_document(g grid_assignments) RETURNS jsonb LANGUAGE sql STABLE PARALLEL SAFE
RETURN jsonb_build_object('id', (g).id, 'grid', (g).grid_code, 'person_id', (g).person_id, 'kind', (g).kind,
    'valid_from', (g).valid_from, 'valid_to', (g).valid_to);

-- What a body leaves out.
CREATE FUNCTION admin_blank(p_kind text) RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE p_kind
    WHEN 'organisation' THEN jsonb '{"parent": null, "phone": null, "active": true}'
    WHEN 'area' THEN jsonb '{"organisation": null, "active": true, "geometry": null}'
    WHEN 'category' THEN jsonb '{"en": null, "photo_required": false, "default_level": "ordinary", "joint_method": null,
        "questions": [], "ordinal": 0, "open311": "none", "open311_description": false, "active": true}'
    WHEN 'policy' THEN jsonb '{"note": null}'
    WHEN 'calendar_day' THEN jsonb '{"name": null, "active": true}'
    WHEN 'dictionary_entry' THEN jsonb '{"ordinal": 1000, "active": true}'
    WHEN 'client' THEN jsonb '{"organisation": null, "active": true}'
    WHEN 'person' THEN jsonb '{"phone": null, "organisation": null, "areas": [], "posts": [], "head": false, "active": true}'
    ELSE jsonb '{"valid_to": null}' END;

-- The object as it stands, and its version.
CREATE FUNCTION admin_found(INOUT w admin_work) LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_tenant text := (w.me).tenant;
BEGIN
    CASE w.kind
        WHEN 'organisation' THEN SELECT organisation_document(o), o.version INTO w.old, w.version
            FROM organisations o WHERE o.tenant = v_tenant AND o.code = w.key;
        WHEN 'area' THEN SELECT area_document(a), a.version INTO w.old, w.version
            FROM areas a WHERE a.tenant = v_tenant AND a.code = w.key;
        WHEN 'category' THEN SELECT category_document(k), k.version INTO w.old, w.version
            FROM categories k WHERE k.tenant = v_tenant AND k.code = w.key;
        WHEN 'policy' THEN SELECT policy_document(p), 1 INTO w.old, w.version
            FROM policies p WHERE p.tenant = v_tenant AND p.version = w.key::bigint;
        WHEN 'calendar_day' THEN SELECT calendar_day_document(d), d.version INTO w.old, w.version
            FROM calendar_days d WHERE d.tenant = v_tenant AND d.day = w.key::date;
        WHEN 'dictionary_entry' THEN SELECT entry_document(e), e.version INTO w.old, w.version
            FROM tenant_entries e WHERE e.tenant = v_tenant AND e.dictionary || '/' || e.code = w.key;
        WHEN 'person' THEN SELECT person_document(p), p.version INTO w.old, w.version
            FROM people p WHERE p.tenant = v_tenant AND p.id = w.key::uuid AND NOT 'client' = ANY (p.roles);
        WHEN 'client' THEN SELECT client_document(k, p), k.version INTO w.old, w.version
            FROM clients k JOIN people p ON p.tenant = k.tenant AND p.id = k.person_id
            WHERE k.tenant = v_tenant AND k.client_id = w.key;
        WHEN 'assignment' THEN SELECT assignment_document(g), g.version INTO w.old, w.version
            FROM grid_assignments g WHERE g.tenant = v_tenant AND g.id = w.key::uuid;
    END CASE;
END $$;

CREATE FUNCTION admin_new_key(w admin_work) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN CASE
        WHEN w.kind IN ('organisation', 'area', 'category') THEN w.body ->> 'code'
        WHEN w.kind = 'dictionary_entry' THEN (w.body ->> 'dictionary') || '/' || (w.body ->> 'code')
        WHEN w.kind = 'calendar_day' THEN w.body ->> 'day'
        WHEN w.kind = 'client' THEN client_new_key((w.me).tenant)
        WHEN w.kind = 'policy' THEN (
            SELECT (coalesce(max(p.version), 0) + 1)::text FROM policies p WHERE p.tenant = (w.me).tenant)
        ELSE uuid7()::text END;
END $$;

CREATE FUNCTION admin_path(w admin_work) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '/v1/' || CASE w.kind
    WHEN 'category' THEN 'categories'
    WHEN 'policy' THEN 'policies'
    WHEN 'calendar_day' THEN 'calendar-days'
    WHEN 'dictionary_entry' THEN 'dictionary-entries'
    WHEN 'person' THEN 'people'
    ELSE w.kind || 's' END || '/' || w.key;
