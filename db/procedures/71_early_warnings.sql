-- Early warnings: what they look like, who sees them, and the audit row that each reading leaves.

CREATE TYPE warning_shown AS (
    id uuid, version bigint, kind text, state text, description text, level text, people_estimate integer,
    departments json, measures text, outcome text, signs_at timestamptz, found_at timestamptz, assessed_at timestamptz,
    resolved_at timestamptz, found_seconds bigint, assessed_seconds bigint, resolved_seconds bigint, cases json,
    history json, created_by__kind text, created_by__id text, created_by__name text, created_at timestamptz,
    updated_at timestamptz, allowed_actions text[]
);

CREATE TYPE warning_reply AS (
    _code text, _pointer text, _detail jsonb, _version bigint, _location text, _replayed boolean, shown warning_shown
);

CREATE TYPE warning_item AS (_code text, _item boolean, _cursor text, _total bigint, shown warning_shown);

CREATE TYPE warning_filter AS (kind text[], state text[], department text[], "case" uuid);

-- What is wrong with a call: code, field, members of the problem; a row of NULLs is nothing.
CREATE TYPE objection AS (code text, pointer text, detail jsonb);

-- Leader and supervisor, and the departments it names: the only rule that is narrower than the street's.
CREATE FUNCTION warning_in_sight(p_me actor, w early_warnings) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
RETURN ((w).id IS NOT NULL AND ((p_me).roles && '{leader,supervisor}'
    OR ('department' = ANY ((p_me).roles) AND (p_me).org = ANY ((w).departments)))) IS TRUE;
COMMENT ON FUNCTION warning_in_sight(actor, early_warnings) IS 'Whether the warning exists for this caller';

CREATE FUNCTION warning_moves(p_state text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE p_state
    WHEN 'found' THEN '{edit,assess,name_departments,link,unlink}'::text[]
    WHEN 'assessed' THEN '{edit,assess,resolve,name_departments,link,unlink}'::text[]
    ELSE '{link,unlink}'::text[] END;
COMMENT ON FUNCTION warning_moves(text) IS 'What may be done with a warning in this state';

CREATE FUNCTION warning_actions(p_me actor, w early_warnings) RETURNS text[] LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE WHEN (p_me).roles && '{leader,supervisor}' THEN warning_moves((w).state) ELSE '{}'::text[] END;

-- Of the cases linked a department sees those that it sees anyway.
CREATE FUNCTION warning_cases(p_me actor, w early_warnings) RETURNS json LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN (
        SELECT coalesce(json_agg(json_build_object('id', c.id, 'number', c.number, 'state', c.state,
            'category', json_build_object('code', c.category, 'name', k.name)) ORDER BY l.linked_at, c.id), '[]')
        FROM early_warning_cases l
        JOIN cases c ON c.tenant = l.tenant AND c.id = l.case_id
        JOIN categories k ON k.tenant = c.tenant AND k.code = c.category
        WHERE l.tenant = w.tenant AND l.warning_id = w.id AND l.unlinked_at IS NULL AND case_in_sight(p_me, c));
END $$;

CREATE FUNCTION warning_history(p_me actor, w early_warnings) RETURNS json LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN (
        SELECT json_agg(json_build_object('action', e.action, 'at', iso(e.at), 'by', person_party(p_me, e.person_id),
            'role', e.role) ORDER BY e.seq)
        FROM early_warning_events e WHERE e.tenant = w.tenant AND e.warning_id = w.id);
END $$;

-- The signs appeared when somebody says so, else when the earliest of the linked cases came in.
CREATE FUNCTION warning_signs(w early_warnings) RETURNS timestamptz LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN coalesce(w.signs_at, (
        SELECT min(c.received_at) FROM early_warning_cases l JOIN cases c ON c.tenant = l.tenant AND c.id = l.case_id
        WHERE l.tenant = w.tenant AND l.warning_id = w.id AND l.unlinked_at IS NULL));
END $$;

CREATE FUNCTION seconds_between(p_from timestamptz, p_to timestamptz) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN greatest(floor(extract(epoch FROM p_to - p_from)), 0 * extract(epoch FROM p_to - p_from))::bigint;

CREATE FUNCTION warning_view(p_me actor, w early_warnings) RETURNS warning_shown LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    v warning_shown;
    p party := person_party(p_me, w.created_by);
BEGIN
    v := jsonb_populate_record(v, to_jsonb(w) - 'departments');
    v.departments := (SELECT coalesce(json_agg(named_json(d.code, organisation_name(w.tenant, d.code)) ORDER BY d.n), '[]')
        FROM unnest(w.departments) WITH ORDINALITY AS d (code, n));
    v.found_seconds := seconds_between(warning_signs(w), w.found_at);
    v.assessed_seconds := seconds_between(w.found_at, w.assessed_at);
    v.resolved_seconds := seconds_between(w.assessed_at, w.resolved_at);
    v.cases := warning_cases(p_me, w);
    v.history := warning_history(p_me, w);
    v.created_by__kind := p.kind;
    v.created_by__id := p.id;
    v.created_by__name := p.name;
    v.allowed_actions := warning_actions(p_me, w);
    RETURN v;
END $$;
COMMENT ON FUNCTION warning_view(actor, early_warnings) IS 'The warning as this reader may see it';

CREATE FUNCTION warning_refusal(p_code text, p_pointer text DEFAULT NULL, p_detail jsonb DEFAULT NULL) RETURNS warning_reply
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ROW(p_code, p_pointer, p_detail, NULL, NULL, NULL, NULL)::warning_reply;

-- In the transaction of the reading: what could not be put on record is not shown.
CREATE FUNCTION read_noted(p_me actor, p_operation text, p_kind text, p_ids uuid[], p_request text, p_now timestamptz)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_at timestamptz := coalesce(p_now, clock_timestamp());
BEGIN
    INSERT INTO audit_reads (tenant, id, at, person_id, operation, object_kind, object_id, request_id)
    SELECT p_me.tenant, uuid7(), v_at, p_me.person_id, p_operation, p_kind, i.id, coalesce(p_request, '')
    FROM unnest(p_ids) AS i (id);
END $$;
COMMENT ON FUNCTION read_noted(actor, text, text, uuid[], text, timestamptz) IS 'One audit row for each object read';

CREATE FUNCTION warning_get(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[],
    p_request text, p_now timestamptz, p_warning uuid)
RETURNS warning_reply LANGUAGE plpgsql AS $$
DECLARE
    v_me actor := me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
    w early_warnings;
BEGIN
    IF v_me.refusal IS NOT NULL THEN
        RETURN warning_refusal(v_me.refusal);
    END IF;
    SELECT * INTO w FROM early_warnings x WHERE x.tenant = p_tenant AND x.id = p_warning;
    IF NOT warning_in_sight(v_me, w) THEN
        RETURN warning_refusal('not_found');
    END IF;
    PERFORM read_noted(v_me, 'early_warnings.get', 'early_warning', ARRAY[w.id], p_request, p_now);
    RETURN ROW(NULL, NULL, NULL, w.version, NULL, NULL, warning_view(v_me, w))::warning_reply;
END $$;
SELECT delegate('warning_get(text, text, text[], text[], text, text[], text, timestamptz, uuid)');

CREATE FUNCTION warnings_found(p_me actor, p warning_filter) RETURNS SETOF early_warnings LANGUAGE sql STABLE AS $$
    SELECT w.* FROM early_warnings w
    WHERE w.tenant = p_me.tenant AND warning_in_sight(p_me, w)
        AND (p.kind IS NULL OR w.kind = ANY (p.kind)) AND (p.state IS NULL OR w.state = ANY (p.state))
        AND (p.department IS NULL OR w.departments && p.department)
        AND (p."case" IS NULL OR EXISTS (
            SELECT FROM early_warning_cases l JOIN cases c ON c.tenant = l.tenant AND c.id = l.case_id
            WHERE l.tenant = w.tenant AND l.warning_id = w.id AND l.case_id = p."case" AND l.unlinked_at IS NULL
                AND case_in_sight(p_me, c)))
$$;

-- p_limit is one more than the page: what only tells that there is a next page is not read by anybody.
CREATE FUNCTION warning_list(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[],
    p_request text, p_now timestamptz, p_filter warning_filter, p_cursor text, p_limit integer, p_count text)
RETURNS SETOF warning_item LANGUAGE plpgsql AS $$
DECLARE
    v_me actor := me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
    v_page early_warnings[];
BEGIN
    IF v_me.refusal IS NOT NULL THEN
        RETURN NEXT ROW(v_me.refusal, false, NULL, NULL, NULL)::warning_item;
        RETURN;
    END IF;
    v_page := ARRAY(
        SELECT f FROM warnings_found(v_me, p_filter) AS f
        WHERE p_cursor IS NULL OR (f.found_at, f.id) < (place_key(p_cursor), place_id(p_cursor))
        ORDER BY f.found_at DESC, f.id DESC LIMIT p_limit);
    PERFORM read_noted(v_me, 'early_warnings.list', 'early_warning',
        ARRAY(SELECT x.id FROM unnest(v_page) WITH ORDINALITY AS x WHERE x.ordinality < p_limit), p_request, p_now);
    RETURN QUERY SELECT NULL::text, true, place_of(x.found_at, x.id), NULL::bigint, warning_view(v_me, v_page[x.ordinality])
        FROM unnest(v_page) WITH ORDINALITY AS x ORDER BY x.ordinality;
    IF p_count = 'exact' THEN
        RETURN NEXT ROW(NULL, false, NULL,
            (SELECT count(*) FROM (SELECT FROM warnings_found(v_me, p_filter) LIMIT 10001) AS k), NULL)::warning_item;
    END IF;
END $$;
SELECT delegate('warning_list(text, text, text[], text[], text, text[], text, timestamptz, warning_filter, text, integer, text)');
