-- Exports: all that matches, in parts. Each part is a statement of its own, so that a million rows hold neither a snapshot
-- nor a connection. Parts follow the id, which is given once and never changes: what was there throughout is in exactly one
-- of them, whatever happens to it meanwhile.

-- A part has at most so many rows, and looks at no more than so many to find them: no filter makes it take long.
CREATE FUNCTION export_rows() RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN 250;
CREATE FUNCTION export_looks() RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN 5000;

-- What an export's statement starts from. The id of NULL at the end is the row that only steers.
CREATE TYPE export_part AS (
    code text,
    ids uuid[],
    place text -- where the next part begins; NULL: this was the last
);

CREATE FUNCTION export_refused(p_code text) RETURNS export_part LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ROW(p_code, ARRAY[NULL::uuid], NULL)::export_part;

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

CREATE FUNCTION export_place(p_start uuid, p_stop uuid) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
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

CREATE FUNCTION within_period(p_at timestamptz, p_from timestamptz, p_to timestamptz) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (p_from IS NULL OR p_at >= p_from) AND (p_to IS NULL OR p_at < p_to);

-- The ids of the next part in order, and where the one after it begins: a part that is not full has looked at as much as it
-- may, or at everything. Both in one statement: two would not see the same rows.
CREATE FUNCTION cases_exported(p_me actor, f case_filter, p_range export_range, p_from timestamptz, p_to timestamptz, p_now timestamptz,
    OUT ids uuid[], OUT next uuid)
LANGUAGE plpgsql STABLE AS $$
BEGIN
    SELECT array_agg(k.id), CASE
        WHEN count(*) = export_rows() THEN (array_agg(k.id))[export_rows()]
        ELSE (SELECT c.id FROM cases c WHERE c.tenant = p_me.tenant AND c.id > p_range.start AND c.id <= p_range.stop
            ORDER BY c.id OFFSET export_looks() - 1 LIMIT 1) END
    INTO ids, next
    FROM (
        SELECT l.id
        FROM (SELECT c.id, c FROM cases c WHERE c.tenant = p_me.tenant AND c.id > p_range.start AND c.id <= p_range.stop
            ORDER BY c.id LIMIT export_looks()) AS l
        WHERE case_in_sight(p_me, l.c) AND case_fits(p_me, f, l.c, p_now) AND within_period((l.c).received_at, p_from, p_to)
        ORDER BY l.id LIMIT export_rows()
    ) AS k;
END $$;
COMMENT ON FUNCTION cases_exported(actor, case_filter, export_range, timestamptz, timestamptz, timestamptz) IS 'The cases of the next part';

CREATE FUNCTION tickets_exported(p_me actor, f ticket_filter, p_range export_range, p_from timestamptz, p_to timestamptz, p_now timestamptz,
    OUT ids uuid[], OUT next uuid)
LANGUAGE plpgsql STABLE AS $$
BEGIN
    SELECT array_agg(k.id), CASE
        WHEN count(*) = export_rows() THEN (array_agg(k.id))[export_rows()]
        ELSE (SELECT t.id FROM tickets t WHERE t.tenant = p_me.tenant AND t.id > p_range.start AND t.id <= p_range.stop
            ORDER BY t.id OFFSET export_looks() - 1 LIMIT 1) END
    INTO ids, next
    FROM (
        SELECT l.id
        FROM (SELECT t.id, t, c FROM tickets t LEFT JOIN cases c ON c.tenant = t.tenant AND c.id = t.case_id
            WHERE t.tenant = p_me.tenant AND t.id > p_range.start AND t.id <= p_range.stop
            ORDER BY t.id LIMIT export_looks()) AS l
        WHERE ticket_in_sight(p_me, l.t, l.c) AND ticket_fits(p_me, f, l.t, l.c, p_now)
            AND within_period((l.t).issued_at, p_from, p_to)
        ORDER BY l.id LIMIT export_rows()
    ) AS k;
END $$;
COMMENT ON FUNCTION tickets_exported(actor, ticket_filter, export_range, timestamptz, timestamptz, timestamptz) IS 'The tickets of the next part';

CREATE FUNCTION export_cases(p_me actor, p_export uuid, p_request text, p_filter case_filter, p_from timestamptz, p_to timestamptz,
    p_after uuid, p_cursor text, p_now timestamptz)
RETURNS export_part LANGUAGE plpgsql AS $$
DECLARE
    v_range export_range;
    v_ids uuid[];
BEGIN
    IF p_me.refusal IS NOT NULL THEN
        RETURN export_refused(p_me.refusal);
    END IF;
    v_range := export_range(p_me.tenant, 'cases', 'received_at', p_from, p_to, p_after, p_cursor);
    SELECT x.ids, x.next INTO v_ids, v_range.start
    FROM cases_exported(p_me, case_filter_spelt(p_me.tenant, p_filter), v_range, p_from, p_to, p_now) AS x;
    PERFORM export_noted(p_me, 'cases.export', p_export,
        to_jsonb(p_filter) || jsonb_build_object('received_from', p_from, 'received_to', p_to, 'after', p_after),
        p_request, p_cursor, coalesce(cardinality(v_ids), 0), v_range.start, p_now);
    RETURN ROW(NULL, v_ids || NULL::uuid, export_place(v_range.start, v_range.stop))::export_part;
END $$;
COMMENT ON FUNCTION export_cases(actor, uuid, text, case_filter, timestamptz, timestamptz, uuid, text, timestamptz)
    IS 'Which cases the next part has; put on record';

CREATE FUNCTION export_tickets(p_me actor, p_export uuid, p_request text, p_filter ticket_filter, p_from timestamptz, p_to timestamptz,
    p_after uuid, p_cursor text, p_now timestamptz)
RETURNS export_part LANGUAGE plpgsql AS $$
DECLARE
    v_range export_range;
    v_ids uuid[];
BEGIN
    IF p_me.refusal IS NOT NULL THEN
        RETURN export_refused(p_me.refusal);
    END IF;
    v_range := export_range(p_me.tenant, 'tickets', 'issued_at', p_from, p_to, p_after, p_cursor);
    SELECT x.ids, x.next INTO v_ids, v_range.start
    FROM tickets_exported(p_me, p_filter, v_range, p_from, p_to, p_now) AS x;
    PERFORM export_noted(p_me, 'tickets.export', p_export,
        to_jsonb(p_filter) || jsonb_build_object('issued_from', p_from, 'issued_to', p_to, 'after', p_after),
        p_request, p_cursor, coalesce(cardinality(v_ids), 0), v_range.start, p_now);
    RETURN ROW(NULL, v_ids || NULL::uuid, export_place(v_range.start, v_range.stop))::export_part;
END $$;
COMMENT ON FUNCTION export_tickets(actor, uuid, text, ticket_filter, timestamptz, timestamptz, uuid, text, timestamptz)
    IS 'Which tickets the next part has; put on record';
