-- Administration: documents into rows. A code is part of the key and never among what an update sets.

CREATE FUNCTION organisation_saved(w admin_work) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO organisations (tenant, code, kind, name, parent_code, phone, active, version)
    VALUES ((w.me).tenant, w.key, w.new ->> 'kind', w.new ->> 'name', w.new ->> 'parent', w.new ->> 'phone',
        (w.new -> 'active')::boolean, w.version)
    ON CONFLICT (tenant, code) DO UPDATE SET kind = excluded.kind, name = excluded.name, parent_code = excluded.parent_code,
        phone = excluded.phone, active = excluded.active, version = excluded.version;
END $$;

-- All below moves along: their paths begin with its own, and what is no community lies in the same one.
CREATE FUNCTION area_moved(p_tenant text, p_code text, p_old_depth integer, p_path text[], p_community text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE areas a SET path = p_path || a.path[p_old_depth + 1:], version = a.version + 1,
        community_code = coalesce((
            SELECT c.code FROM areas c WHERE c.tenant = p_tenant AND c.code = ANY (a.path) AND c.kind = 'community'
                AND cardinality(c.path) > p_old_depth LIMIT 1), p_community)
    WHERE a.tenant = p_tenant AND a.path @> ARRAY[p_code] AND a.code <> p_code;
END $$;

CREATE FUNCTION area_saved(w admin_work) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_tenant text := (w.me).tenant;
    v_path text[];
    v_old_path text[] := (SELECT a.path FROM areas a WHERE a.tenant = v_tenant AND a.code = w.key);
BEGIN
    v_path := coalesce((SELECT a.path FROM areas a WHERE a.tenant = v_tenant AND a.code = w.new ->> 'parent'), '{}') || w.key;
    INSERT INTO areas (tenant, code, kind, name, parent_code, path, community_code, organisation_code, active, version)
    VALUES (v_tenant, w.key, w.new ->> 'kind', w.new ->> 'name', w.new ->> 'parent', v_path, w.new ->> 'community',
        w.new ->> 'organisation', (w.new -> 'active')::boolean, w.version)
    ON CONFLICT (tenant, code) DO UPDATE SET name = excluded.name, parent_code = excluded.parent_code, path = excluded.path,
        community_code = excluded.community_code, organisation_code = excluded.organisation_code, active = excluded.active,
        version = excluded.version;
    -- The document is rounded: an outline that nobody sent stays as it lies.
    IF w.body ? 'geometry' THEN
        UPDATE areas a SET geometry = area_outline(nullif(w.body -> 'geometry', 'null'))
        WHERE a.tenant = v_tenant AND a.code = w.key;
    END IF;
    IF v_old_path <> v_path THEN
        PERFORM area_moved(v_tenant, w.key, cardinality(v_old_path), v_path, w.new ->> 'community');
    END IF;
END $$;

CREATE FUNCTION category_saved(w admin_work) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    k categories := jsonb_populate_record(NULL::categories, w.new);
BEGIN
    INSERT INTO categories (tenant, code, class, name, name_en, lead_organisation, on_scene, photo_required, default_level,
        joint_method, questions, ordinal, open311, open311_description, active, version)
    VALUES ((w.me).tenant, w.key, k.class, w.new ->> 'zh', w.new ->> 'en', k.lead_organisation, k.on_scene, k.photo_required,
        k.default_level, k.joint_method, k.questions, k.ordinal, k.open311, k.open311_description, k.active, w.version)
    ON CONFLICT (tenant, code) DO UPDATE SET class = excluded.class, name = excluded.name, name_en = excluded.name_en,
        lead_organisation = excluded.lead_organisation, on_scene = excluded.on_scene,
        photo_required = excluded.photo_required, default_level = excluded.default_level,
        joint_method = excluded.joint_method, questions = excluded.questions, ordinal = excluded.ordinal,
        open311 = excluded.open311, open311_description = excluded.open311_description, active = excluded.active,
        version = excluded.version;
END $$;

-- A version is a new row always.
CREATE FUNCTION policy_saved(w admin_work) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO policies (tenant, version, valid_from, settings, note)
    VALUES ((w.me).tenant, w.key::integer, (w.new ->> 'valid_from')::timestamptz, w.new -> 'settings', w.new ->> 'note');
END $$;

CREATE FUNCTION calendar_day_saved(w admin_work) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO calendar_days (tenant, day, kind, name, active, version)
    VALUES ((w.me).tenant, w.key::date, w.new ->> 'kind', w.new ->> 'name', (w.new -> 'active')::boolean, w.version)
    ON CONFLICT (tenant, day) DO UPDATE SET kind = excluded.kind, name = excluded.name, active = excluded.active,
        version = excluded.version;
END $$;

CREATE FUNCTION entry_saved(w admin_work) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tenant_entries (tenant, dictionary, code, ordinal, zh, en, active, version)
    VALUES ((w.me).tenant, w.new ->> 'dictionary', w.new ->> 'code', (w.new -> 'ordinal')::integer, w.new ->> 'zh',
        w.new ->> 'en', (w.new -> 'active')::boolean, w.version)
    ON CONFLICT (tenant, dictionary, code) DO UPDATE SET ordinal = excluded.ordinal, zh = excluded.zh, en = excluded.en,
        active = excluded.active, version = excluded.version;
END $$;

CREATE FUNCTION person_saved(w admin_work) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    p people := jsonb_populate_record(NULL::people, w.new);
BEGIN
    INSERT INTO people (tenant, id, subject, name, phone, roles, organisation_code, areas, posts, head, active, version)
    VALUES ((w.me).tenant, p.id, p.subject, p.name, p.phone, p.roles, w.new ->> 'organisation', p.areas, p.posts, p.head,
        p.active, w.version)
    ON CONFLICT (tenant, id) DO UPDATE SET name = excluded.name, phone = excluded.phone, roles = excluded.roles,
        organisation_code = excluded.organisation_code, areas = excluded.areas, posts = excluded.posts, head = excluded.head,
        active = excluded.active, version = excluded.version;
    PERFORM rights_changed((w.me).tenant, p.id);
END $$;

CREATE FUNCTION assignment_saved(w admin_work) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    g grid_assignments := jsonb_populate_record(NULL::grid_assignments, w.new);
BEGIN
    INSERT INTO grid_assignments (tenant, id, grid_code, person_id, kind, valid_from, valid_to, version)
    VALUES ((w.me).tenant, g.id, w.new ->> 'grid', g.person_id, g.kind, g.valid_from, g.valid_to, w.version)
    ON CONFLICT (tenant, id) DO UPDATE SET kind = excluded.kind, valid_from = excluded.valid_from,
        valid_to = excluded.valid_to, version = excluded.version;
    PERFORM rights_changed((w.me).tenant, g.person_id);
END $$;

CREATE FUNCTION admin_saved(w admin_work, p_event uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    CASE w.kind
        WHEN 'organisation' THEN PERFORM organisation_saved(w);
        WHEN 'area' THEN PERFORM area_saved(w);
        WHEN 'category' THEN PERFORM category_saved(w);
        WHEN 'policy' THEN PERFORM policy_saved(w);
        WHEN 'calendar_day' THEN PERFORM calendar_day_saved(w);
        WHEN 'dictionary_entry' THEN PERFORM entry_saved(w);
        WHEN 'person' THEN PERFORM person_saved(w);
        WHEN 'assignment' THEN PERFORM assignment_saved(w);
        WHEN 'client' THEN PERFORM client_saved(w);
    END CASE;
    INSERT INTO admin_events (tenant, id, at, person_id, action, object_kind, object_key, before, after, note)
    VALUES ((w.me).tenant, p_event, w.now, (w.me).person_id, w.action, w.kind, w.key, w.old, w.new,
        CASE w.action WHEN 'retire' THEN w.body ->> 'note' END);
END $$;
COMMENT ON FUNCTION admin_saved(admin_work, uuid) IS 'The row, and the event that says who changed it';
