-- Which cases a list shows. Ten filters, each optional, make a thousand statements; one for all of them is never planned well.
-- So the conditions asked for are put together here, from the fixed texts below: what the client sends is only ever a
-- parameter ($1 who asks, $2 the filters, $3 the time, $4 and $5 where the page before ended, $6 how many).

CREATE TYPE case_filter AS (
    status text[], level text[], kind text[], category text[], area text[], source text[], mine boolean, overdue boolean,
    number text[], external_number text[], q text,
    nowhere boolean, -- of these on the statement's own account: area=none,
    grams text[],    -- and q as the index knows it,
    words text[]     -- and as it is compared
);

-- Groups of states become their states, areas all that lies in them.
CREATE FUNCTION case_filter_spelt(p_tenant text, p case_filter) RETURNS case_filter LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    IF p.status IS NOT NULL THEN
        p.status := ARRAY(
            SELECT s.state FROM case_states s
            WHERE s.state = ANY (p.status) OR s.open AND 'open' = ANY (p.status)
                OR s.working AND 'working' = ANY (p.status) OR s.in_work AND 'in_work' = ANY (p.status));
    END IF;
    IF p.area IS NOT NULL THEN
        p.nowhere := 'none' = ANY (p.area);
        p.area := areas_below(p_tenant, p.area);
    END IF;
    IF p.q IS NOT NULL THEN
        p.grams := text_grams(p.q);
        p.words := text_words(p.q);
    END IF;
    p.number := ARRAY(SELECT upper(n.n) FROM unnest(p.number) AS n (n));
    RETURN p;
END $$;

-- The rules of sight as conditions: what field_sees_case says,
CREATE FUNCTION field_sight_sql(p_me actor) RETURNS text[] LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    v text[] := '{}';
BEGIN
    IF p_me.roles && '{grid_worker,community}' THEN
        v := v || 'c.area = ANY (($1).areas)'::text || 'c.area IS NULL AND is_working(c.state)'::text;
    END IF;
    IF 'grid_worker' = ANY (p_me.roles) THEN
        v := v || 'c.created_by = ($1).person_id'::text || 'c.handler = ($1).person_id'::text
            || '($1).person_id = ANY (c.workers)'::text
            || 'c.state = ''checking'' AND c.community = ANY (($1).grid_communities)'::text;
    END IF;
    IF 'window_clerk' = ANY (p_me.roles) THEN
        v := v || 'c.created_role = ''window_clerk'' AND c.created_org = ($1).org'::text;
    END IF;
    RETURN v;
END $$;

CREATE FUNCTION any_of_sql(p_conditions text[]) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce('(' || nullif(array_to_string(p_conditions, E'\n        OR '), '') || ')', 'false');

-- and what case_in_sight says: each role of the caller adds what it sees. NULL: all of the street.
CREATE FUNCTION case_sight_sql(p_me actor) RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    v text[] := field_sight_sql(p_me);
BEGIN
    IF sees_all(p_me) THEN
        RETURN NULL;
    END IF;
    IF 'department' = ANY (p_me.roles) THEN
        v := v || 'c.id IN (SELECT t.case_id FROM tickets t WHERE t.tenant = ($1).tenant AND t.organisation = ($1).org
            AND t.state NOT IN (''returned'', ''recalled''))'::text;
    END IF;
    IF 'citizen' = ANY (p_me.roles) THEN
        v := v || 'c.id IN (SELECT r.case_id FROM case_reporters r WHERE r.tenant = ($1).tenant
            AND r.person_id = ($1).person_id)'::text;
    END IF;
    IF 'client' = ANY (p_me.roles) THEN
        v := v || 'c.created_by = ($1).person_id'::text;
    END IF;
    RETURN any_of_sql(v);
END $$;
COMMENT ON FUNCTION case_sight_sql(actor) IS 'What case_in_sight says, for a list';

-- What I handle, created or reported; for a department: where a ticket of mine is open. Each by its own index.
CREATE FUNCTION case_mine_sql(p_me actor, p_mine boolean) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN p_mine THEN 'c.id IN (' ELSE 'c.id NOT IN (' END
    || 'SELECT h.id FROM cases h WHERE h.tenant = ($1).tenant AND h.handler = ($1).person_id
        UNION ALL SELECT b.id FROM cases b WHERE b.tenant = ($1).tenant AND b.created_by = ($1).person_id
        UNION ALL SELECT r.case_id FROM case_reporters r
        WHERE r.tenant = ($1).tenant AND r.person_id = ($1).person_id'
    || CASE WHEN 'department' = ANY ((p_me).roles) THEN '
        UNION ALL SELECT t.case_id FROM tickets t
        WHERE t.tenant = ($1).tenant AND t.organisation = ($1).org
            AND t.state NOT IN (''closed'', ''returned'', ''recalled'')' ELSE '' END || ')';

CREATE FUNCTION case_where(p_me actor, p case_filter) RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN concat_ws(E'\n    AND ',
        'c.tenant = ($1).tenant',
        CASE WHEN p_me.scope IS NOT NULL THEN '(c.area IS NULL OR c.area = ANY (($1).scope))' END,
        case_sight_sql(p_me),
        CASE WHEN p.status IS NOT NULL THEN 'c.state = ANY (($2).status)' END,
        CASE WHEN p.level IS NOT NULL THEN 'c.level = ANY (($2).level)' END,
        CASE WHEN p.kind IS NOT NULL THEN 'c.kind = ANY (($2).kind)' END,
        CASE WHEN p.category IS NOT NULL THEN 'c.category = ANY (($2).category)' END,
        CASE WHEN p.area IS NOT NULL THEN '(c.area = ANY (($2).area)'
            || CASE WHEN p.nowhere THEN ' OR c.area IS NULL)' ELSE ')' END END,
        CASE WHEN p.source IS NOT NULL THEN 'c.source = ANY (($2).source)' END,
        CASE WHEN p.mine IS NOT NULL THEN case_mine_sql(p_me, p.mine) END,
        CASE p.overdue WHEN true THEN 'c.overdue_at < $3' WHEN false THEN '(c.overdue_at >= $3 OR c.overdue_at IS NULL)' END,
        CASE WHEN p.number <> '{}' THEN 'c.number = ANY (($2).number)' END,
        CASE WHEN p.external_number IS NOT NULL THEN
            'c.id IN (SELECT x.case_id FROM external_refs x WHERE x.tenant = ($1).tenant
            AND x.number = ANY (($2).external_number))' END,
        CASE WHEN p.grams <> '{}' THEN
            'c.id IN (SELECT x.case_id FROM case_texts x WHERE x.tenant = ($1).tenant AND x.grams @> ($2).grams)' END,
        CASE WHEN p.words IS NOT NULL THEN
            'NOT EXISTS (SELECT FROM unnest(($2).words) AS w (w)
            WHERE strpos(case_words(c.title, c.description, c.address), w.w) = 0)' END);
END $$;
COMMENT ON FUNCTION case_where(actor, case_filter) IS 'The conditions of a list of cases';

CREATE TYPE page_keys AS (
    ids uuid[],     -- in order
    cursors text[], -- where each stands
    resting text    -- feed: where it goes on when nothing is left
);

-- What a list's statement starts from. An id of NULL, at the end, is a row that only steers.
CREATE TYPE list_page AS (
    code text,
    me actor,
    now timestamptz,
    ids uuid[],
    cursors text[],
    total bigint
);

CREATE FUNCTION list_refused(p_code text) RETURNS list_page LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ROW(p_code, NULL, NULL, ARRAY[NULL::uuid], ARRAY[NULL::text], NULL)::list_page;

CREATE FUNCTION list_found(p_me actor, p_now timestamptz, p_keys page_keys, p_total bigint) RETURNS list_page
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    IF p_keys.resting IS NOT NULL OR p_total IS NOT NULL THEN
        p_keys.ids := p_keys.ids || NULL::uuid;
        p_keys.cursors := p_keys.cursors || p_keys.resting;
    END IF;
    RETURN (NULL, p_me, p_now, p_keys.ids, p_keys.cursors, p_total)::list_page;
END $$;

-- How a place in a list is written down: its sort key in UTC, and the id.
CREATE FUNCTION place_of(p_key timestamptz, p_id uuid) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (p_key AT TIME ZONE 'UTC')::text || '|' || p_id;

CREATE FUNCTION place_key(p_cursor text) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN split_part(p_cursor, '|', 1)::timestamp AT TIME ZONE 'UTC';

CREATE FUNCTION place_id(p_cursor text) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN split_part(p_cursor, '|', 2)::uuid;

-- Newest intake first, or earliest due first; both by an index, from where the page before ended.
CREATE FUNCTION case_page(p_me actor, p case_filter, p_sort text, p_cursor text, p_limit integer, p_now timestamptz)
RETURNS page_keys LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_key text := CASE p_sort WHEN 'due' THEN 'coalesce(c.resolve_due_at, ''infinity'')' ELSE 'c.received_at' END;
    v_after text := CASE p_sort WHEN 'due' THEN '>' ELSE '<' END;
    v_way text := CASE p_sort WHEN 'due' THEN 'ASC' ELSE 'DESC' END;
    v page_keys;
BEGIN
    EXECUTE format(
        'SELECT array_agg(k.id), array_agg(place_of(k.key, k.id))
        FROM (SELECT c.id, %1$s AS key FROM cases c WHERE %2$s%3$s ORDER BY %1$s %4$s, c.id %4$s LIMIT $6) AS k',
        v_key, case_where(p_me, p),
        CASE WHEN p_cursor IS NOT NULL THEN format(E'\n    AND (%s, c.id) %s ($4, $5)', v_key, v_after) END, v_way)
    INTO v.ids, v.cursors
    USING p_me, p, p_now, place_key(p_cursor), place_id(p_cursor), p_limit;
    RETURN v;
END $$;

-- In the order of the feed, after a position. A page that is not full has seen all there was.
CREATE FUNCTION case_feed_page(p_me actor, p case_filter, p_after bigint, p_limit integer, p_now timestamptz)
RETURNS page_keys LANGUAGE plpgsql STABLE AS $$
DECLARE
    v page_keys;
BEGIN
    EXECUTE format(
        'SELECT array_agg(k.id), array_agg(feed_place($6, k.position))
        FROM (SELECT c.id, f.position FROM case_feed f JOIN cases c ON c.tenant = f.tenant AND c.id = f.case_id
            WHERE f.tenant = ($1).tenant AND f.position > $4 AND %s ORDER BY f.position LIMIT $5) AS k',
        case_where(p_me, p))
    INTO v.ids, v.cursors
    USING p_me, p, p_now, p_after, p_limit, feed_era(p_me.tenant);
    v.resting := feed_place(feed_era(p_me.tenant), greatest(p_after, feed_last(p_me.tenant)));
    RETURN v;
END $$;

CREATE FUNCTION case_count(p_me actor, p case_filter, p_now timestamptz) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_count bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM (SELECT FROM cases c WHERE %s LIMIT 10001) AS k', case_where(p_me, p))
    INTO v_count USING p_me, p, p_now;
    RETURN v_count;
END $$;
COMMENT ON FUNCTION case_count(actor, case_filter, timestamptz) IS 'How many match, counted to one above 10,000';

CREATE FUNCTION case_list(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[],
    p_filter case_filter, p_updated_after timestamptz, p_sort text, p_cursor text, p_limit integer, p_count text,
    p_now timestamptz)
RETURNS list_page LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_me actor := me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_filter case_filter := case_filter_spelt(p_tenant, p_filter);
    v_feed feed_mode := feed_mode(p_tenant, p_updated_after, p_cursor);
BEGIN
    IF coalesce(v_me.refusal, v_feed.refusal) IS NOT NULL THEN
        RETURN list_refused(coalesce(v_me.refusal, v_feed.refusal));
    END IF;
    RETURN list_found(v_me, v_now,
        CASE WHEN v_feed.on_feed THEN case_feed_page(v_me, v_filter, v_feed.after, p_limit, v_now)
            ELSE case_page(v_me, v_filter, p_sort, p_cursor, p_limit, v_now) END,
        CASE WHEN p_count = 'exact' THEN case_count(v_me, v_filter, v_now) END);
END $$;
COMMENT ON FUNCTION case_list(text, text, text[], text[], text, text[], case_filter, timestamptz, text, text, integer, text, timestamptz)
    IS 'Which cases a page of the list shows, and to whom';
