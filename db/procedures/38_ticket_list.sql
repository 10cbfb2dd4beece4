-- The list of tickets, made like that of cases.

CREATE TYPE ticket_filter AS (
    status text[], "case" uuid[], organisation text[], kind text[], role text[], mine boolean, overdue boolean, number text[]
);

CREATE TYPE ticket_item AS (
    _code text, _item boolean, _cursor text, _total bigint,
    id uuid, number text, version bigint, case_id uuid, case_number text, kind text, role text,
    organisation__code text, organisation__name text, state text, task text,
    case__title text, case__description text, case__kind text, case__category__code text, case__category__name text,
    case__level text, case__state text, case__location__lon float8, case__location__lat float8,
    case__location__coord_sys text, case__location__address text, case__address text,
    case__area__code text, case__area__name text, case__community__code text, case__community__name text,
    case__reporter__name text, case__reporter__phone text, case__reporter__anonymous boolean,
    case__reporter__private boolean, case__reporter__contactable boolean,
    case__received_at timestamptz, case__resolve_due_at timestamptz,
    round integer, issued_at timestamptz, issued_by__kind text, issued_by__id text, issued_by__name text,
    sign_due_at timestamptz, contact_due_at timestamptz, report_due_at timestamptz, finish_due_at timestamptz,
    signed_at timestamptz, contacted_at timestamptz, reported_in_at timestamptz, started_at timestamptz,
    submitted_at timestamptz, closed_at timestamptz, overdue boolean, overdue_clocks text[],
    cause_code text, not_contacted boolean, department_rating integer, rework_count integer, final boolean,
    updated_at timestamptz, allowed_actions text[]
);

CREATE FUNCTION ticket_item_steer(p_code text, p_cursor text, p_total bigint) RETURNS ticket_item
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    v ticket_item;
BEGIN
    v._code := p_code;
    v._item := false;
    v._cursor := p_cursor;
    v._total := p_total;
    RETURN v;
END $$;

CREATE FUNCTION ticket_is_open(p_state text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN p_state NOT IN ('closed', 'returned', 'recalled');

-- What ticket_in_sight says, for a list. NULL: all of the street.
CREATE FUNCTION ticket_sight_sql(p_me actor) RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    v_field text[] := field_sight_sql(p_me);
    v text[] := '{}';
BEGIN
    IF sees_all(p_me) THEN
        RETURN NULL;
    END IF;
    IF 'department' = ANY (p_me.roles) THEN
        v := v || 't.organisation = ($1).org'::text;
    END IF;
    IF v_field <> '{}' THEN
        v := v || ('t.case_id IN (SELECT c.id FROM cases c WHERE c.tenant = ($1).tenant AND ' || any_of_sql(v_field) || ')');
    END IF;
    RETURN any_of_sql(v);
END $$;

-- $1 who asks, $2 the filters, $3 the time, as for cases.
CREATE FUNCTION ticket_where(p_me actor, p ticket_filter) RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN concat_ws(E'\n    AND ',
        't.tenant = ($1).tenant',
        CASE WHEN p_me.scope IS NOT NULL THEN
            't.case_id IN (SELECT c.id FROM cases c WHERE c.tenant = ($1).tenant AND within_scope($1, c.area))' END,
        ticket_sight_sql(p_me),
        CASE WHEN 'open' = ANY (p.status) THEN '(ticket_is_open(t.state) OR t.state = ANY (($2).status))'
            WHEN p.status IS NOT NULL THEN 't.state = ANY (($2).status)' END,
        CASE WHEN p."case" IS NOT NULL THEN 't.case_id = ANY (($2)."case")' END,
        CASE WHEN p.organisation IS NOT NULL THEN 't.organisation = ANY (($2).organisation)' END,
        CASE WHEN p.kind IS NOT NULL THEN 't.kind = ANY (($2).kind)' END,
        CASE WHEN p.role IS NOT NULL THEN 't.role = ANY (($2).role)' END,
        CASE WHEN p.mine IS NOT NULL THEN CASE WHEN p.mine THEN '' ELSE 'NOT ' END
            || 'coalesce(t.issued_by = ($1).person_id OR ($1).person_id = ANY (t.workers), false)' END,
        CASE p.overdue WHEN true THEN 't.overdue_at < $3' WHEN false THEN '(t.overdue_at >= $3 OR t.overdue_at IS NULL)' END,
        CASE WHEN p.number IS NOT NULL THEN
            '(t.case_id, t.n::text) IN (SELECT c.id, substring(n.n FROM ''[0-9]+$'') FROM unnest(($2).number) AS n (n)
            JOIN cases c ON c.tenant = ($1).tenant AND c.number = regexp_replace(upper(n.n), ''-[0-9]+$'', ''''))' END);
END $$;
COMMENT ON FUNCTION ticket_where(actor, ticket_filter) IS 'The conditions of a list of tickets';

CREATE FUNCTION ticket_page(p_me actor, p ticket_filter, p_sort text, p_cursor text, p_limit integer, p_now timestamptz)
RETURNS page_keys LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_key text := CASE p_sort WHEN 'due' THEN 'coalesce(t.finish_due_at, ''infinity'')' ELSE 't.issued_at' END;
    v_after text := CASE p_sort WHEN 'due' THEN '>' ELSE '<' END;
    v_way text := CASE p_sort WHEN 'due' THEN 'ASC' ELSE 'DESC' END;
    v page_keys;
BEGIN
    EXECUTE format(
        'SELECT array_agg(k.id), array_agg(place_of(k.key, k.id))
        FROM (SELECT t.id, %1$s AS key FROM tickets t WHERE %2$s%3$s ORDER BY %1$s %4$s, t.id %4$s LIMIT $6) AS k',
        v_key, ticket_where(p_me, p),
        CASE WHEN p_cursor IS NOT NULL THEN format(E'\n    AND (%s, t.id) %s ($4, $5)', v_key, v_after) END, v_way)
    INTO v.ids, v.cursors
    USING p_me, p, p_now, place_key(p_cursor), place_id(p_cursor), p_limit;
    RETURN v;
END $$;

CREATE FUNCTION ticket_feed_page(p_me actor, p ticket_filter, p_after bigint, p_limit integer, p_now timestamptz)
RETURNS page_keys LANGUAGE plpgsql STABLE AS $$
DECLARE
    v page_keys;
BEGIN
    EXECUTE format(
        'SELECT array_agg(k.id), array_agg(feed_place(k.position))
        FROM (SELECT t.id, f.position FROM ticket_feed f JOIN tickets t ON t.tenant = f.tenant AND t.id = f.ticket_id
            WHERE f.tenant = ($1).tenant AND f.position > $4 AND %s ORDER BY f.position LIMIT $5) AS k',
        ticket_where(p_me, p))
    INTO v.ids, v.cursors
    USING p_me, p, p_now, p_after, p_limit;
    v.resting := feed_place(greatest(p_after, feed_last(p_me.tenant)));
    RETURN v;
END $$;

CREATE FUNCTION ticket_count(p_me actor, p ticket_filter, p_now timestamptz) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_count bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM (SELECT FROM tickets t WHERE %s LIMIT 10001) AS k', ticket_where(p_me, p))
    INTO v_count USING p_me, p, p_now;
    RETURN v_count;
END $$;
COMMENT ON FUNCTION ticket_count(actor, ticket_filter, timestamptz) IS 'How many match, counted to one above 10,000';

CREATE FUNCTION ticket_items(p_me actor, p_keys page_keys, p_now timestamptz) RETURNS SETOF ticket_item
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY
    SELECT NULL, true, k.cursor, NULL::bigint,
        t.id, c.number || '-' || t.n, t.version, t.case_id, c.number, t.kind, t.role,
        t.organisation, coalesce(g.name, t.organisation), t.state, t.task,
        c.title, c.description, c.kind, c.category, y.name, c.level, c.state,
        ST_X(c.point), ST_Y(c.point), CASE WHEN c.point IS NOT NULL THEN 'wgs84' END,
        CASE WHEN c.point IS NOT NULL THEN c.address END, c.address,
        c.area, a.name, c.community, m.name,
        (r.shown).name, (r.shown).phone, (r.shown).anonymous, (r.shown).private, (r.shown).contactable,
        c.received_at, c.resolve_due_at,
        t.round, t.issued_at, (b.party).kind, (b.party).id, (b.party).name,
        t.sign_due_at, t.contact_due_at, t.report_due_at, t.finish_due_at,
        t.signed_at, t.contacted_at, t.reported_in_at, t.started_at, t.submitted_at, t.closed_at,
        coalesce(t.overdue_at < p_now, false),
        CASE WHEN t.overdue_at < p_now THEN ticket_overdue_clocks(t, p_now) ELSE '{}' END,
        t.cause_code, t.not_contacted, t.department_rating, t.rework_count, t.final,
        t.updated_at, ticket_allowed_actions(p_me, t, c)
    FROM unnest(p_keys.ids, p_keys.cursors) WITH ORDINALITY AS k (id, cursor, n)
    JOIN tickets t ON t.tenant = p_me.tenant AND t.id = k.id
    JOIN cases c ON c.tenant = t.tenant AND c.id = t.case_id
    LEFT JOIN organisations g ON g.tenant = t.tenant AND g.code = t.organisation
    LEFT JOIN categories y ON y.tenant = c.tenant AND y.code = c.category
    LEFT JOIN areas a ON a.tenant = c.tenant AND a.code = c.area
    LEFT JOIN areas m ON m.tenant = c.tenant AND m.code = c.community
    LEFT JOIN people p ON p.tenant = t.tenant AND p.id = t.issued_by
    LEFT JOIN organisations o ON o.tenant = p.tenant AND o.code = p.organisation_code
    CROSS JOIN LATERAL (SELECT CASE WHEN has_reporter(c)
        THEN reporter_masked(sees_reporter(p_me, c), c.reporter_name, c.reporter_phone, c.reporter_anonymous,
            c.reporter_private, c.reporter_contactable) END AS shown
        OFFSET 0) AS r
    CROSS JOIN LATERAL (SELECT CASE WHEN p.id IS NULL THEN role_party(t.issued_role)
        ELSE staff_party(p_me, p.id, p.name, t.issued_role, p.organisation_code, o.name) END AS party
        OFFSET 0) AS b
    ORDER BY k.n;
END $$;

CREATE FUNCTION ticket_list(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[],
    p_filter ticket_filter, p_updated_after timestamptz, p_sort text, p_cursor text, p_limit integer, p_count text,
    p_now timestamptz)
RETURNS SETOF ticket_item LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_me actor := me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_feed feed_mode := feed_mode(p_tenant, p_updated_after, p_cursor);
    v_keys page_keys;
BEGIN
    IF coalesce(v_me.refusal, v_feed.refusal) IS NOT NULL THEN
        RETURN NEXT ticket_item_steer(coalesce(v_me.refusal, v_feed.refusal), NULL, NULL);
        RETURN;
    ELSIF v_feed.on_feed THEN
        v_keys := ticket_feed_page(v_me, p_filter, v_feed.after, p_limit, v_now);
    ELSE
        v_keys := ticket_page(v_me, p_filter, p_sort, p_cursor, p_limit, v_now);
    END IF;
    RETURN QUERY SELECT * FROM ticket_items(v_me, v_keys, v_now);
    IF p_count = 'exact' OR v_keys.resting IS NOT NULL THEN
        RETURN NEXT ticket_item_steer(NULL, v_keys.resting,
            CASE WHEN p_count = 'exact' THEN ticket_count(v_me, p_filter, v_now) END);
    END IF;
END $$;
SELECT delegate('ticket_list(text, text, text[], text[], text, text[], ticket_filter, timestamptz, text, text, integer, text, timestamptz)');
