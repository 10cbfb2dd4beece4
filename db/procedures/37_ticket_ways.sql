-- Which tickets a list shows, found like cases. Each way takes who asks, the filters, where to go on from, how many, the time.

CREATE TYPE ticket_filter AS (
    status text[], "case" uuid[], organisation text[], kind text[], role text[], mine boolean, overdue boolean, number text[]
);

-- A ticket's number ends with its own count in the case.
CREATE FUNCTION ticket_has_number(p_number text, p_n integer, p_numbers text[]) RETURNS boolean LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM unnest(p_numbers) AS x (x) WHERE upper(x.x) = p_number || '-' || p_n);
END $$;

-- Every filter, looked at on the row.
CREATE FUNCTION ticket_fits(p_me actor, f ticket_filter, t tickets, c cases, p_now timestamptz) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN ((f).status IS NULL OR (t).state = ANY ((f).status) OR 'open' = ANY ((f).status) AND (t).ended IS NULL)
    AND ((f)."case" IS NULL OR (t).case_id = ANY ((f)."case"))
    AND ((f).organisation IS NULL OR (t).organisation = ANY ((f).organisation))
    AND ((f).kind IS NULL OR (t).kind = ANY ((f).kind))
    AND ((f).role IS NULL OR (t).role = ANY ((f).role))
    AND ((f).mine IS NULL OR ((t).issued_by = (p_me).person_id OR (p_me).person_id = ANY ((t).workers)) IS TRUE = (f).mine)
    AND ((f).overdue IS NULL OR coalesce((t).overdue_at < p_now, false) = (f).overdue)
    AND ((f).number IS NULL OR ticket_has_number((c).number, (t).n, (f).number));
COMMENT ON FUNCTION ticket_fits(actor, ticket_filter, tickets, cases, timestamptz) IS 'Whether a ticket passes the filters of a list';

-- Along the whole street, newest first.
CREATE FUNCTION tickets_all(p_me actor, f ticket_filter, p_from place, p_limit integer, p_now timestamptz) RETURNS SETOF place
LANGUAGE plpgsql STABLE SET enable_bitmapscan = off SET enable_sort = off AS $$
DECLARE
    v_rows bigint := rows_to_look_at(p_limit);
    v_found bigint;
BEGIN
    RETURN QUERY
    SELECT k.issued_at, k.id, false
    FROM (SELECT x.issued_at, x.id FROM tickets x
        WHERE x.tenant = p_me.tenant AND (x.issued_at, x.id) < (p_from.key, p_from.id)
        ORDER BY x.issued_at DESC, x.id DESC LIMIT v_rows) AS k
    JOIN tickets t ON t.tenant = p_me.tenant AND t.id = k.id
    JOIN cases c ON c.tenant = t.tenant AND c.id = t.case_id
    WHERE ticket_in_sight(p_me, t, c) AND ticket_fits(p_me, f, t, c, p_now)
    ORDER BY k.issued_at DESC, k.id DESC LIMIT p_limit;
    GET DIAGNOSTICS v_found = ROW_COUNT;
    IF v_found < p_limit AND v_rows IS NOT NULL THEN
        RETURN QUERY
        SELECT t.issued_at, t.id, true FROM tickets t
        WHERE t.tenant = p_me.tenant AND (t.issued_at, t.id) < (p_from.key, p_from.id)
        ORDER BY t.issued_at DESC, t.id DESC OFFSET v_rows - 1 LIMIT 1;
    END IF;
END $$;

-- Of some organisations, each by its own part of the index; open: only what is. In the order of the index, so that what is
-- not on the page is not looked at: the planner, who cannot know how many rows pass the filters, would sort all of them.
CREATE FUNCTION tickets_of_organisations(p_me actor, f ticket_filter, p_organisations text[], p_from place, p_limit integer,
    p_now timestamptz)
RETURNS SETOF place LANGUAGE plpgsql STABLE SET enable_bitmapscan = off SET enable_sort = off AS $$
BEGIN
    IF all_open(f.status) THEN
        RETURN QUERY
        SELECT k.issued_at, k.id, false
        FROM unnest(p_organisations) AS o (code)
        CROSS JOIN LATERAL (
            SELECT t.issued_at, t.id FROM tickets t JOIN cases c ON c.tenant = t.tenant AND c.id = t.case_id
            WHERE t.tenant = p_me.tenant AND t.organisation = o.code AND t.ended IS NULL
                AND (t.issued_at, t.id) < (p_from.key, p_from.id)
                AND ticket_in_sight(p_me, t, c) AND ticket_fits(p_me, f, t, c, p_now)
            ORDER BY t.issued_at DESC, t.id DESC LIMIT p_limit) AS k;
    ELSE
        RETURN QUERY
        SELECT k.issued_at, k.id, false
        FROM unnest(p_organisations) AS o (code)
        CROSS JOIN LATERAL (
            SELECT t.issued_at, t.id FROM tickets t JOIN cases c ON c.tenant = t.tenant AND c.id = t.case_id
            WHERE t.tenant = p_me.tenant AND t.organisation = o.code AND (t.issued_at, t.id) < (p_from.key, p_from.id)
                AND ticket_in_sight(p_me, t, c) AND ticket_fits(p_me, f, t, c, p_now)
            ORDER BY t.issued_at DESC, t.id DESC LIMIT p_limit) AS k;
    END IF;
END $$;

CREATE FUNCTION tickets_of_cases(p_me actor, f ticket_filter, p_cases uuid[], p_from place, p_limit integer, p_now timestamptz)
RETURNS SETOF place LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY
    SELECT t.issued_at, t.id, false FROM tickets t JOIN cases c ON c.tenant = t.tenant AND c.id = t.case_id
    WHERE t.tenant = p_me.tenant AND t.case_id = ANY (p_cases) AND (t.issued_at, t.id) < (p_from.key, p_from.id)
        AND ticket_in_sight(p_me, t, c) AND ticket_fits(p_me, f, t, c, p_now)
    ORDER BY t.issued_at DESC, t.id DESC LIMIT p_limit;
END $$;

-- Cases that the filters name, by id or by a ticket's number. NULL: they name none.
CREATE FUNCTION cases_of_filter(p_tenant text, f ticket_filter) RETURNS uuid[] LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF f."case" IS NOT NULL THEN
        RETURN f."case";
    ELSIF f.number IS NOT NULL THEN
        RETURN ARRAY(
            SELECT c.id FROM unnest(f.number) AS x (x)
            JOIN cases c ON c.tenant = p_tenant AND c.number = regexp_replace(upper(x.x), '-[0-9]+$', ''));
    END IF;
    RETURN NULL;
END $$;

-- Whoever is nothing else sees no tickets but those of the own organisation.
CREATE FUNCTION sees_own_tickets_only(p_me actor) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (p_me).roles <@ '{department,citizen,client,property}';

CREATE FUNCTION tickets_found(p_me actor, f ticket_filter, p_from place, p_limit integer, p_now timestamptz)
RETURNS SETOF place LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_cases uuid[] := cases_of_filter(p_me.tenant, f);
    v_organisations text[] := CASE WHEN sees_own_tickets_only(p_me) THEN ARRAY[p_me.org] ELSE f.organisation END;
BEGIN
    IF v_cases IS NOT NULL THEN
        RETURN QUERY SELECT * FROM tickets_of_cases(p_me, f, v_cases, p_from, p_limit, p_now);
    ELSIF v_organisations IS NOT NULL THEN
        RETURN QUERY SELECT * FROM tickets_of_organisations(p_me, f, v_organisations, p_from, p_limit, p_now);
    ELSE
        RETURN QUERY SELECT * FROM tickets_all(p_me, f, p_from, p_limit, p_now);
    END IF;
END $$;

-- By due time: what is open, then what has ended.
CREATE FUNCTION tickets_due(p_me actor, f ticket_filter, p_from place, p_limit integer, p_now timestamptz)
RETURNS SETOF place LANGUAGE plpgsql STABLE SET enable_bitmapscan = off SET enable_sort = off AS $$
DECLARE
    v_rows bigint := rows_to_look_at(p_limit);
    v_found bigint;
BEGIN
    RETURN QUERY
    SELECT coalesce(t.finish_due_at, 'infinity'), t.id, false FROM tickets t JOIN cases c ON c.tenant = t.tenant AND c.id = t.case_id
    WHERE t.tenant = p_me.tenant AND t.ended IS NULL AND (coalesce(t.finish_due_at, 'infinity'), t.id) > (p_from.key, p_from.id)
        AND ticket_in_sight(p_me, t, c) AND ticket_fits(p_me, f, t, c, p_now)
    ORDER BY coalesce(t.finish_due_at, 'infinity'), t.id LIMIT p_limit;
    IF all_open(f.status) THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT k.due, k.id, false
    FROM (SELECT coalesce(x.finish_due_at, 'infinity') AS due, x.id FROM tickets x
        WHERE x.tenant = p_me.tenant AND x.ended IS NOT NULL
            AND (coalesce(x.finish_due_at, 'infinity'), x.id) > (p_from.key, p_from.id)
        ORDER BY coalesce(x.finish_due_at, 'infinity'), x.id LIMIT v_rows) AS k
    JOIN tickets t ON t.tenant = p_me.tenant AND t.id = k.id
    JOIN cases c ON c.tenant = t.tenant AND c.id = t.case_id
    WHERE ticket_in_sight(p_me, t, c) AND ticket_fits(p_me, f, t, c, p_now)
    ORDER BY k.due, k.id LIMIT p_limit;
    GET DIAGNOSTICS v_found = ROW_COUNT;
    IF v_found < p_limit AND v_rows IS NOT NULL THEN
        RETURN QUERY
        SELECT coalesce(t.finish_due_at, 'infinity'), t.id, true FROM tickets t
        WHERE t.tenant = p_me.tenant AND t.ended IS NOT NULL
            AND (coalesce(t.finish_due_at, 'infinity'), t.id) > (p_from.key, p_from.id)
        ORDER BY coalesce(t.finish_due_at, 'infinity'), t.id OFFSET v_rows - 1 LIMIT 1;
    END IF;
END $$;

-- A department's own list, as it pulls it all day: the walk of one part of the index is the page, and no case is looked at.
CREATE FUNCTION lists_own_tickets(p_me actor, f ticket_filter) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 'department' = ANY ((p_me).roles) AND sees_own_tickets_only(p_me) AND (p_me).scope IS NULL
    AND (f)."case" IS NULL AND (f).number IS NULL AND ((f).organisation IS NULL OR (p_me).org = ANY ((f).organisation));

CREATE FUNCTION own_ticket_page(p_me actor, f ticket_filter, p_from place, p_limit integer, p_now timestamptz)
RETURNS page_keys LANGUAGE plpgsql STABLE SET enable_bitmapscan = off SET enable_sort = off AS $$
DECLARE
    v page_keys;
BEGIN
    IF all_open(f.status) THEN
        SELECT array_agg(k.id), array_agg(place_of(k.issued_at, k.id)) INTO v.ids, v.cursors
        FROM (SELECT t.issued_at, t.id FROM tickets t
            WHERE t.tenant = p_me.tenant AND t.organisation = p_me.org AND t.ended IS NULL
                AND (t.issued_at, t.id) < (p_from.key, p_from.id) AND ticket_fits(p_me, f, t, NULL, p_now)
            ORDER BY t.issued_at DESC, t.id DESC LIMIT p_limit) AS k;
    ELSE
        SELECT array_agg(k.id), array_agg(place_of(k.issued_at, k.id)) INTO v.ids, v.cursors
        FROM (SELECT t.issued_at, t.id FROM tickets t
            WHERE t.tenant = p_me.tenant AND t.organisation = p_me.org
                AND (t.issued_at, t.id) < (p_from.key, p_from.id) AND ticket_fits(p_me, f, t, NULL, p_now)
            ORDER BY t.issued_at DESC, t.id DESC LIMIT p_limit) AS k;
    END IF;
    RETURN v;
END $$;

CREATE FUNCTION ticket_page(p_me actor, f ticket_filter, p_sort text, p_cursor text, p_limit integer, p_now timestamptz)
RETURNS page_keys LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_from place := place_from(p_cursor, p_sort <> 'due');
BEGIN
    IF p_sort = 'due' THEN
        RETURN keys_of(ARRAY(SELECT x FROM tickets_due(p_me, f, v_from, p_limit, p_now) AS x), p_limit, false);
    ELSIF lists_own_tickets(p_me, f) THEN
        RETURN own_ticket_page(p_me, f, v_from, p_limit, p_now);
    END IF;
    RETURN keys_of(ARRAY(SELECT x FROM tickets_found(p_me, f, v_from, p_limit, p_now) AS x), p_limit, true);
END $$;

-- From the feed to its ticket to its case, and no further than the page. Where the planner has not counted yet, as in a street
-- that was filled a moment ago, it would else join each position with every case of the street.
CREATE FUNCTION ticket_feed_page(p_me actor, f ticket_filter, p_after bigint, p_limit integer, p_now timestamptz)
RETURNS page_keys LANGUAGE plpgsql STABLE SET join_collapse_limit = 1 SET enable_bitmapscan = off SET enable_sort = off AS $$
DECLARE
    v_era text := feed_era(p_me.tenant);
    v_last bigint := feed_last(p_me.tenant);
    v_upto bigint := least(p_after + rows_to_look_at(p_limit), v_last);
    v page_keys;
BEGIN
    SELECT array_agg(k.id), array_agg(feed_place(v_era, k.position)) INTO v.ids, v.cursors
    FROM (SELECT t.id, f2.position
        FROM (SELECT x.tenant, x.ticket_id, x.position FROM ticket_feed x
            WHERE x.tenant = p_me.tenant AND x.position > p_after AND x.position <= v_upto
            ORDER BY x.position OFFSET 0) AS f2
        JOIN tickets t ON t.tenant = f2.tenant AND t.id = f2.ticket_id
        JOIN cases c ON c.tenant = t.tenant AND c.id = t.case_id
        WHERE ticket_in_sight(p_me, t, c) AND ticket_fits(p_me, f, t, c, p_now)
        ORDER BY f2.position LIMIT p_limit) AS k;
    v.resting := feed_place(v_era, greatest(p_after, v_upto));
    v.more := v_upto < v_last;
    RETURN v;
END $$;

CREATE FUNCTION ticket_list(p_me actor, f ticket_filter, p_updated_after timestamptz, p_sort text, p_cursor text,
    p_limit integer, p_count text, p_now timestamptz)
RETURNS list_page LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_feed feed_mode := feed_mode(p_me.tenant, p_updated_after, p_cursor);
BEGIN
    IF coalesce(p_me.refusal, v_feed.refusal) IS NOT NULL THEN
        RETURN list_refused(coalesce(p_me.refusal, v_feed.refusal));
    END IF;
    RETURN list_found(
        CASE WHEN v_feed.on_feed THEN ticket_feed_page(p_me, f, v_feed.after, p_limit, p_now)
            ELSE ticket_page(p_me, f, p_sort, p_cursor, p_limit, p_now) END,
        CASE WHEN p_count = 'exact' THEN coalesce(cardinality((ticket_page(p_me, f, p_sort, NULL, 10001, p_now)).ids), 0) END);
END $$;
COMMENT ON FUNCTION ticket_list(actor, ticket_filter, timestamptz, text, text, integer, text, timestamptz) IS
    'Which tickets a page of the list shows; counted to one above 10,000';
