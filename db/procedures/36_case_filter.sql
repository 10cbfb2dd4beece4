-- Which cases a list shows: what may be asked, and how places in a list are written. There are few ways in which they are found, each by an index in the order of the list, and each
-- planned once in a session; all other filters are looked at row by row. A way that finds too little among too many rows
-- ends with a short page and a cursor to go on from: no request looks at more rows than a budget.

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
    IF p.number IS NOT NULL THEN
        p.number := ARRAY(SELECT upper(n.n) FROM unnest(p.number) AS n (n));
    END IF;
    RETURN p;
END $$;

CREATE FUNCTION has_words(p_text text, p_words text[]) RETURNS boolean LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN NOT EXISTS (SELECT FROM unnest(p_words) AS w (w) WHERE strpos(p_text, w.w) = 0);
END $$;

-- What I handle, created or reported; for a department: where a ticket of mine is open.
CREATE FUNCTION case_is_mine(p_me actor, p_case cases) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
RETURN ((p_case).handler = (p_me).person_id OR (p_case).created_by = (p_me).person_id
    OR (p_me).person_id = ANY ((p_case).reporters)
    OR 'department' = ANY ((p_me).roles) AND (p_me).org = ANY ((p_case).open_orgs)) IS TRUE;

-- Nobody finds a case by words that it does not show them.
CREATE FUNCTION words_shown(p_me actor, p_case cases) RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    v_own own_report := CASE WHEN owns_report(p_me, p_case) AND cardinality(p_case.reporters) > 1 THEN own_reporter(p_me, p_case) END;
BEGIN
    RETURN CASE WHEN v_own.merged THEN case_words(v_own.title, v_own.description, v_own.address)
        ELSE case_words(p_case.title, p_case.description, p_case.address) END;
END $$;

-- Every filter, looked at on the row.
CREATE FUNCTION case_fits(p_me actor, f case_filter, c cases, p_now timestamptz) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
RETURN ((f).status IS NULL OR (c).state = ANY ((f).status))
    AND ((f).level IS NULL OR (c).level = ANY ((f).level))
    AND ((f).kind IS NULL OR (c).kind = ANY ((f).kind))
    AND ((f).category IS NULL OR (c).category = ANY ((f).category))
    AND ((f).area IS NULL OR (c).area = ANY ((f).area) OR (f).nowhere AND (c).area IS NULL)
    AND ((f).source IS NULL OR (c).source = ANY ((f).source))
    AND ((f).mine IS NULL OR case_is_mine(p_me, c) = (f).mine)
    AND ((f).overdue IS NULL OR coalesce((c).overdue_at < p_now, false) = (f).overdue)
    AND ((f).number IS NULL OR (c).number = ANY ((f).number))
    AND ((f).words IS NULL OR has_words(words_shown(p_me, c), (f).words));
COMMENT ON FUNCTION case_fits(actor, case_filter, cases, timestamptz) IS 'Whether a case passes the filters of a list';

CREATE TYPE page_keys AS (
    ids uuid[],     -- in order
    cursors text[], -- where each stands
    resting text,   -- where it goes on when it is not full
    more boolean    -- not all was looked at: there may be more behind that place
);

-- What a list's statement starts from. An id of NULL, at the end, is a row that only steers.
CREATE TYPE list_page AS (
    code text,
    ids uuid[],
    cursors text[],
    total bigint,
    more boolean
);

CREATE FUNCTION list_refused(p_code text) RETURNS list_page LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ROW(p_code, ARRAY[NULL::uuid], ARRAY[NULL::text], NULL, false)::list_page;

CREATE FUNCTION list_found(p_keys page_keys, p_total bigint) RETURNS list_page
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    IF p_keys.resting IS NOT NULL OR p_total IS NOT NULL THEN
        p_keys.ids := p_keys.ids || NULL::uuid;
        p_keys.cursors := p_keys.cursors || p_keys.resting;
    END IF;
    RETURN (NULL, p_keys.ids, p_keys.cursors, p_total, coalesce(p_keys.more, false))::list_page;
END $$;

-- How a place in a list is written down: its sort key in UTC, and the id.
CREATE FUNCTION place_of(p_key timestamptz, p_id uuid) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
RETURN (p_key AT TIME ZONE 'UTC')::text || '|' || p_id;

CREATE FUNCTION place_key(p_cursor text) RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE
RETURN split_part(p_cursor, '|', 1)::timestamp AT TIME ZONE 'UTC';

CREATE FUNCTION place_id(p_cursor text) RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
RETURN split_part(p_cursor, '|', 2)::uuid;

-- A row's place in a list. A way that may look at so many rows at most, and has, says with `rest` how far it came.
CREATE TYPE place AS (key timestamptz, id uuid, rest boolean);

-- Where a page goes on from: the place of the last row before; at the beginning what comes before all of them.
CREATE FUNCTION place_from(p_cursor text, p_newest_first boolean) RETURNS place LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    IF p_cursor IS NOT NULL THEN
        RETURN (place_key(p_cursor), place_id(p_cursor), false)::place;
    ELSIF p_newest_first THEN
        RETURN ('infinity', 'ffffffff-ffff-ffff-ffff-ffffffffffff', false)::place;
    END IF;
    RETURN ('-infinity', '00000000-0000-0000-0000-000000000000', false)::place;
END $$;

-- A page looks at so many rows at most; counting looks at all.
CREATE FUNCTION rows_to_look_at(p_limit integer) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN p_limit > 1000 THEN NULL ELSE 50000 END;

-- What several ways found, in the order of the list, each once, and nothing from behind where one of them rests.
CREATE FUNCTION keys_of(p_found place[], p_limit integer, p_newest_first boolean) RETURNS page_keys
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    v page_keys;
    v_rest place;
BEGIN
    IF p_newest_first THEN
        SELECT x.key, x.id, true INTO v_rest FROM unnest(p_found) AS x WHERE x.rest ORDER BY x.key DESC, x.id DESC LIMIT 1;
        SELECT array_agg(k.id), array_agg(place_of(k.key, k.id)) INTO v.ids, v.cursors
        FROM (SELECT DISTINCT x.key, x.id FROM unnest(p_found) AS x
            WHERE NOT x.rest AND (v_rest.rest IS NULL OR (x.key, x.id) >= (v_rest.key, v_rest.id))
            ORDER BY x.key DESC, x.id DESC LIMIT p_limit) AS k;
    ELSE
        SELECT x.key, x.id, true INTO v_rest FROM unnest(p_found) AS x WHERE x.rest ORDER BY x.key, x.id LIMIT 1;
        SELECT array_agg(k.id), array_agg(place_of(k.key, k.id)) INTO v.ids, v.cursors
        FROM (SELECT DISTINCT x.key, x.id FROM unnest(p_found) AS x
            WHERE NOT x.rest AND (v_rest.rest IS NULL OR (x.key, x.id) <= (v_rest.key, v_rest.id))
            ORDER BY x.key, x.id LIMIT p_limit) AS k;
    END IF;
    IF v_rest.rest THEN
        v.resting := place_of(v_rest.key, v_rest.id);
        v.more := true;
    END IF;
    RETURN v;
END $$;
COMMENT ON FUNCTION keys_of(place[], integer, boolean) IS 'A page from what was found';
