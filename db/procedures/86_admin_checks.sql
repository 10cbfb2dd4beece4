-- What administration refuses: first what only the world can change (409), then what the body says (422).

CREATE FUNCTION organisation_known(p_tenant text, p_code text) RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM organisations o WHERE o.tenant = p_tenant AND o.code = p_code AND o.active);
END $$;

CREATE FUNCTION term_known(p_tenant text, p_dictionary text, p_code text) RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN coalesce(
        (SELECT e.active FROM tenant_entries e WHERE e.tenant = p_tenant AND e.dictionary = p_dictionary AND e.code = p_code),
        EXISTS (SELECT FROM dictionary_entries d WHERE d.dictionary = p_dictionary AND d.code = p_code AND d.active));
END $$;
COMMENT ON FUNCTION term_known(text, text, text) IS 'Whether a dictionary, as this street has it, offers a code';

CREATE FUNCTION organisation_checked(INOUT w admin_work) LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_tenant text := (w.me).tenant;
    v_parent text := w.new ->> 'parent';
BEGIN
    w := admin_needs(w, NOT admin_ends(w) OR NOT (
        EXISTS (SELECT FROM categories k WHERE k.tenant = v_tenant AND k.lead_organisation = w.key AND k.active)
        OR EXISTS (SELECT FROM areas a WHERE a.tenant = v_tenant AND a.organisation_code = w.key AND a.active)
        OR EXISTS (SELECT FROM organisations o WHERE o.tenant = v_tenant AND o.parent_code = w.key AND o.active)), 'in_use');
    IF NOT admin_changes(w, 'parent') THEN
        RETURN;
    END IF;
    w := admin_needs(w, organisation_known(v_tenant, v_parent), 'unknown_reference', '/parent');
    -- Nobody stands above themselves.
    w := admin_needs(w, w.key <> ALL (ARRAY(
        WITH RECURSIVE above (code) AS (
            SELECT v_parent
            UNION
            SELECT o.parent_code FROM above a JOIN organisations o ON o.tenant = v_tenant AND o.code = a.code
            WHERE o.parent_code IS NOT NULL)
        SELECT a.code FROM above a)), 'invalid_value', '/parent');
END $$;

CREATE FUNCTION area_depth(p_kind text) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN array_position(ARRAY['street', 'community', 'grid', 'estate', 'building'], p_kind);

-- A GeoJSON Polygon or MultiPolygon in WGS 84 as it is stored; NULL for anything else.
CREATE FUNCTION area_outline(p_outline jsonb) RETURNS geometry LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_outline geometry;
BEGIN
    IF p_outline ? 'crs' OR p_outline ->> 'type' NOT IN ('Polygon', 'MultiPolygon') THEN
        RETURN NULL;
    END IF;
    v_outline := ST_Multi(ST_Force2D(ST_SetSRID(ST_GeomFromGeoJSON(p_outline), 4326)));
    IF ST_IsEmpty(v_outline) OR NOT ST_IsValid(v_outline)
        OR NOT ST_CoveredBy(v_outline, ST_MakeEnvelope(-180, -90, 180, 90, 4326)) THEN
        RETURN NULL;
    END IF;
    RETURN v_outline;
EXCEPTION WHEN internal_error OR data_exception OR invalid_parameter_value THEN
    RETURN NULL; -- PostGIS says no to what is no GeoJSON by an error
END $$;

CREATE FUNCTION area_free(p_tenant text, p_area text, p_today date) RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN NOT EXISTS (SELECT FROM areas a WHERE a.tenant = p_tenant AND a.parent_code = p_area AND a.active)
        AND NOT EXISTS (SELECT FROM people p WHERE p.tenant = p_tenant AND p.active AND p.areas @> ARRAY[p_area])
        AND NOT EXISTS (SELECT FROM grid_assignments g
            WHERE g.tenant = p_tenant AND g.grid_code = p_area AND (g.valid_to IS NULL OR g.valid_to > p_today));
END $$;
COMMENT ON FUNCTION area_free(text, text, date) IS 'Whether nothing lies in it and nobody answers for it';

CREATE FUNCTION area_checked(INOUT w admin_work) LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_tenant text := (w.me).tenant;
    v_kind text := w.new ->> 'kind';
    v_parent areas;
BEGIN
    w := admin_needs(w, NOT admin_ends(w)
        OR v_kind <> 'street' AND area_free(v_tenant, w.key, street_today(v_tenant, w.now)), 'in_use');
    w := admin_needs(w, w.key <> 'none', 'invalid_value', '/code'); -- the filter `area=none` means nowhere
    SELECT * INTO v_parent FROM areas a WHERE a.tenant = v_tenant AND a.code = w.new ->> 'parent';
    IF v_kind = 'street' THEN
        w := admin_needs(w, (w.new ->> 'parent') IS NULL, 'invalid_value', '/parent');
    ELSE
        w := admin_needs(w, v_parent.code IS NOT NULL AND (v_parent.active OR NOT admin_changes(w, 'parent')),
            'unknown_reference', '/parent');
        -- A community lies in the street, all else in a community.
        w := admin_needs(w, area_depth(v_parent.kind) < area_depth(v_kind)
            AND (v_kind = 'community') = (v_parent.kind = 'street'), 'invalid_value', '/parent');
    END IF;
    w := admin_needs(w, NOT admin_changes(w, 'organisation') OR organisation_known(v_tenant, w.new ->> 'organisation'),
        'unknown_reference', '/organisation');
    w := admin_needs(w, (w.body ->> 'geometry') IS NULL OR area_outline(w.body -> 'geometry') IS NOT NULL,
        'invalid_value', '/geometry');
    IF w.body ? 'geometry' THEN
        w.new := w.new || jsonb_build_object('geometry',
            ST_AsGeoJSON(area_outline(nullif(w.body -> 'geometry', 'null')), 7)::jsonb);
    END IF;
    w.new := w.new || jsonb_build_object('community',
        CASE v_kind WHEN 'community' THEN w.key WHEN 'street' THEN NULL ELSE v_parent.community_code END);
END $$;

-- The first question that nobody could answer: a code that stands twice, a choice without values.
CREATE FUNCTION questions_fault(p_questions jsonb) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN (
        SELECT '/questions/' || q.n - 1
        FROM jsonb_array_elements(p_questions) WITH ORDINALITY AS q (question, n)
        WHERE (SELECT count(*) FROM jsonb_array_elements(p_questions) AS o (question)
                WHERE o.question -> 'code' = q.question -> 'code') > 1
            OR ((q.question ->> 'type') IN ('choice', 'choices')) <> (jsonb_array_length(coalesce(q.question -> 'values', '[]')) > 0)
            OR (SELECT count(*) <> count(DISTINCT v.value -> 'code')
                FROM jsonb_array_elements(coalesce(q.question -> 'values', '[]')) AS v)
        ORDER BY q.n LIMIT 1);
END $$;

CREATE FUNCTION category_checked(INOUT w admin_work) LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_tenant text := (w.me).tenant;
    v_fault text := questions_fault(w.new -> 'questions');
BEGIN
    w := admin_needs(w, NOT admin_changes(w, 'class') OR term_known(v_tenant, 'category_class', w.new ->> 'class'),
        'unknown_reference', '/class');
    w := admin_needs(w, NOT admin_changes(w, 'joint_method') OR term_known(v_tenant, 'joint_method', w.new ->> 'joint_method'),
        'unknown_reference', '/joint_method');
    -- A category comes back only to an organisation that is there.
    w := admin_needs(w, NOT (admin_changes(w, 'lead_organisation') OR admin_changes(w, 'active') AND NOT admin_ends(w))
        OR organisation_known(v_tenant, w.new ->> 'lead_organisation'), 'unknown_reference', '/lead_organisation');
    w := admin_needs(w, v_fault IS NULL, 'invalid_value', v_fault);
END $$;

CREATE FUNCTION whole_number(p_value jsonb, p_from integer, p_to integer) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN jsonb_typeof(p_value) = 'number'
    THEN (p_value #>> '{}')::numeric % 1 = 0 AND (p_value #>> '{}')::numeric BETWEEN p_from AND p_to ELSE false END;

-- Opening, closing, opening, closing …, each after the one before.
CREATE FUNCTION working_hours_fit(p_value jsonb) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF jsonb_typeof(p_value) <> 'array' OR jsonb_array_length(p_value) NOT IN (2, 4, 6, 8) THEN
        RETURN false;
    END IF;
    RETURN NOT EXISTS (
        SELECT FROM jsonb_array_elements_text(p_value) WITH ORDINALITY AS h (hour, n)
        WHERE h.hour !~ '^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$' OR h.hour <= p_value ->> (h.n::integer - 2) AND h.n > 1);
END $$;

-- Numbers under each of the names that the default has, none below 0 and one above it at least.
CREATE FUNCTION weights_fit(p_value jsonb, p_default jsonb, p_most integer) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF jsonb_typeof(p_value) <> 'object' OR NOT p_value ?& ARRAY(SELECT jsonb_object_keys(p_default))
        OR p_value - ARRAY(SELECT jsonb_object_keys(p_default)) <> '{}' THEN
        RETURN false;
    END IF;
    RETURN (
        SELECT bool_and(CASE WHEN jsonb_typeof(v.value) = 'number' THEN (v.value #>> '{}')::numeric BETWEEN 0 AND p_most ELSE false END)
        FROM jsonb_each(p_value) AS v) AND p_value @@ '$.* > 0';
END $$;

-- A setting is known when there is a default for it; how far it may go follows from what its name counts.
CREATE FUNCTION setting_fits(p_name text, p_value jsonb) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN CASE
        WHEN p_name = 'working_hours' THEN working_hours_fit(p_value)
        WHEN p_name = 'stages' THEN jsonb_typeof(p_value) = 'array' AND jsonb_array_length(p_value) BETWEEN 1 AND 10
            AND NOT EXISTS (SELECT FROM jsonb_array_elements(p_value) WITH ORDINALITY AS s (stage, n)
                WHERE NOT whole_number(s.stage, 1, 1000) OR s.n > 1 AND s.stage <= p_value -> (s.n::integer - 2))
        WHEN p_name = 'check_share' THEN jsonb_typeof(p_value) = 'object'
            AND NOT EXISTS (SELECT FROM jsonb_each(p_value) AS s
                WHERE NOT whole_number(s.value, 0, 100)
                    OR NOT EXISTS (SELECT FROM dictionary_entries d WHERE d.dictionary = 'source' AND d.code = s.key))
        WHEN p_name = 'satisfied_weights' THEN weights_fit(p_value, policy_defaults() -> p_name, 1)
        WHEN p_name = 'score_weights' THEN weights_fit(p_value, policy_defaults() -> p_name, 1000)
        WHEN p_name = 'unreasonable_codes' THEN jsonb_typeof(p_value) = 'array'
            AND NOT EXISTS (SELECT FROM jsonb_array_elements(p_value) AS c (code)
                WHERE jsonb_typeof(c.code) <> 'string' OR NOT EXISTS (
                    SELECT FROM dictionary_entries d WHERE d.dictionary = 'reject_code' AND d.code = c.code #>> '{}'))
        WHEN p_name ~ '_minutes$' THEN whole_number(p_value, 1, 525600)
        WHEN p_name ~ '_days$' THEN whole_number(p_value, 1, 366)
        WHEN p_name ~ '_metres$' THEN whole_number(p_value, 1, 10000)
        ELSE whole_number(p_value, 0, 1000) END;
END $$;
COMMENT ON FUNCTION setting_fits(text, jsonb) IS 'Whether a policy may set this to that.';

-- Two versions may begin at one moment; of those that are valid the highest counts.
CREATE FUNCTION policy_checked(INOUT w admin_work) LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_name text;
BEGIN
    w := admin_needs(w, (w.new ->> 'valid_from')::timestamptz >= date_trunc('milliseconds', w.now), 'not_in_future', '/valid_from');
    FOR v_name IN SELECT jsonb_object_keys(w.new -> 'settings') ORDER BY 1 LOOP
        w := admin_needs(w, policy_defaults() ? v_name, 'unknown_field', '/settings' || json_pointer(v_name));
        w := admin_needs(w, w.code IS NOT NULL OR setting_fits(v_name, w.new #> ARRAY['settings', v_name]),
            'out_of_range', '/settings' || json_pointer(v_name));
    END LOOP;
END $$;

-- A day that is over has been counted.
CREATE FUNCTION calendar_day_checked(INOUT w admin_work) LANGUAGE plpgsql STABLE AS $$
BEGIN
    w := admin_needs(w, w.key::date >= street_today((w.me).tenant, w.now),
        CASE w.action WHEN 'create' THEN 'not_in_future' ELSE 'window_over' END, CASE w.action WHEN 'create' THEN '/day' END);
END $$;

CREATE FUNCTION person_checked(INOUT w admin_work) LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_tenant text := (w.me).tenant;
    v_roles text[] := texts(w.new -> 'roles');
    v_old_roles text[] := texts(w.old -> 'roles');
    v_unknown integer;
BEGIN
    w := admin_needs(w, w.old IS NOT NULL OR NOT EXISTS (
        SELECT FROM people p WHERE p.tenant = v_tenant AND p.subject = w.new ->> 'subject'), 'conflict');
    -- Else nobody could ever change anything again.
    w := admin_needs(w, NOT 'admin' = ANY (v_old_roles) OR (w.new -> 'active') = 'true' AND 'admin' = ANY (v_roles) OR EXISTS (
        SELECT FROM people p WHERE p.tenant = v_tenant AND p.id::text <> w.key AND p.active AND 'admin' = ANY (p.roles)),
        'last_admin');
    -- Whoever gives out the rights to decide cases has none of them.
    w := admin_needs(w, NOT admin_changes(w, 'roles') OR NOT 'admin' = ANY (v_roles) OR v_roles <@ '{admin,citizen}',
        'invalid_value', '/roles');
    w := admin_needs(w, NOT v_roles && '{department,property}' OR (w.new ->> 'organisation') IS NOT NULL,
        'required', '/organisation');
    w := admin_needs(w, NOT admin_changes(w, 'organisation') OR organisation_known(v_tenant, w.new ->> 'organisation'),
        'unknown_reference', '/organisation');
    SELECT min(a.n) - 1 INTO v_unknown
    FROM unnest(texts(w.new -> 'areas')) WITH ORDINALITY AS a (code, n)
    WHERE NOT coalesce(w.old -> 'areas', '[]') ? a.code
        AND NOT EXISTS (SELECT FROM areas x WHERE x.tenant = v_tenant AND x.code = a.code AND x.active);
    w := admin_needs(w, v_unknown IS NULL, 'unknown_reference', '/areas/' || v_unknown);
    w := admin_needs(w, (w.new -> 'posts') = '[]' OR 'leader' = ANY (v_roles), 'invalid_value', '/posts');
END $$;

-- One full-time holder at a time, and nobody twice; the table's exclusion constraints are the second line.
CREATE FUNCTION assignment_checked(INOUT w admin_work) LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_tenant text := (w.me).tenant;
    v_new grid_assignments := jsonb_populate_record(NULL::grid_assignments,
        w.new || jsonb_build_object('grid_code', w.new -> 'grid'));
    v_days daterange;
BEGIN
    IF v_new.valid_to < v_new.valid_from THEN
        w := admin_needs(w, false, 'out_of_range', '/valid_to');
        RETURN;
    END IF;
    v_days := daterange(v_new.valid_from, v_new.valid_to, '[)');
    w := admin_needs(w, NOT EXISTS (
        SELECT FROM grid_assignments g
        WHERE g.tenant = v_tenant AND g.grid_code = v_new.grid_code AND g.id::text <> w.key
            AND daterange(g.valid_from, g.valid_to, '[)') && v_days
            AND (g.person_id = v_new.person_id OR g.kind = 'full_time' AND v_new.kind = 'full_time')), 'conflict');
    IF NOT admin_changes(w, 'kind') THEN
        RETURN;
    END IF;
    w := admin_needs(w, EXISTS (
        SELECT FROM areas a WHERE a.tenant = v_tenant AND a.code = v_new.grid_code AND a.kind = 'grid' AND a.active),
        'unknown_reference', '/grid');
    w := admin_needs(w, EXISTS (
        SELECT FROM people p WHERE p.tenant = v_tenant AND p.id = v_new.person_id AND p.active
            AND (v_new.kind = 'party_lead' OR 'grid_worker' = ANY (p.roles))), 'unknown_reference', '/person_id');
END $$;

CREATE FUNCTION admin_checked(INOUT w admin_work) LANGUAGE plpgsql STABLE AS $$
BEGIN
    CASE w.kind
        WHEN 'organisation' THEN w := organisation_checked(w);
        WHEN 'area' THEN w := area_checked(w);
        WHEN 'category' THEN w := category_checked(w);
        WHEN 'policy' THEN w := policy_checked(w);
        WHEN 'calendar_day' THEN w := calendar_day_checked(w);
        WHEN 'person' THEN w := person_checked(w);
        WHEN 'assignment' THEN w := assignment_checked(w);
        WHEN 'client' THEN w := client_checked(w);
        ELSE NULL; -- a dictionary entry says nothing that its schema does not
    END CASE;
END $$;
