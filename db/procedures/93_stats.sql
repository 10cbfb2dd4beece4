-- Reading the figures. One filter at most besides the level: the roll-ups. Several: the rows, by their indexes.

CREATE TYPE figure_filter AS (
    first date,             -- half-open: first day, day after the last
    past date,
    areas text[],           -- disjoint: none lies in another; null: not asked for
    organisations text[],
    categories text[],
    levels text[]
);

CREATE TYPE figure_sum AS (measure text, bucket smallint, cases bigint, hits bigint, ms numeric);

-- Whole months inside the period, and the days at its edges.
CREATE FUNCTION figure_spans(p_first date, p_past date) RETURNS TABLE (grain text, first date, past date)
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT s.grain, s.first, s.past
    FROM (SELECT date_trunc('month', p_first::timestamp + interval '1 month' - interval '1 day')::date AS a,
            date_trunc('month', p_past::timestamp)::date AS b) AS m
    CROSS JOIN LATERAL (VALUES
        ('month', m.a, m.b), ('day', p_first, CASE WHEN m.a < m.b THEN m.a ELSE p_past END),
        ('day', m.b, CASE WHEN m.a < m.b THEN p_past END)) AS s (grain, first, past)
    WHERE s.first < s.past;
$$;
COMMENT ON FUNCTION figure_spans(date, date) IS 'A period as whole months and single days.';

CREATE FUNCTION summed_rollups(p_tenant text, f figure_filter, p_measures text[], p_grains text[])
RETURNS SETOF figure_sum LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_cut text := CASE WHEN f.areas IS NOT NULL THEN 'area' WHEN f.organisations IS NOT NULL THEN 'organisation'
        WHEN f.categories IS NOT NULL THEN 'category' ELSE 'all' END;
    v_keys text[] := coalesce(f.areas, f.organisations, f.categories, ARRAY['']);
BEGIN
    RETURN QUERY
    SELECT g.measure, g.bucket, sum(g.cases)::bigint, coalesce(sum(g.hits) FILTER (WHERE g.by_day < f.past), 0)::bigint, sum(g.ms)
    FROM figure_spans(f.first, f.past) AS s
    CROSS JOIN unnest(v_keys) AS k (key)
    CROSS JOIN unnest(p_measures) AS m (measure)
    JOIN figures g ON g.tenant = p_tenant AND g.cut = v_cut AND g.key = k.key AND g.grain = s.grain AND g.measure = m.measure
        AND g.day >= s.first AND g.day < s.past
    WHERE s.grain = ANY (p_grains) AND (f.levels IS NULL OR g.level = ANY (f.levels))
    GROUP BY g.measure, g.bucket;
END $$;

-- Rows whose entries fall anywhere in the period.
CREATE FUNCTION summed_rows(p_tenant text, f figure_filter, p_measures text[]) RETURNS SETOF figure_sum
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    RETURN QUERY
    SELECT e.measure, e.bucket, sum(e.cases), coalesce(sum(e.hits) FILTER (WHERE e.by_day < f.past), 0)::bigint, sum(e.ms)
    FROM (
        SELECT e.* FROM case_figures x CROSS JOIN LATERAL case_entries(x) AS e
        WHERE x.tenant = p_tenant AND (f.areas IS NULL OR x.areas && f.areas) AND (f.levels IS NULL OR x.level = ANY (f.levels))
            AND (f.organisations IS NULL OR x.organisation = ANY (f.organisations))
            AND (f.categories IS NULL OR x.category = ANY (f.categories))
        UNION ALL
        SELECT e.* FROM ticket_figures x CROSS JOIN LATERAL ticket_entries(x) AS e
        WHERE x.tenant = p_tenant AND (f.areas IS NULL OR x.areas && f.areas) AND (f.levels IS NULL OR x.level = ANY (f.levels))
            AND (f.organisations IS NULL OR x.organisation = ANY (f.organisations))
            AND (f.categories IS NULL OR x.category = ANY (f.categories))) AS e
    WHERE e.day >= f.first AND e.day < f.past AND e.measure = ANY (p_measures)
    GROUP BY e.measure, e.bucket;
END $$;

-- The same for steps: they fall into a period by the day of closing alone.
CREATE FUNCTION summed_step_rows(p_tenant text, f figure_filter) RETURNS SETOF figure_sum
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    RETURN QUERY
    SELECT e.measure, e.bucket, sum(e.cases), 0::bigint, sum(e.ms)
    FROM (
        SELECT e.* FROM case_figures x CROSS JOIN LATERAL case_entries(x) AS e
        WHERE x.tenant = p_tenant AND x.closed_on >= f.first AND x.closed_on < f.past
            AND (f.areas IS NULL OR x.areas && f.areas) AND (f.levels IS NULL OR x.level = ANY (f.levels))
            AND (f.organisations IS NULL OR x.organisation = ANY (f.organisations))
            AND (f.categories IS NULL OR x.category = ANY (f.categories))
        UNION ALL
        SELECT e.* FROM ticket_figures x CROSS JOIN LATERAL ticket_entries(x) AS e
        WHERE x.tenant = p_tenant AND x.closed_on >= f.first AND x.closed_on < f.past
            AND (f.areas IS NULL OR x.areas && f.areas) AND (f.levels IS NULL OR x.level = ANY (f.levels))
            AND (f.organisations IS NULL OR x.organisation = ANY (f.organisations))
            AND (f.categories IS NULL OR x.category = ANY (f.categories))) AS e
    WHERE e.measure = ANY (figure_steps()) AND e.day >= f.first AND e.day < f.past
    GROUP BY e.measure, e.bucket;
END $$;

CREATE FUNCTION figure_filters(f figure_filter) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (f.areas IS NOT NULL)::integer + (f.organisations IS NOT NULL)::integer + (f.categories IS NOT NULL)::integer;

CREATE FUNCTION summed_rates(p_tenant text, f figure_filter) RETURNS SETOF figure_sum LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF figure_filters(f) > 1 THEN
        RETURN QUERY SELECT * FROM summed_rows(p_tenant, f, figure_rates());
    ELSE
        RETURN QUERY SELECT * FROM summed_rollups(p_tenant, f, figure_rates(), '{day,month}');
    END IF;
END $$;
COMMENT ON FUNCTION summed_rates(text, figure_filter) IS 'Numerators and denominators of all rates.';

CREATE FUNCTION summed_steps(p_tenant text, f figure_filter) RETURNS SETOF figure_sum LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_span record;
    g figure_filter := f;
BEGIN
    IF figure_filters(f) > 1 THEN
        RETURN QUERY SELECT * FROM summed_step_rows(p_tenant, f);
        RETURN;
    END IF;
    RETURN QUERY SELECT * FROM summed_rollups(p_tenant, f, figure_steps(),
        CASE figure_filters(f) WHEN 0 THEN '{day,month}'::text[] ELSE '{month}' END);
    IF figure_filters(f) = 1 THEN
        FOR v_span IN SELECT * FROM figure_spans(f.first, f.past) AS s WHERE s.grain = 'day' LOOP
            g.first := v_span.first;
            g.past := v_span.past;
            RETURN QUERY SELECT * FROM summed_step_rows(p_tenant, g);
        END LOOP;
    END IF;
END $$;
COMMENT ON FUNCTION summed_steps(text, figure_filter) IS 'Histograms of all steps; a bucket may come in several parts.';

-- A community reads its own area, a token what it is narrowed to. Of the areas that remain only the topmost are kept.
CREATE FUNCTION figure_areas(p_me actor, p_area text[]) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_whole boolean := p_me.roles && '{leader,supervisor,dispatcher,auditor}';
    v_areas text[];
BEGIN
    IF v_whole AND p_me.scope IS NULL AND p_area IS NULL THEN
        RETURN NULL;
    END IF;
    v_areas := ARRAY(
        SELECT a.code FROM areas a
        WHERE a.tenant = p_me.tenant AND (p_area IS NULL OR a.path && p_area)
            AND (p_me.scope IS NULL OR a.code = ANY (p_me.scope)) AND (v_whole OR a.code = ANY (p_me.areas)));
    RETURN ARRAY(
        SELECT a.code FROM areas a
        WHERE a.tenant = p_me.tenant AND a.code = ANY (v_areas) AND (a.parent_code IS NULL OR a.parent_code <> ALL (v_areas)));
END $$;
COMMENT ON FUNCTION figure_areas(actor, text[]) IS 'Which areas the figures are of: none in another; null: the whole street.';

CREATE TYPE stats_asked AS (refusal text, pointer text, me actor, f figure_filter, behind bigint, period json);

CREATE FUNCTION stats_ask(p_me actor, p_from date, p_to date, p_area text[], p_organisation text[], p_category text[], p_level text[])
RETURNS stats_asked LANGUAGE plpgsql STABLE AS $$
DECLARE
    v stats_asked;
BEGIN
    v.me := p_me;
    v.refusal := p_me.refusal;
    IF v.refusal IS NULL AND (p_to <= p_from OR p_to - p_from > 3660) THEN
        v.refusal := 'out_of_range';
        v.pointer := 'query.to';
    END IF;
    IF v.refusal IS NULL THEN
        v.f := (p_from, p_to, figure_areas(p_me, p_area), ARRAY(SELECT DISTINCT unnest(p_organisation)),
            ARRAY(SELECT DISTINCT unnest(p_category)), p_level)::figure_filter;
        v.f.organisations := CASE WHEN p_organisation IS NOT NULL THEN (v.f).organisations END;
        v.f.categories := CASE WHEN p_category IS NOT NULL THEN (v.f).categories END;
        v.period := json_build_object('from', p_from, 'to', p_to);
        v.behind := feed_last(p_me.tenant)
            - coalesce((SELECT p.position FROM figure_progress p WHERE p.tenant = p_me.tenant), 0);
    END IF;
    RETURN v;
END $$;
COMMENT ON FUNCTION stats_ask(actor, date, date, text[], text[], text[], text[]) IS 'What is asked for, as far as the caller may see.';
