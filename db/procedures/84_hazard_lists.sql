-- The ledger: hazards in pages and in one matrix; the history of one.

CREATE TYPE hazard_filter AS (colour text[], state text[], overdue boolean, community text[], place uuid[]);

CREATE FUNCTION hazard_fits(p hazard_filter, h hazards, p_now timestamptz) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ((p).colour IS NULL OR (h).colour = ANY ((p).colour))
    AND ((p).state IS NULL OR (h).state = ANY ((p).state))
    AND ((p).overdue IS NULL OR hazard_overdue(h, p_now) = (p).overdue)
    AND ((p).community IS NULL OR (h).community = ANY ((p).community))
    AND ((p).place IS NULL OR (h).place_id = ANY ((p).place));
COMMENT ON FUNCTION hazard_fits(hazard_filter, hazards, timestamptz) IS 'Whether a hazard passes the filters of a list';

-- Conditions that an index can answer stand beside the look at each row ($1 who asks, $2 the filters, $3 now).
CREATE FUNCTION hazard_where(p_me actor, p hazard_filter) RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN concat_ws(E'\n    AND ',
        'h.tenant = ($1).tenant',
        CASE WHEN p.place IS NOT NULL THEN 'h.place_id = ANY (($2).place)' END,
        CASE WHEN p.community IS NOT NULL THEN 'h.community = ANY (($2).community)' END,
        CASE WHEN sees_all(p_me) OR 'property' = ANY (p_me.roles) THEN NULL
            WHEN 'grid_worker' = ANY (p_me.roles)
                THEN '(h.area = ANY (($1).areas) OR h.found_by = ($1).person_id OR h.workers @> ARRAY[($1).person_id])'
            ELSE 'h.area = ANY (($1).areas)' END,
        CASE WHEN NOT sees_all(p_me) AND NOT p_me.roles && '{grid_worker,community}'
            THEN format('h.place_id = ANY (%L::uuid[])', property_places(p_me)) END,
        CASE WHEN p.overdue THEN 'h.state IN (''open'', ''rectifying'', ''referred'')' END,
        'hazard_in_sight($1, h) AND hazard_fits($2, h, $3)');
END $$;

CREATE FUNCTION hazard_page(p_me actor, p hazard_filter, p_cursor text, p_limit integer, p_now timestamptz)
RETURNS SETOF hazard_item LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY EXECUTE format(
        'SELECT NULL::text, true, place_of((k.h).found_at, (k.h).id), NULL::bigint, hazard_view($1, k.h, $3)
        FROM (SELECT h FROM hazards h WHERE %s%s ORDER BY h.found_at DESC, h.id DESC LIMIT $6) AS k',
        hazard_where(p_me, p), CASE WHEN p_cursor IS NOT NULL THEN ' AND (h.found_at, h.id) < ($4, $5)' END)
    USING p_me, p, p_now, place_key(p_cursor), place_id(p_cursor), p_limit;
END $$;

CREATE FUNCTION hazard_count(p_me actor, p hazard_filter, p_now timestamptz) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_count bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM (SELECT FROM hazards h WHERE %s LIMIT 10001) AS k', hazard_where(p_me, p))
    INTO v_count USING p_me, p, p_now;
    RETURN v_count;
END $$;

CREATE FUNCTION hazard_list(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[],
    p_now timestamptz, p_filter hazard_filter, p_cursor text, p_limit integer, p_count text)
RETURNS SETOF hazard_item LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_me actor := me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
    v_now timestamptz := coalesce(p_now, clock_timestamp());
BEGIN
    IF v_me.refusal IS NOT NULL THEN
        RETURN NEXT ROW(v_me.refusal, false, NULL, NULL, NULL)::hazard_item;
        RETURN;
    END IF;
    RETURN QUERY SELECT * FROM hazard_page(v_me, p_filter, p_cursor, p_limit, v_now);
    IF p_count = 'exact' THEN
        RETURN NEXT ROW(NULL, false, NULL, hazard_count(v_me, p_filter, v_now), NULL)::hazard_item;
    END IF;
END $$;
SELECT delegate(
    'hazard_list(text, text, text[], text[], text, text[], timestamptz, hazard_filter, text, integer, text)');

-- The worst of those that are not over, as a place shows it.
CREATE FUNCTION worst_colour(p_colours text[]) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN 'red' = ANY (p_colours) THEN 'red' WHEN 'orange' = ANY (p_colours) THEN 'orange'
    WHEN 'blue' = ANY (p_colours) THEN 'blue' END;

-- The present colour of a place: none where nothing is open; NULL to who does not see its hazards.
CREATE FUNCTION place_colour(p_me actor, p_place uuid, p_grid text) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF NOT (within_scope(p_me, p_grid)
        AND (sees_all(p_me) OR p_me.roles && '{grid_worker,community}' AND p_grid = ANY (p_me.areas))) THEN
        RETURN NULL;
    END IF;
    RETURN coalesce(worst_colour(ARRAY(
        SELECT h.colour FROM hazards h
        WHERE h.tenant = p_me.tenant AND h.place_id = p_place AND h.state NOT IN ('verified', 'voided'))), 'none');
END $$;
COMMENT ON FUNCTION place_colour(actor, uuid, text) IS 'The worst colour of the hazards of a place that are not over';

CREATE TYPE hazard_summary AS (_code text, matrix json, places__red bigint, places__orange bigint, places__blue bigint);

CREATE FUNCTION hazard_sums(p_where text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 'WITH h AS (SELECT h.colour, h.state, h.place_id, hazard_overdue(h, $3) AS overdue FROM hazards h WHERE ' || p_where || '),
    sums AS (
        SELECT c.n, json_build_object(''colour'', c.colour,
            ''open'', count(*) FILTER (WHERE h.state = ''open''), ''rectifying'', count(*) FILTER (WHERE h.state = ''rectifying''),
            ''submitted'', count(*) FILTER (WHERE h.state = ''submitted''), ''verified'', count(*) FILTER (WHERE h.state = ''verified''),
            ''referred'', count(*) FILTER (WHERE h.state = ''referred''), ''voided'', count(*) FILTER (WHERE h.state = ''voided''),
            ''total'', count(h.state), ''overdue'', count(*) FILTER (WHERE h.overdue)) AS line
        FROM (VALUES (1, ''red''), (2, ''orange''), (3, ''blue'')) AS c (n, colour) LEFT JOIN h ON h.colour = c.colour
        GROUP BY c.n, c.colour),
    places AS (
        SELECT worst_colour(array_agg(DISTINCT h.colour)) AS colour FROM h
        WHERE h.state NOT IN (''verified'', ''voided'') GROUP BY h.place_id)
    SELECT NULL, (SELECT json_agg(s.line ORDER BY s.n) FROM sums s), count(*) FILTER (WHERE p.colour = ''red''),
        count(*) FILTER (WHERE p.colour = ''orange''), count(*) FILTER (WHERE p.colour = ''blue'')
    FROM places p';

CREATE FUNCTION hazard_summary(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[],
    p_now timestamptz, p_filter hazard_filter)
RETURNS hazard_summary LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_me actor := me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
    v hazard_summary;
BEGIN
    IF v_me.refusal IS NOT NULL THEN
        v._code := v_me.refusal;
        RETURN v;
    END IF;
    EXECUTE hazard_sums(hazard_where(v_me, p_filter)) INTO v USING v_me, p_filter, coalesce(p_now, clock_timestamp());
    RETURN v;
END $$;
SELECT delegate('hazard_summary(text, text, text[], text[], text, text[], timestamptz, hazard_filter)');

-- History

CREATE FUNCTION hazard_hidden(p_me actor, p_hazard uuid) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN coalesce(p_me.refusal, CASE WHEN NOT hazard_in_sight(p_me, hazard_of(p_me.tenant, p_hazard)) THEN 'not_found' END);
END $$;
COMMENT ON FUNCTION hazard_hidden(actor, uuid) IS 'Why the caller reads nothing of the hazard; null: they do';

CREATE TYPE hazard_event_item AS (
    _code text, _item boolean, _cursor text, _total bigint,
    id uuid, seq integer, hazard_id uuid, request_id uuid, action text, "from" text, "to" text, colour text, at timestamptz,
    actor__kind text, actor__id text, actor__name text, role text, note text, data jsonb
);

-- A property company sees no case, nor which it was or how it stands.
CREATE FUNCTION hazard_event_view(p_me actor, e hazard_events) RETURNS hazard_event_item LANGUAGE plpgsql STABLE AS $$
DECLARE
    p party := doer_party(p_me, e.person_id, e.role, e.organisation, false);
    v hazard_event_item;
BEGIN
    v := jsonb_populate_record(v, to_jsonb(e));
    v._item := true;
    v._cursor := e.seq;
    v."from" := e.from_state;
    v."to" := e.to_state;
    v.actor__kind := p.kind;
    v.actor__id := p.id;
    v.actor__name := p.name;
    v.data := CASE WHEN sees_staff(p_me) THEN e.data ELSE e.data - '{case_id,case_state,into}'::text[] END;
    RETURN v;
END $$;

-- A hazard's events are few enough to be counted whole.
CREATE FUNCTION hazard_event_list(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[],
    p_hazard uuid, p_cursor text, p_limit integer, p_count text)
RETURNS SETOF hazard_event_item LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_me actor := me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
    v hazard_event_item;
BEGIN
    v._item := false;
    v._code := hazard_hidden(v_me, p_hazard);
    IF v._code IS NOT NULL THEN
        RETURN NEXT v;
        RETURN;
    END IF;
    RETURN QUERY
    SELECT x.* FROM (
        SELECT e FROM hazard_events e
        WHERE e.tenant = p_tenant AND e.hazard_id = p_hazard AND e.seq > coalesce(p_cursor::integer, 0)
        ORDER BY e.seq LIMIT p_limit) AS k
    CROSS JOIN LATERAL hazard_event_view(v_me, k.e) AS x;
    IF p_count = 'exact' THEN
        v._total := (SELECT count(*) FROM hazard_events e WHERE e.tenant = p_tenant AND e.hazard_id = p_hazard);
        RETURN NEXT v;
    END IF;
END $$;
SELECT delegate('hazard_event_list(text, text, text[], text[], text, text[], uuid, text, integer, text)');

CREATE TYPE hazard_change_item AS (
    _code text, _item boolean, _cursor text, _total bigint,
    id uuid, hazard_id uuid, old_due_at timestamptz, new_due_at timestamptz, cause text, changed_at timestamptz,
    changed_by__kind text, changed_by__id text, changed_by__name text, role text
);

CREATE FUNCTION hazard_change_list(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[],
    p_hazard uuid, p_cursor text, p_limit integer, p_count text)
RETURNS SETOF hazard_change_item LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_me actor := me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
    v hazard_change_item;
BEGIN
    v._item := false;
    v._code := hazard_hidden(v_me, p_hazard);
    IF v._code IS NOT NULL THEN
        RETURN NEXT v;
        RETURN;
    END IF;
    RETURN QUERY
    SELECT NULL::text, true, d.id::text, NULL::bigint, d.id, d.hazard_id, d.old_due, d.new_due, d.cause, d.changed_at,
        p.kind, p.id, p.name, d.role
    FROM hazard_deadline_changes d
    CROSS JOIN LATERAL doer_party(v_me, d.person_id, d.role, NULL, false) AS p
    WHERE d.tenant = p_tenant AND d.hazard_id = p_hazard AND (p_cursor IS NULL OR d.id > p_cursor::uuid)
    ORDER BY d.id LIMIT p_limit;
    IF p_count = 'exact' THEN
        v._total := (SELECT count(*) FROM hazard_deadline_changes d WHERE d.tenant = p_tenant AND d.hazard_id = p_hazard);
        RETURN NEXT v;
    END IF;
END $$;
SELECT delegate('hazard_change_list(text, text, text[], text[], text, text[], uuid, text, integer, text)');
