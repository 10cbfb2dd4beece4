-- Open311 GeoReport v2: reading requests and what became of them.

CREATE TYPE open311_request AS (
    _code text, _pointer text,
    service_request_id text, status text, status_notes text, service_name text, service_code text, description text,
    agency_responsible text, service_notice text, requested_datetime timestamptz, updated_datetime timestamptz,
    expected_datetime timestamptz, address text, address_id text, zipcode text, lat float8, long float8, media_url text,
    extended_attributes__detailed_status text
);

CREATE FUNCTION open311_refused(p_code text, p_pointer text DEFAULT NULL) RETURNS open311_request
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    v open311_request;
BEGIN
    v._code := p_code;
    v._pointer := p_pointer;
    RETURN v;
END $$;

-- The description holds the addresses of media under what was said; who sent them gets back what was sent.
CREATE FUNCTION open311_described(p_description text, p_media text[]) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN p_description || coalesce(E'\n\n' || nullif(array_to_string(p_media, E'\n'), ''), '');
END $$;

CREATE FUNCTION open311_said_by_reporter(c cases, o open311_requests, p_own boolean) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    v_said text := left(c.description, length(c.description) - length(open311_described('', o.media_urls)));
BEGIN
    RETURN CASE WHEN p_own THEN v_said ELSE open311_masked(v_said, c.tenant, c.id) END;
END $$;

-- “May not span more than 90 days”; what is not said is the most recent 90 days, or as many as fit to the end that is.
CREATE TYPE open311_span AS (began timestamptz, ended timestamptz, pointer text);

CREATE FUNCTION open311_span(p_from timestamptz, p_to timestamptz, p_now timestamptz) RETURNS open311_span
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    c_most CONSTANT interval := '90 days';
BEGIN
    IF p_from > p_to THEN
        RETURN (NULL, NULL, 'query.end_date')::open311_span;
    ELSIF p_to - p_from > c_most THEN
        RETURN (NULL, NULL, 'query.start_date')::open311_span;
    END IF;
    RETURN (coalesce(p_from, coalesce(p_to, p_now) - c_most),
        coalesce(p_to, least(p_now, p_from + c_most), p_now), NULL)::open311_span;
END $$;

-- `a,b` and a repeated parameter are the same. NULL: no word in it.
CREATE FUNCTION open311_words(p_texts text[]) RETURNS text[] LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN (
        SELECT array_agg(DISTINCT trim(w.word)) FROM unnest(p_texts) AS t (text)
        CROSS JOIN LATERAL unnest(string_to_array(t.text, ',')) AS w (word) WHERE trim(w.word) <> '');
END $$;

-- The latest step that everybody sees; of what is over, its end.
CREATE FUNCTION open311_updated(c cases) RETURNS timestamptz LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN CASE WHEN open311_status(c.state) = 'closed' THEN c.state_at ELSE coalesce((
        SELECT max(e.at) FROM case_history e
        WHERE e.tenant = c.tenant AND e.case_id = c.id AND e.visibility = 'public' AND e.ticket_id IS NULL), c.received_at) END;
END $$;

-- What a page shows: found by little of each row, told from all of it.
CREATE TYPE open311_found AS (id uuid, at timestamptz, own boolean);

-- To everybody, or in full to the client that reported it. What was said is told to who said it; to others when it came by
-- Open311 and the category publishes it.
CREATE FUNCTION open311_told(p_tenant text, p_found open311_found[], p_lang text, p_extended boolean)
RETURNS SETOF open311_request LANGUAGE sql STABLE AS $$
    SELECT NULL::text, NULL::text, c.number, open311_status(c.state),
        CASE WHEN e.said IS NOT NULL THEN open311_masked(e.said, p_tenant, c.id) END,
        open311_category_name(k, p_lang), k.code,
        CASE WHEN o.described AND (f.own OR k.open311_description) THEN open311_said_by_reporter(c, o, f.own) END,
        coalesce(g.name, t.name), NULL::text, c.received_at, open311_updated(c),
        c.resolve_due_at, CASE WHEN f.own THEN c.address ELSE open311_address(c.address) END, o.address_id::text, NULL::text,
        ST_Y(c.point), ST_X(c.point), CASE WHEN f.own THEN o.media_urls[1] END,
        CASE WHEN p_extended THEN open311_detailed_status(c.state) END
    FROM unnest(p_found) AS f
    JOIN tenants t ON t.tenant = p_tenant
    JOIN cases c ON c.tenant = p_tenant AND c.id = f.id
    JOIN categories k ON k.tenant = p_tenant AND k.code = c.category
    LEFT JOIN open311_requests o ON o.tenant = p_tenant AND o.case_id = f.id
    LEFT JOIN organisations g ON g.tenant = p_tenant AND g.code = c.lead_org
    LEFT JOIN LATERAL (
        SELECT open311_said(x) AS said FROM case_history x
        WHERE x.tenant = p_tenant AND x.case_id = f.id AND open311_said(x) IS NOT NULL ORDER BY x.seq DESC LIMIT 1) AS e ON true
    ORDER BY f.at DESC, f.id DESC
$$;
COMMENT ON FUNCTION open311_told(text, open311_found[], text, boolean) IS 'Cases as GeoReport v2 tells them';

CREATE FUNCTION open311_by_number(p_tenant text, p_person uuid, p_numbers text[], p_lang text, p_extended boolean)
RETURNS SETOF open311_request LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY SELECT v.* FROM open311_told(p_tenant, ARRAY(
        SELECT ROW((s.c).id, (s.c).received_at, s.own)::open311_found FROM open311_cases(p_tenant, p_person) AS s
        WHERE (s.c).number = ANY (p_numbers)
        ORDER BY (s.c).received_at DESC, (s.c).id DESC LIMIT 1000), p_lang, p_extended) AS v;
END $$;

-- Newest first; page after page as far as the 10,000th. No public step is later than updated_at, which costs nothing to ask.
CREATE FUNCTION open311_list(p_tenant text, p_actor text, p_numbers text[], p_codes text[], p_status text[],
    p_from timestamptz, p_to timestamptz, p_after timestamptz, p_before timestamptz, p_page integer, p_page_size integer,
    p_lang text, p_extended boolean, p_now timestamptz)
RETURNS SETOF open311_request LANGUAGE plpgsql STABLE AS $$
DECLARE
    c_deepest CONSTANT integer := 10000;
    v_person uuid := open311_person(p_tenant, p_actor);
    v_numbers text[] := open311_words(p_numbers);
    v_codes text[] := open311_words(p_codes);
    v_status text[] := open311_words(p_status);
    v_span open311_span := open311_span(p_from, p_to, coalesce(p_now, clock_timestamp()));
BEGIN
    IF v_numbers IS NOT NULL THEN
        RETURN QUERY SELECT * FROM open311_by_number(p_tenant, v_person, v_numbers, p_lang, p_extended);
        RETURN;
    ELSIF v_span.pointer IS NOT NULL THEN
        RETURN NEXT open311_refused('out_of_range', v_span.pointer);
        RETURN;
    ELSIF p_after > p_before THEN
        RETURN NEXT open311_refused('out_of_range', 'query.updated_before');
        RETURN;
    ELSIF p_page * p_page_size > c_deepest THEN
        RETURN NEXT open311_refused('out_of_range', 'query.page');
        RETURN;
    END IF;
    RETURN QUERY SELECT v.* FROM open311_told(p_tenant, ARRAY(
        SELECT ROW((s.c).id, (s.c).received_at, s.own)::open311_found FROM open311_cases(p_tenant, v_person) AS s
        WHERE (s.c).received_at BETWEEN v_span.began AND v_span.ended
            AND (v_codes IS NULL OR (s.c).category = ANY (v_codes))
            AND (v_status IS NULL OR open311_status((s.c).state) = ANY (v_status))
            AND (p_after IS NULL OR (s.c).updated_at >= p_after AND open311_updated(s.c) >= p_after)
            AND (p_before IS NULL OR open311_updated(s.c) <= p_before)
        ORDER BY (s.c).received_at DESC, (s.c).id DESC LIMIT p_page_size OFFSET (p_page - 1) * p_page_size),
        p_lang, p_extended) AS v;
END $$;
SELECT delegate('open311_list(text, text, text[], text[], text[], timestamptz, timestamptz, timestamptz, timestamptz, integer, integer, text, boolean, timestamptz)');

CREATE FUNCTION open311_get(p_tenant text, p_actor text, p_number text, p_lang text, p_extended boolean)
RETURNS SETOF open311_request LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY SELECT * FROM open311_by_number(p_tenant, open311_person(p_tenant, p_actor), ARRAY[p_number], p_lang, p_extended);
    IF NOT FOUND THEN
        RETURN NEXT open311_refused('not_found');
    END IF;
END $$;
SELECT delegate('open311_get(text, text, text, text, boolean)');

-- What became of requests

CREATE TYPE open311_update AS (
    _code text, _pointer text,
    update_id uuid, service_request_id text, status text, updated_datetime timestamptz, description text, media_url text
);

-- The latest thousand of the span, oldest first: what a client does who asks every hour for the last two.
CREATE FUNCTION open311_updates(p_tenant text, p_actor text, p_numbers text[], p_from timestamptz, p_to timestamptz,
    p_now timestamptz)
RETURNS SETOF open311_update LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_person uuid := open311_person(p_tenant, p_actor);
    v_numbers text[] := open311_words(p_numbers);
    v_span open311_span := open311_span(p_from, p_to, coalesce(p_now, clock_timestamp()));
    v open311_update;
BEGIN
    IF v_span.pointer IS NOT NULL THEN
        v._code := 'out_of_range';
        v._pointer := v_span.pointer;
        RETURN NEXT v;
        RETURN;
    END IF;
    RETURN QUERY
    SELECT NULL::text, NULL::text, n.id, n.number, n.status, n.at,
        coalesce(open311_masked(n.said, p_tenant, n.case_id), ''), NULL::text
    FROM (
        SELECT e.id, e.case_id, e.seq, e.at, (s.c).number, open311_update_status(e) AS status, open311_said(e) AS said
        FROM case_history e
        JOIN open311_cases(p_tenant, v_person) AS s ON (s.c).id = e.case_id
        WHERE e.tenant = p_tenant AND e.at BETWEEN v_span.began AND v_span.ended
            AND e.visibility = 'public' AND e.ticket_id IS NULL AND e.action <> 'create'
            AND (e.from_state IS DISTINCT FROM e.to_state OR open311_said(e) IS NOT NULL)
            AND (v_numbers IS NULL OR (s.c).number = ANY (v_numbers))
        ORDER BY e.at DESC, e.case_id, e.seq DESC LIMIT 1000) AS n
    ORDER BY n.at, n.case_id, n.seq;
END $$;
SELECT delegate('open311_updates(text, text, text[], timestamptz, timestamptz, timestamptz)');
