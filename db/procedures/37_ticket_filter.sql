-- Which tickets a list shows, found like cases.

CREATE TYPE ticket_filter AS (
    status text[], "case" uuid[], organisation text[], kind text[], role text[], mine boolean, overdue boolean, number text[]
);

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
        'SELECT array_agg(k.id), array_agg(feed_place($6, k.position))
        FROM (SELECT t.id, f.position FROM ticket_feed f JOIN tickets t ON t.tenant = f.tenant AND t.id = f.ticket_id
            WHERE f.tenant = ($1).tenant AND f.position > $4 AND %s ORDER BY f.position LIMIT $5) AS k',
        ticket_where(p_me, p))
    INTO v.ids, v.cursors
    USING p_me, p, p_now, p_after, p_limit, feed_era(p_me.tenant);
    v.resting := feed_place(feed_era(p_me.tenant), greatest(p_after, feed_last(p_me.tenant)));
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

CREATE FUNCTION ticket_list(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[],
    p_filter ticket_filter, p_updated_after timestamptz, p_sort text, p_cursor text, p_limit integer, p_count text,
    p_now timestamptz)
RETURNS list_page LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_me actor := me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_feed feed_mode := feed_mode(p_tenant, p_updated_after, p_cursor);
BEGIN
    IF coalesce(v_me.refusal, v_feed.refusal) IS NOT NULL THEN
        RETURN list_refused(coalesce(v_me.refusal, v_feed.refusal));
    END IF;
    RETURN list_found(v_me, v_now,
        CASE WHEN v_feed.on_feed THEN ticket_feed_page(v_me, p_filter, v_feed.after, p_limit, v_now)
            ELSE ticket_page(v_me, p_filter, p_sort, p_cursor, p_limit, v_now) END,
        CASE WHEN p_count = 'exact' THEN ticket_count(v_me, p_filter, v_now) END);
END $$;
COMMENT ON FUNCTION ticket_list(text, text, text[], text[], text, text[], ticket_filter, timestamptz, text, text, integer, text, timestamptz)
    IS 'Which tickets a page of the list shows, and to whom';
