-- The ledger as an export; see 97_export.sql.

CREATE FUNCTION hazards_exported(p_me actor, f hazard_filter, p_range export_range, p_from timestamptz, p_to timestamptz,
    p_now timestamptz, OUT ids uuid[], OUT next uuid)
LANGUAGE plpgsql STABLE AS $$
BEGIN
    SELECT array_agg(k.id), CASE
        WHEN count(*) = export_rows() THEN (array_agg(k.id))[export_rows()]
        ELSE (SELECT h.id FROM hazards h WHERE h.tenant = p_me.tenant AND h.id > p_range.start AND h.id <= p_range.stop
            ORDER BY h.id OFFSET export_looks() - 1 LIMIT 1) END
    INTO ids, next
    FROM (
        SELECT l.id
        FROM (SELECT h.id, h FROM hazards h WHERE h.tenant = p_me.tenant AND h.id > p_range.start AND h.id <= p_range.stop
            ORDER BY h.id LIMIT export_looks()) AS l
        WHERE hazard_in_sight(p_me, l.h) AND hazard_fits(f, l.h, p_now) AND within_period((l.h).found_at, p_from, p_to)
        ORDER BY l.id LIMIT export_rows()
    ) AS k;
END $$;
COMMENT ON FUNCTION hazards_exported(actor, hazard_filter, export_range, timestamptz, timestamptz, timestamptz)
    IS 'The hazards of the next part';

CREATE FUNCTION export_hazards(p_me actor, p_export uuid, p_request text, p_filter hazard_filter, p_from timestamptz, p_to timestamptz,
    p_after uuid, p_cursor text, p_now timestamptz)
RETURNS export_part LANGUAGE plpgsql AS $$
DECLARE
    v_range export_range;
    v_ids uuid[];
BEGIN
    IF p_me.refusal IS NOT NULL THEN
        RETURN export_refused(p_me.refusal);
    END IF;
    v_range := export_range(p_me.tenant, 'hazards', 'found_at', p_from, p_to, p_after, p_cursor);
    SELECT x.ids, x.next INTO v_ids, v_range.start FROM hazards_exported(p_me, p_filter, v_range, p_from, p_to, p_now) AS x;
    PERFORM export_noted(p_me, 'hazards.export', p_export,
        to_jsonb(p_filter) || jsonb_build_object('found_from', p_from, 'found_to', p_to, 'after', p_after),
        p_request, p_cursor, coalesce(cardinality(v_ids), 0), v_range.start, p_now);
    RETURN ROW(NULL, v_ids || NULL::uuid, export_place(v_range.start, v_range.stop))::export_part;
END $$;
COMMENT ON FUNCTION export_hazards(actor, uuid, text, hazard_filter, timestamptz, timestamptz, uuid, text, timestamptz)
    IS 'Which hazards the next part has; put on record';

-- A node as one cell: what, by when, and whether it is done.
CREATE FUNCTION hazard_node_lines(h hazards) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN ARRAY(
        SELECT concat_ws(' ', n.title, to_char(n.due_at, 'YYYY-MM-DD HH24:MI'), CASE WHEN n.done_at IS NOT NULL THEN '✓' END)
        FROM hazard_nodes n WHERE n.tenant = h.tenant AND n.hazard_id = h.id AND n.superseded_at IS NULL
        ORDER BY n.due_at, n.node_id);
END $$;

CREATE FUNCTION hazard_colour_lines(h hazards) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN ARRAY(SELECT c.colour || ' ' || to_char(c.at, 'YYYY-MM-DD HH24:MI') FROM hazard_colours(h) AS c);
END $$;
