-- The stream of events: the feed of the street, as far as it is in sight, behind a place.

CREATE FUNCTION names_digest(p_names text[]) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN CASE WHEN p_names IS NULL THEN '-'
        ELSE md5((SELECT coalesce(string_agg(n, ',' ORDER BY n), '') FROM unnest(p_names) AS n)) END;
END $$;
COMMENT ON FUNCTION names_digest(text[]) IS 'The same for the same names in any order';

-- Who have the same class read the same of every event, so that one reading serves them all. Nothing of the person shows in
-- what the whole street or an organisation sees: stream_me takes the person out, so that it cannot.
CREATE FUNCTION stream_class(p_me actor) RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    v_scope text := names_digest(p_me.scope);
BEGIN
    IF sees_all(p_me) THEN
        RETURN concat_ws(' ', 'street', 'auditor' = ANY (p_me.roles), p_me.roles && '{dispatcher,leader,supervisor}', v_scope);
    ELSIF p_me.roles = '{department}' THEN
        RETURN concat_ws(' ', 'organisation', coalesce(p_me.org, '-'), v_scope);
    END IF;
    RETURN concat_ws(' ', 'person', p_me.person_id, array_to_string(p_me.roles, ','), coalesce(p_me.org, '-'), v_scope,
        names_digest(p_me.areas), names_digest(p_me.grids), names_digest(p_me.grid_communities), p_me.subject);
END $$;
COMMENT ON FUNCTION stream_class(actor) IS 'The same for all who read the same of every event';

CREATE FUNCTION stream_me(p_me actor) RETURNS actor LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    IF sees_all(p_me) OR p_me.roles = '{department}' THEN
        p_me.person_id := NULL;
    END IF;
    RETURN p_me;
END $$;

-- What the history of the case or of the ticket would show.
CREATE FUNCTION stream_shows(p_me actor, c cases, e case_history, t tickets) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
RETURN (case_in_sight(p_me, c) OR ((e).ticket_id IS NOT NULL AND ticket_in_sight(p_me, t, c)))
    AND event_in_sight(p_me, e, (t).organisation, tickets_in_sight(p_me, c));

CREATE TYPE stream_begun AS (
    _code text,
    key text,      -- a row for each; NULL: none
    class text,
    place text,    -- where it begins
    reset boolean  -- not where it was to begin: the place is too old, or of a lost world
);

CREATE FUNCTION stream_begin(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[],
    p_cursor text)
RETURNS SETOF stream_begun LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_me actor := me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
    v_place text := feed_place(feed_era(p_tenant), feed_last(p_tenant));
    v_mode feed_mode := feed_mode(p_tenant, NULL, coalesce(p_cursor, v_place));
    v_reset boolean := v_mode.refusal IS NOT NULL OR v_mode.after < feed_floor(p_tenant);
BEGIN
    IF v_me.refusal IS NOT NULL THEN
        RETURN NEXT (v_me.refusal, NULL, NULL, NULL, NULL)::stream_begun;
        RETURN;
    END IF;
    RETURN QUERY
    SELECT NULL::text, k.key, stream_class(v_me), CASE WHEN v_reset THEN v_place ELSE coalesce(p_cursor, v_place) END, v_reset
    FROM unnest(own_keys(v_me) || NULL::text) AS k (key);
END $$;
COMMENT ON FUNCTION stream_begin(text, text, text[], text[], text, text[], text) IS
    'Where a stream begins, what wakes it, and with whom it may be read together';

CREATE TYPE stream_item AS (
    _code text, _item boolean, _cursor text, _more boolean,
    id uuid, seq integer, case_id uuid, ticket_id uuid, request_id uuid, action text, "from" text, "to" text,
    round integer, at timestamptz, actor__kind text, actor__id text, actor__name text, role text, visibility text,
    note text, data jsonb
);

CREATE FUNCTION stream_rest(p_code text, p_place text, p_more boolean) RETURNS stream_item
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    v stream_item;
BEGIN
    v._code := p_code;
    v._item := false;
    v._cursor := p_place;
    v._more := p_more;
    RETURN v;
END $$;

-- Looks at c_most places at a time: whoever sees little of a long feed must not keep others waiting. The last row says how
-- far it looked (NULL: to the last that is shown), and whether there is more. One plan is made and kept: planning takes
-- longer than a look at a feed where nothing is new. In the order of the feed, so that no event is looked at behind a page
-- that is full, and each event by its key: the planner would sort, which shows all of them first, and counts a look into each
-- partition, where only one is made.
CREATE FUNCTION stream_page(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[],
    p_type text[], p_case uuid[], p_ticket uuid[], p_cursor text, p_limit integer)
RETURNS SETOF stream_item LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan SET enable_sort = off
SET enable_bitmapscan = off SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    c_most CONSTANT integer := 2000;
    v_me actor := me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
    v_place text[] := string_to_array(p_cursor, '|');
    v_after bigint := v_place[3];
    v_upto bigint;
    v_span id_span;
    v_shown bigint;
    f feed_positions;
BEGIN
    IF v_me.refusal IS NOT NULL THEN
        RETURN NEXT stream_rest(v_me.refusal, NULL, false);
        RETURN;
    END IF;
    SELECT * INTO f FROM feed_positions x WHERE x.tenant = p_tenant;
    f.era := coalesce(f.era, '');
    f.last_position := coalesce(f.last_position, 0);
    IF v_after = f.last_position AND v_place[2] = f.era THEN
        RETURN NEXT stream_rest(NULL, p_cursor, false);
        RETURN;
    ELSIF feed_holds(p_tenant, v_place[2], v_after) IS NOT TRUE OR v_after < feed_floor(p_tenant) THEN
        RETURN NEXT stream_rest('cursor_reset', feed_place(f.era, f.last_position), false);
        RETURN;
    END IF;
    v_me := stream_me(v_me);
    v_upto := least(f.last_position, v_after + c_most);
    v_span := feed_span(p_tenant, v_after, v_upto);
    RETURN QUERY
    SELECT NULL::text, true, feed_place(f.era, x.position), NULL::boolean, v.id, v.seq, v.case_id, v.ticket_id, v.request_id,
        v.action, v."from", v."to", v.round, v.at, v.actor__kind, v.actor__id, v.actor__name, v.role, v.visibility, v.note, v.data
    FROM feed x
    JOIN cases c ON c.tenant = x.tenant AND c.id = x.case_id
    JOIN case_history e ON e.tenant = x.tenant AND e.case_id = x.case_id AND e.seq = x.event_seq
        AND e.case_id BETWEEN v_span.least AND v_span.most
    LEFT JOIN tickets t ON t.tenant = x.tenant AND t.id = x.ticket_id
    CROSS JOIN LATERAL event_view(v_me, e, coalesce(sees_reporter(v_me, c), false), tickets_in_sight(v_me, c),
        cardinality(c.reporters) > 1) AS v
    WHERE x.tenant = p_tenant AND x.position > v_after AND x.position <= v_upto
        AND (p_type IS NULL OR e.action = ANY (p_type)) AND (p_case IS NULL OR x.case_id = ANY (p_case))
        AND (p_ticket IS NULL OR x.ticket_id = ANY (p_ticket)) AND stream_shows(v_me, c, e, t)
    ORDER BY x.position LIMIT p_limit;
    GET DIAGNOSTICS v_shown = ROW_COUNT;
    RETURN NEXT stream_rest(NULL, CASE WHEN v_shown < p_limit THEN feed_place(f.era, v_upto) END,
        v_shown = p_limit OR v_upto < f.last_position);
END $$;
COMMENT ON FUNCTION stream_page(text, text, text[], text[], text, text[], text[], uuid[], uuid[], text, integer) IS
    'events.stream: what is behind a place';
