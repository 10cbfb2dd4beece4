-- The ways in which a list finds cases. Each takes who asks, the filters, where to go on from, how many, and the time.

-- Along the whole street, newest intake first.
CREATE FUNCTION cases_all(p_me actor, f case_filter, p_from place, p_limit integer, p_now timestamptz) RETURNS SETOF place
LANGUAGE plpgsql STABLE SET enable_bitmapscan = off SET enable_sort = off AS $$
DECLARE
    v_rows bigint := rows_to_look_at(p_limit);
    v_found bigint;
BEGIN
    RETURN QUERY
    SELECT k.received_at, k.id, false
    FROM (SELECT x.received_at, x.id FROM cases x
        WHERE x.tenant = p_me.tenant AND (x.received_at, x.id) < (p_from.key, p_from.id)
        ORDER BY x.received_at DESC, x.id DESC LIMIT v_rows) AS k
    JOIN cases c ON c.tenant = p_me.tenant AND c.id = k.id
    WHERE case_in_sight(p_me, c) AND case_fits(p_me, f, c, p_now)
    ORDER BY k.received_at DESC, k.id DESC LIMIT p_limit;
    GET DIAGNOSTICS v_found = ROW_COUNT;
    IF v_found < p_limit AND v_rows IS NOT NULL THEN
        RETURN QUERY
        SELECT c.received_at, c.id, true FROM cases c
        WHERE c.tenant = p_me.tenant AND (c.received_at, c.id) < (p_from.key, p_from.id)
        ORDER BY c.received_at DESC, c.id DESC OFFSET v_rows - 1 LIMIT 1;
    END IF;
END $$;

-- Only what is open: little beside what has ended, so little that a page may look at all of it.
CREATE FUNCTION cases_open(p_me actor, f case_filter, p_from place, p_limit integer, p_now timestamptz) RETURNS SETOF place
LANGUAGE plpgsql STABLE SET enable_bitmapscan = off SET enable_sort = off AS $$
BEGIN
    RETURN QUERY
    SELECT c.received_at, c.id, false FROM cases c
    WHERE c.tenant = p_me.tenant AND c.ended IS NULL AND (c.received_at, c.id) < (p_from.key, p_from.id)
        AND case_in_sight(p_me, c) AND case_fits(p_me, f, c, p_now)
    ORDER BY c.received_at DESC, c.id DESC LIMIT p_limit;
END $$;

-- Only what has ended in one of the rarer ways.
CREATE FUNCTION cases_ended(p_me actor, f case_filter, p_from place, p_limit integer, p_now timestamptz) RETURNS SETOF place
LANGUAGE plpgsql STABLE SET enable_bitmapscan = off SET enable_sort = off AS $$
BEGIN
    RETURN QUERY
    SELECT k.received_at, k.id, false
    FROM unnest(f.status) AS s (state)
    CROSS JOIN LATERAL (
        SELECT c.received_at, c.id FROM cases c
        WHERE c.tenant = p_me.tenant AND c.ended = s.state AND (c.received_at, c.id) < (p_from.key, p_from.id)
            AND case_in_sight(p_me, c) AND case_fits(p_me, f, c, p_now)
        ORDER BY c.received_at DESC, c.id DESC LIMIT p_limit) AS k;
END $$;

-- A few areas, each by its own part of the index.
CREATE FUNCTION cases_in_areas(p_me actor, f case_filter, p_areas text[], p_from place, p_limit integer, p_now timestamptz)
RETURNS SETOF place LANGUAGE plpgsql STABLE SET enable_bitmapscan = off SET enable_sort = off AS $$
BEGIN
    RETURN QUERY
    SELECT k.received_at, k.id, false
    FROM unnest(p_areas) AS a (code)
    CROSS JOIN LATERAL (
        SELECT c.received_at, c.id FROM cases c
        WHERE c.tenant = p_me.tenant AND c.area = a.code AND (c.received_at, c.id) < (p_from.key, p_from.id)
            AND case_in_sight(p_me, c) AND case_fits(p_me, f, c, p_now)
        ORDER BY c.received_at DESC, c.id DESC LIMIT p_limit) AS k;
END $$;

CREATE FUNCTION cases_nowhere(p_me actor, f case_filter, p_from place, p_limit integer, p_now timestamptz)
RETURNS SETOF place LANGUAGE plpgsql STABLE SET enable_bitmapscan = off SET enable_sort = off AS $$
BEGIN
    RETURN QUERY
    SELECT c.received_at, c.id, false FROM cases c
    WHERE c.tenant = p_me.tenant AND c.area IS NULL AND (c.received_at, c.id) < (p_from.key, p_from.id)
        AND case_in_sight(p_me, c) AND case_fits(p_me, f, c, p_now)
    ORDER BY c.received_at DESC, c.id DESC LIMIT p_limit;
END $$;

-- What a person handles or has entered. A citizen's own are found by who reported them.
CREATE FUNCTION cases_of_person(p_me actor, f case_filter, p_from place, p_limit integer, p_now timestamptz)
RETURNS SETOF place LANGUAGE plpgsql STABLE SET enable_bitmapscan = off SET enable_sort = off AS $$
BEGIN
    RETURN QUERY
    (SELECT c.received_at, c.id, false FROM cases c
    WHERE c.tenant = p_me.tenant AND c.handler = p_me.person_id AND (c.received_at, c.id) < (p_from.key, p_from.id)
        AND case_in_sight(p_me, c) AND case_fits(p_me, f, c, p_now)
    ORDER BY c.received_at DESC, c.id DESC LIMIT p_limit)
    UNION ALL
    (SELECT c.received_at, c.id, false FROM cases c
    WHERE c.tenant = p_me.tenant AND c.created_by = p_me.person_id AND c.created_role <> 'citizen'
        AND (c.received_at, c.id) < (p_from.key, p_from.id)
        AND case_in_sight(p_me, c) AND case_fits(p_me, f, c, p_now)
    ORDER BY c.received_at DESC, c.id DESC LIMIT p_limit);
END $$;

CREATE FUNCTION cases_reported(p_me actor, f case_filter, p_from place, p_limit integer, p_now timestamptz)
RETURNS SETOF place LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY
    SELECT c.received_at, c.id, false FROM cases c
    WHERE c.tenant = p_me.tenant AND c.id = ANY (ARRAY(
            SELECT r.case_id FROM case_reporters r WHERE r.tenant = p_me.tenant AND r.person_id = p_me.person_id))
        AND (c.received_at, c.id) < (p_from.key, p_from.id) AND case_in_sight(p_me, c) AND case_fits(p_me, f, c, p_now)
    ORDER BY c.received_at DESC, c.id DESC LIMIT p_limit;
END $$;

-- What somebody in the field worked on outside of the own area, and what waits to be checked beside it.
CREATE FUNCTION cases_worked(p_me actor, f case_filter, p_from place, p_limit integer, p_now timestamptz)
RETURNS SETOF place LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY
    (SELECT w.received_at, w.case_id, false FROM case_workers w JOIN cases c ON c.tenant = w.tenant AND c.id = w.case_id
    WHERE w.tenant = p_me.tenant AND w.person_id = p_me.person_id AND (w.received_at, w.case_id) < (p_from.key, p_from.id)
        AND case_in_sight(p_me, c) AND case_fits(p_me, f, c, p_now)
    ORDER BY w.received_at DESC, w.case_id DESC LIMIT p_limit)
    UNION ALL
    (SELECT c.received_at, c.id, false FROM cases c
    WHERE c.tenant = p_me.tenant AND c.ended IS NULL AND c.state = 'checking'
        AND c.community = ANY (p_me.grid_communities) AND (c.received_at, c.id) < (p_from.key, p_from.id)
        AND case_in_sight(p_me, c) AND case_fits(p_me, f, c, p_now)
    ORDER BY c.received_at DESC, c.id DESC LIMIT p_limit);
END $$;

CREATE FUNCTION cases_of_window(p_me actor, f case_filter, p_from place, p_limit integer, p_now timestamptz)
RETURNS SETOF place LANGUAGE plpgsql STABLE SET enable_bitmapscan = off SET enable_sort = off AS $$
BEGIN
    RETURN QUERY
    SELECT c.received_at, c.id, false FROM cases c
    WHERE c.tenant = p_me.tenant AND c.created_org = p_me.org AND c.created_role = 'window_clerk'
        AND (c.received_at, c.id) < (p_from.key, p_from.id) AND case_in_sight(p_me, c) AND case_fits(p_me, f, c, p_now)
    ORDER BY c.received_at DESC, c.id DESC LIMIT p_limit;
END $$;

-- A department with few tickets finds its cases by them; one with many meets its own soon enough along the street.
CREATE FUNCTION cases_of_department(p_me actor, f case_filter, p_from place, p_limit integer, p_now timestamptz)
RETURNS SETOF place LANGUAGE plpgsql STABLE AS $$
DECLARE
    c_few CONSTANT integer := 1000;
    v_cases uuid[] := ARRAY(
        SELECT t.case_id FROM tickets t WHERE t.tenant = p_me.tenant AND t.organisation = p_me.org LIMIT c_few + 1);
BEGIN
    IF cardinality(v_cases) <= c_few THEN
        RETURN QUERY
        SELECT c.received_at, c.id, false FROM cases c
        WHERE c.tenant = p_me.tenant AND c.id = ANY (v_cases) AND (c.received_at, c.id) < (p_from.key, p_from.id)
            AND case_in_sight(p_me, c) AND case_fits(p_me, f, c, p_now)
        ORDER BY c.received_at DESC, c.id DESC LIMIT p_limit;
    ELSE
        RETURN QUERY SELECT * FROM cases_all(p_me, f, p_from, p_limit, p_now);
    END IF;
END $$;

-- What a number names, or words that few cases have. NULL: the filters name nothing so few.
CREATE FUNCTION cases_named(p_tenant text, f case_filter) RETURNS uuid[] LANGUAGE plpgsql STABLE AS $$
DECLARE
    c_few CONSTANT integer := 2000;
    v_ids uuid[];
BEGIN
    IF f.external_number IS NOT NULL THEN -- a number beside it is looked at on the row
        RETURN ARRAY(SELECT x.case_id FROM external_refs x WHERE x.tenant = p_tenant AND x.number = ANY (f.external_number));
    ELSIF f.number IS NOT NULL THEN
        RETURN ARRAY(SELECT c.id FROM cases c WHERE c.tenant = p_tenant AND c.number = ANY (f.number));
    ELSIF f.grams <> '{}' THEN
        v_ids := ARRAY(SELECT x.case_id FROM case_texts x WHERE x.tenant = p_tenant AND x.grams @> f.grams LIMIT c_few + 1);
    END IF;
    RETURN CASE WHEN cardinality(v_ids) <= c_few THEN v_ids END;
END $$;

CREATE FUNCTION cases_among(p_me actor, f case_filter, p_ids uuid[], p_from place, p_limit integer, p_now timestamptz)
RETURNS SETOF place LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY
    SELECT c.received_at, c.id, false FROM cases c
    WHERE c.tenant = p_me.tenant AND c.id = ANY (p_ids) AND (c.received_at, c.id) < (p_from.key, p_from.id)
        AND case_in_sight(p_me, c) AND case_fits(p_me, f, c, p_now)
    ORDER BY c.received_at DESC, c.id DESC LIMIT p_limit;
END $$;

CREATE FUNCTION few_areas() RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN 4;
COMMENT ON FUNCTION few_areas() IS 'So many areas are looked at one by one';

-- Each role of the caller's finds what it sees.
CREATE FUNCTION cases_by_role(p_me actor, f case_filter, p_from place, p_limit integer, p_now timestamptz)
RETURNS SETOF place LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_grids text[];
BEGIN
    IF p_me.roles && '{grid_worker,community}' THEN
        v_grids := grids_of(p_me);
        -- Who has many areas meets cases of theirs soon enough along the street.
        IF cardinality(v_grids) > few_areas() THEN
            RETURN QUERY SELECT * FROM cases_all(p_me, f, p_from, p_limit, p_now);
        ELSE
            RETURN QUERY SELECT * FROM cases_in_areas(p_me, f, v_grids, p_from, p_limit, p_now);
            RETURN QUERY SELECT * FROM cases_nowhere(p_me, f, p_from, p_limit, p_now);
        END IF;
    END IF;
    IF p_me.roles && '{grid_worker,client}' THEN
        RETURN QUERY SELECT * FROM cases_of_person(p_me, f, p_from, p_limit, p_now);
    END IF;
    IF 'grid_worker' = ANY (p_me.roles) THEN
        RETURN QUERY SELECT * FROM cases_worked(p_me, f, p_from, p_limit, p_now);
    END IF;
    IF 'window_clerk' = ANY (p_me.roles) THEN
        RETURN QUERY SELECT * FROM cases_of_window(p_me, f, p_from, p_limit, p_now);
    END IF;
    IF 'department' = ANY (p_me.roles) THEN
        RETURN QUERY SELECT * FROM cases_of_department(p_me, f, p_from, p_limit, p_now);
    END IF;
    -- Somebody in the field sees what they entered, also as a citizen.
    IF p_me.roles && '{citizen,grid_worker}' THEN
        RETURN QUERY SELECT * FROM cases_reported(p_me, f, p_from, p_limit, p_now);
    END IF;
END $$;

-- Grids of the own area: a case lies in a grid.
CREATE FUNCTION grids_of(p_me actor) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN ARRAY(SELECT a.code FROM areas a WHERE a.tenant = p_me.tenant AND a.code = ANY (p_me.areas) AND a.kind = 'grid');
END $$;

CREATE FUNCTION cases_mine(p_me actor, f case_filter, p_from place, p_limit integer, p_now timestamptz)
RETURNS SETOF place LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY SELECT * FROM cases_of_person(p_me, f, p_from, p_limit, p_now);
    RETURN QUERY SELECT * FROM cases_reported(p_me, f, p_from, p_limit, p_now);
    IF 'department' = ANY (p_me.roles) THEN
        RETURN QUERY SELECT * FROM cases_of_department(p_me, f, p_from, p_limit, p_now);
    END IF;
END $$;

CREATE FUNCTION all_open(p_status text[]) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN NOT p_status && '{closed,rejected,merged,voided,returned,recalled}';

-- One way for these filters and this caller. The order does not matter here.
CREATE FUNCTION cases_found(p_me actor, f case_filter, p_from place, p_limit integer, p_now timestamptz)
RETURNS SETOF place LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_named uuid[] := CASE WHEN f.number IS NOT NULL OR f.external_number IS NOT NULL OR f.grams <> '{}'
        THEN cases_named(p_me.tenant, f) END;
BEGIN
    IF v_named IS NOT NULL THEN
        RETURN QUERY SELECT * FROM cases_among(p_me, f, v_named, p_from, p_limit, p_now);
    ELSIF f.mine THEN
        RETURN QUERY SELECT * FROM cases_mine(p_me, f, p_from, p_limit, p_now);
    ELSIF NOT sees_all(p_me) THEN
        RETURN QUERY SELECT * FROM cases_by_role(p_me, f, p_from, p_limit, p_now);
    ELSIF all_open(f.status) THEN
        RETURN QUERY SELECT * FROM cases_open(p_me, f, p_from, p_limit, p_now);
    ELSIF cardinality(coalesce(f.area, p_me.scope)) <= few_areas() THEN
        RETURN QUERY SELECT * FROM cases_in_areas(p_me, f, coalesce(f.area, p_me.scope), p_from, p_limit, p_now);
        IF f.nowhere OR f.area IS NULL THEN
            RETURN QUERY SELECT * FROM cases_nowhere(p_me, f, p_from, p_limit, p_now);
        END IF;
    ELSIF f.status <@ '{rejected,merged,voided}' THEN
        RETURN QUERY SELECT * FROM cases_ended(p_me, f, p_from, p_limit, p_now);
    ELSE
        RETURN QUERY SELECT * FROM cases_all(p_me, f, p_from, p_limit, p_now);
    END IF;
END $$;

-- By due time: what is open, then what has ended, each by its own index.
CREATE FUNCTION cases_due(p_me actor, f case_filter, p_from place, p_limit integer, p_now timestamptz)
RETURNS SETOF place LANGUAGE plpgsql STABLE SET enable_bitmapscan = off SET enable_sort = off AS $$
DECLARE
    v_rows bigint := rows_to_look_at(p_limit);
    v_found bigint;
BEGIN
    RETURN QUERY
    SELECT coalesce(c.resolve_due_at, 'infinity'), c.id, false FROM cases c
    WHERE c.tenant = p_me.tenant AND c.ended IS NULL AND (coalesce(c.resolve_due_at, 'infinity'), c.id) > (p_from.key, p_from.id)
        AND case_in_sight(p_me, c) AND case_fits(p_me, f, c, p_now)
    ORDER BY coalesce(c.resolve_due_at, 'infinity'), c.id LIMIT p_limit;
    IF all_open(f.status) THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT k.due, k.id, false
    FROM (SELECT coalesce(x.resolve_due_at, 'infinity') AS due, x.id FROM cases x
        WHERE x.tenant = p_me.tenant AND x.ended IS NOT NULL
            AND (coalesce(x.resolve_due_at, 'infinity'), x.id) > (p_from.key, p_from.id)
        ORDER BY coalesce(x.resolve_due_at, 'infinity'), x.id LIMIT v_rows) AS k
    JOIN cases c ON c.tenant = p_me.tenant AND c.id = k.id
    WHERE case_in_sight(p_me, c) AND case_fits(p_me, f, c, p_now)
    ORDER BY k.due, k.id LIMIT p_limit;
    GET DIAGNOSTICS v_found = ROW_COUNT;
    IF v_found < p_limit AND v_rows IS NOT NULL THEN
        RETURN QUERY
        SELECT coalesce(c.resolve_due_at, 'infinity'), c.id, true FROM cases c
        WHERE c.tenant = p_me.tenant AND c.ended IS NOT NULL
            AND (coalesce(c.resolve_due_at, 'infinity'), c.id) > (p_from.key, p_from.id)
        ORDER BY coalesce(c.resolve_due_at, 'infinity'), c.id OFFSET v_rows - 1 LIMIT 1;
    END IF;
END $$;

CREATE FUNCTION case_page(p_me actor, f case_filter, p_sort text, p_cursor text, p_limit integer, p_now timestamptz)
RETURNS page_keys LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_from place := place_from(p_cursor, p_sort <> 'due');
BEGIN
    IF p_sort = 'due' THEN
        RETURN keys_of(ARRAY(SELECT x FROM cases_due(p_me, f, v_from, p_limit, p_now) AS x), p_limit, false);
    END IF;
    RETURN keys_of(ARRAY(SELECT x FROM cases_found(p_me, f, v_from, p_limit, p_now) AS x), p_limit, true);
END $$;

-- In the order of the feed, after a position, through so many positions at most. A page that is not full has seen them all.
-- Each case stands in it once: there is nothing to memorise.
CREATE FUNCTION case_feed_page(p_me actor, f case_filter, p_after bigint, p_limit integer, p_now timestamptz)
RETURNS page_keys LANGUAGE plpgsql STABLE SET enable_bitmapscan = off SET enable_sort = off SET enable_memoize = off AS $$
DECLARE
    v_era text := feed_era(p_me.tenant);
    v_last bigint := feed_last(p_me.tenant);
    v_upto bigint := least(p_after + rows_to_look_at(p_limit), v_last);
    v page_keys;
BEGIN
    SELECT array_agg(k.id), array_agg(feed_place(v_era, k.position)) INTO v.ids, v.cursors
    FROM (SELECT c.id, f2.position FROM case_feed f2 JOIN cases c ON c.tenant = f2.tenant AND c.id = f2.case_id
        WHERE f2.tenant = p_me.tenant AND f2.position > p_after AND f2.position <= v_upto
            AND case_in_sight(p_me, c) AND case_fits(p_me, f, c, p_now)
        ORDER BY f2.position LIMIT p_limit) AS k;
    v.resting := feed_place(v_era, greatest(p_after, v_upto));
    v.more := v_upto < v_last;
    RETURN v;
END $$;

CREATE FUNCTION case_list(p_me actor, p_filter case_filter, p_updated_after timestamptz, p_sort text, p_cursor text,
    p_limit integer, p_count text, p_now timestamptz)
RETURNS list_page LANGUAGE plpgsql STABLE AS $$
DECLARE
    f case_filter := case_filter_spelt(p_me.tenant, p_filter);
    v_feed feed_mode := feed_mode(p_me.tenant, p_updated_after, p_cursor);
BEGIN
    IF coalesce(p_me.refusal, v_feed.refusal) IS NOT NULL THEN
        RETURN list_refused(coalesce(p_me.refusal, v_feed.refusal));
    END IF;
    RETURN list_found(
        CASE WHEN v_feed.on_feed THEN case_feed_page(p_me, f, v_feed.after, p_limit, p_now)
            ELSE case_page(p_me, f, p_sort, p_cursor, p_limit, p_now) END,
        CASE WHEN p_count = 'exact' THEN coalesce(cardinality((case_page(p_me, f, p_sort, NULL, 10001, p_now)).ids), 0) END);
END $$;
COMMENT ON FUNCTION case_list(actor, case_filter, timestamptz, text, text, integer, text, timestamptz) IS
    'Which cases a page of the list shows; counted to one above 10,000';
