-- What procedures know of the partitions of case_history: which cases have none of their history here, and how a statement
-- that looks for many cases keeps to the partitions that it needs.

CREATE FUNCTION history_is_away(p_case uuid) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM history_parts p WHERE p.detached_at IS NOT NULL AND p_case >= p.least AND p_case < p.past);
END $$;
COMMENT ON FUNCTION history_is_away(uuid) IS
    'Whether the month in which this case came in is detached: nothing that its events would say can be computed';

CREATE TYPE id_span AS (least uuid, most uuid);

-- A join with case_history by ids that are only found on the way opens every partition beforehand; a span that is known when
-- it begins leaves those of the few months that recent events belong to.
CREATE FUNCTION feed_span(p_tenant text, p_after bigint, p_upto bigint) RETURNS id_span LANGUAGE plpgsql STABLE AS $$
DECLARE
    v id_span;
BEGIN
    v.least := (SELECT x.case_id FROM feed x WHERE x.tenant = p_tenant AND x.position > p_after AND x.position <= p_upto
        ORDER BY x.case_id LIMIT 1);
    v.most := (SELECT x.case_id FROM feed x WHERE x.tenant = p_tenant AND x.position > p_after AND x.position <= p_upto
        ORDER BY x.case_id DESC LIMIT 1);
    RETURN v;
END $$;
COMMENT ON FUNCTION feed_span(text, bigint, bigint) IS 'The least and the greatest id of the cases at these positions';

-- The job's part, under the lease of the sweep.
CREATE FUNCTION history_kept(p_holder text, p_epoch bigint) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
    IF NOT lease_holds('sweep', p_holder, p_epoch) THEN
        RETURN NULL;
    END IF;
    RETURN history_ahead();
END $$;
COMMENT ON FUNCTION history_kept(text, bigint) IS 'Keeps the months of case_history ahead; how many it made, NULL when the lease is lost';
