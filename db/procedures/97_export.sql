-- Exports: all that matches, in parts. Each part is a statement of its own, so that a million rows hold neither a snapshot
-- nor a connection. Parts follow the id, which is given once and never changes: what was there throughout is in exactly one
-- of them, whatever happens to it meanwhile.

-- A part has at most so many rows, and looks at no more than so many to find them: no filter makes it take long.
CREATE FUNCTION export_rows() RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN 250;
CREATE FUNCTION export_looks() RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN 5000;

-- What an export's statement starts from. The id of NULL at the end is the row that only steers.
CREATE TYPE export_part AS (
    code text,
    me actor,
    now timestamptz,
    ids uuid[],
    place text -- where the next part begins; NULL: this was the last
);

CREATE FUNCTION export_refused(p_code text) RETURNS export_part LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ROW(p_code, NULL, NULL, ARRAY[NULL::uuid], NULL)::export_part;

-- In the transaction of the reading: what could not be put on record is not handed out. A part that is read again after a
-- broken connection finds that the record has moved on, and is not counted twice.
CREATE FUNCTION export_noted(p_me actor, p_operation text, p_export uuid, p_filter jsonb, p_request text, p_cursor text,
    p_rows integer, p_place uuid, p_now timestamptz)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_ended timestamptz := CASE WHEN p_place IS NULL THEN p_now END;
BEGIN
    IF p_cursor IS NULL THEN
        INSERT INTO exports (tenant, id, person_id, operation, filter, request_id, begun_at, handed_at, rows, place, ended_at)
        VALUES (p_me.tenant, p_export, p_me.person_id, p_operation, jsonb_strip_nulls(p_filter), coalesce(p_request, ''), p_now, p_now,
            p_rows, p_place, v_ended)
        ON CONFLICT (tenant, id) DO NOTHING;
    ELSE
        UPDATE exports e
        SET rows = e.rows + p_rows, place = p_place, handed_at = p_now, ended_at = v_ended
        WHERE e.tenant = p_me.tenant AND e.id = p_export AND e.place = split_part(p_cursor, '|', 1)::uuid;
    END IF;
END $$;
COMMENT ON FUNCTION export_noted(actor, text, uuid, jsonb, text, text, integer, uuid, timestamptz)
    IS 'The record of an export, brought up to this part';

-- Where a part begins, behind `start`, and where the export ends, with `stop`. Written down as start|stop between two parts.
CREATE TYPE export_range AS (start uuid, stop uuid);

CREATE FUNCTION export_place(p_start uuid, p_stop uuid) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN p_start || '|' || p_stop;

-- A period of some days is a small piece of the ids, if they are found by its own index once; a long one is most of them.
CREATE FUNCTION export_period(INOUT p_range export_range, p_tenant text, p_table text, p_column text, p_from timestamptz, p_to timestamptz)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_most integer := 200000;
    v_first uuid;
    v_last uuid;
    v_n bigint;
    v_before uuid;
BEGIN
    EXECUTE format('SELECT min(k.id)::uuid, max(k.id)::uuid, count(*) FROM (
        SELECT x.id::text COLLATE "C" AS id FROM %1$I AS x WHERE x.tenant = $1 AND x.%2$I >= $2 AND x.%2$I < $3 LIMIT $4) AS k',
        p_table, p_column)
    INTO v_first, v_last, v_n
    USING p_tenant, coalesce(p_from, '-infinity'), coalesce(p_to, 'infinity'), v_most + 1;
    IF v_n > v_most THEN
        RETURN;
    END IF;
    EXECUTE format('SELECT x.id FROM %I AS x WHERE x.tenant = $1 AND x.id < $2 ORDER BY x.id DESC LIMIT 1', p_table)
    INTO v_before USING p_tenant, v_first;
    p_range.start := greatest(p_range.start, v_before);
    p_range.stop := coalesce(v_last, p_range.start);
END $$;
COMMENT ON FUNCTION export_period(export_range, text, text, text, timestamptz, timestamptz) IS 'The range, narrowed to a short period';

CREATE FUNCTION export_range(p_tenant text, p_table text, p_column text, p_from timestamptz, p_to timestamptz, p_after uuid,
    p_cursor text)
RETURNS export_range LANGUAGE plpgsql STABLE AS $$
DECLARE
    v export_range := (coalesce(p_after, '00000000-0000-0000-0000-000000000000'), 'ffffffff-ffff-ffff-ffff-ffffffffffff');
BEGIN
    IF p_cursor IS NOT NULL THEN
        RETURN (split_part(p_cursor, '|', 1)::uuid, split_part(p_cursor, '|', 2)::uuid)::export_range;
    ELSIF p_from IS NULL AND p_to IS NULL THEN
        RETURN v;
    END IF;
    RETURN export_period(v, p_tenant, p_table, p_column, p_from, p_to);
END $$;

-- Which rows of a table stand in the next part, and where the one after it begins: a part that is not full has looked at as
-- much as it may, or at everything. Both in one statement: two would not see the same rows. $1 who asks, $2 the filters, $3 the
-- time, $4 and $5 the range, $6 and $7 the period; p_where is put together from fixed texts, as for the lists.
CREATE FUNCTION export_sql(p_table text, p_alias text, p_where text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN format(
    'SELECT array_agg(k.id), CASE
        WHEN count(*) = export_rows() THEN (array_agg(k.id))[export_rows()]
        ELSE (SELECT x.id FROM %1$I AS x WHERE x.tenant = ($1).tenant AND x.id > $4 AND x.id <= $5
            ORDER BY x.id OFFSET export_looks() - 1 LIMIT 1) END
    FROM (
        SELECT %2$s.id FROM (
            SELECT * FROM %1$I AS x WHERE x.tenant = ($1).tenant AND x.id > $4 AND x.id <= $5
            ORDER BY x.id LIMIT export_looks() OFFSET 0
        ) AS %2$s
        WHERE %3$s ORDER BY %2$s.id LIMIT export_rows()
    ) AS k', p_table, p_alias, p_where);
COMMENT ON FUNCTION export_sql(text, text, text) IS 'The ids of the next part in order, and its last';

CREATE FUNCTION export_found(p_me actor, p_operation text, p_export uuid, p_asked jsonb, p_request text, p_cursor text,
    p_ids uuid[], p_range export_range, p_now timestamptz)
RETURNS export_part LANGUAGE plpgsql AS $$
BEGIN
    PERFORM export_noted(p_me, p_operation, p_export, p_asked, p_request, p_cursor, coalesce(cardinality(p_ids), 0), p_range.start,
        p_now);
    RETURN ROW(NULL, p_me, p_now, p_ids || NULL::uuid, export_place(p_range.start, p_range.stop))::export_part;
END $$;
COMMENT ON FUNCTION export_found(actor, text, uuid, jsonb, text, text, uuid[], export_range, timestamptz)
    IS 'The part, put on record; where the range begins is where the next one does';

CREATE FUNCTION export_cases(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[],
    p_export uuid, p_request text, p_filter case_filter, p_from timestamptz, p_to timestamptz, p_after uuid, p_cursor text,
    p_now timestamptz)
RETURNS export_part LANGUAGE plpgsql AS $$
DECLARE
    v_me actor := me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_filter case_filter := case_filter_spelt(p_tenant, p_filter);
    v_ids uuid[];
    v_range export_range;
BEGIN
    IF v_me.refusal IS NOT NULL THEN
        RETURN export_refused(v_me.refusal);
    END IF;
    v_range := export_range(p_tenant, 'cases', 'received_at', p_from, p_to, p_after, p_cursor);
    EXECUTE export_sql('cases', 'c', concat_ws(E'\n    AND ', case_where(v_me, v_filter),
        CASE WHEN p_from IS NOT NULL THEN 'c.received_at >= $6' END, CASE WHEN p_to IS NOT NULL THEN 'c.received_at < $7' END))
    INTO v_ids, v_range.start USING v_me, v_filter, v_now, v_range.start, v_range.stop, p_from, p_to;
    RETURN export_found(v_me, 'cases.export', p_export,
        to_jsonb(p_filter) || jsonb_build_object('received_from', p_from, 'received_to', p_to, 'after', p_after),
        p_request, p_cursor, v_ids, v_range, v_now);
END $$;
COMMENT ON FUNCTION export_cases(text, text, text[], text[], text, text[], uuid, text, case_filter, timestamptz, timestamptz, uuid, text, timestamptz)
    IS 'Which cases the next part has, and to whom it is shown';

CREATE FUNCTION export_tickets(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[],
    p_export uuid, p_request text, p_filter ticket_filter, p_from timestamptz, p_to timestamptz, p_after uuid, p_cursor text,
    p_now timestamptz)
RETURNS export_part LANGUAGE plpgsql AS $$
DECLARE
    v_me actor := me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_ids uuid[];
    v_range export_range;
BEGIN
    IF v_me.refusal IS NOT NULL THEN
        RETURN export_refused(v_me.refusal);
    END IF;
    v_range := export_range(p_tenant, 'tickets', 'issued_at', p_from, p_to, p_after, p_cursor);
    EXECUTE export_sql('tickets', 't', concat_ws(E'\n    AND ', ticket_where(v_me, p_filter),
        CASE WHEN p_from IS NOT NULL THEN 't.issued_at >= $6' END, CASE WHEN p_to IS NOT NULL THEN 't.issued_at < $7' END))
    INTO v_ids, v_range.start USING v_me, p_filter, v_now, v_range.start, v_range.stop, p_from, p_to;
    RETURN export_found(v_me, 'tickets.export', p_export,
        to_jsonb(p_filter) || jsonb_build_object('issued_from', p_from, 'issued_to', p_to, 'after', p_after),
        p_request, p_cursor, v_ids, v_range, v_now);
END $$;
COMMENT ON FUNCTION export_tickets(text, text, text[], text[], text, text[], uuid, text, ticket_filter, timestamptz, timestamptz, uuid, text, timestamptz)
    IS 'Which tickets the next part has, and to whom it is shown';
