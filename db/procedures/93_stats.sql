-- Reading the figures: a period is put together from the largest grains, by the shortest way. One filter at most beside the level: the
-- sums by it. Several: rates from the cells; steps from the pairs, under three from the rows by their indexes.

CREATE TYPE figure_filter AS (
    first date,             -- half-open: first day, day after the last
    past date,
    areas text[],           -- every code that counts; null: not asked for
    organisations text[],
    categories text[],
    levels text[]
);

CREATE FUNCTION finer_grain(p_grain text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE p_grain WHEN 'year' THEN 'month' WHEN 'month' THEN 'ten' WHEN 'ten' THEN 'day' END;

CREATE FUNCTION next_grain(p_grain text, p_start date) RETURNS date LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN p_grain = 'day' THEN p_start + 1
    WHEN p_grain = 'ten' AND extract(day FROM p_start) < 21 THEN p_start + 10
    WHEN p_grain = 'year' THEN (p_start + interval '1 year')::date
    ELSE (date_trunc('month', p_start::timestamp) + interval '1 month')::date END;

-- Whole grains in the middle. At an edge the shorter way, in finer ones: what is within is added, or a whole grain more and what
-- is beyond taken away.
CREATE FUNCTION figure_spans(p_first date, p_past date, p_grain text DEFAULT 'year', p_sign integer DEFAULT 1)
RETURNS TABLE (grain text, first date, past date, sign integer) LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE ROWS 7 AS $$
DECLARE
    v_start date := grain_start(p_grain, p_first);
    v_end date := next_grain(p_grain, grain_start(p_grain, p_past - 1));
    v_inner date := least(next_grain(p_grain, v_start), p_past); -- where the first grain, and the last begin to be inside
    v_outer date := greatest(grain_start(p_grain, p_past - 1), p_first);
    v_finer text := finer_grain(p_grain);
BEGIN
    IF p_first >= p_past THEN
        RETURN;
    ELSIF v_finer IS NULL THEN
        RETURN QUERY SELECT p_grain, p_first, p_past, p_sign;
        RETURN;
    ELSIF next_grain(p_grain, v_start) = v_end AND 2 * (p_past - p_first) <= v_end - v_start THEN
        RETURN QUERY SELECT * FROM figure_spans(p_first, p_past, v_finer, p_sign);
        RETURN;
    END IF;
    IF next_grain(p_grain, v_start) < v_end AND 2 * (v_inner - p_first) <= v_inner - v_start THEN
        RETURN QUERY SELECT * FROM figure_spans(p_first, v_inner, v_finer, p_sign);
        v_start := v_inner;
    ELSE
        RETURN QUERY SELECT * FROM figure_spans(v_start, p_first, v_finer, -p_sign);
    END IF;
    IF v_outer > p_first AND 2 * (p_past - v_outer) <= v_end - v_outer THEN
        RETURN QUERY SELECT * FROM figure_spans(v_outer, p_past, v_finer, p_sign);
        v_end := v_outer;
    ELSE
        RETURN QUERY SELECT * FROM figure_spans(p_past, v_end, v_finer, -p_sign);
    END IF;
    IF v_start < v_end THEN
        RETURN QUERY SELECT p_grain, v_start, v_end, p_sign;
    END IF;
END $$;
COMMENT ON FUNCTION figure_spans(date, date, text, integer) IS 'A period as years, months, tens of days and single days, added or taken away.';

CREATE FUNCTION figure_filters(f figure_filter) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ((f).areas IS NOT NULL)::integer + ((f).organisations IS NOT NULL)::integer + ((f).categories IS NOT NULL)::integer;

-- The areas that are not asked for, and nowhere: where there are fewer of them, all without them is less to read.
CREATE FUNCTION areas_left_out(p_tenant text, f figure_filter) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_rest text[] := ARRAY(SELECT a.code FROM areas a WHERE a.tenant = p_tenant AND a.code <> ALL (f.areas)) || ''::text;
BEGIN
    RETURN CASE WHEN cardinality(v_rest) < cardinality(f.areas) THEN v_rest END;
END $$;
COMMENT ON FUNCTION areas_left_out(text, figure_filter) IS 'What to take away from all; null: the areas asked for are the fewer.';

-- Which sums answer a single filter.
CREATE FUNCTION figure_keys(p_tenant text, f figure_filter) RETURNS TABLE (cut text, area text, category text, organisation text, sign integer)
LANGUAGE plpgsql STABLE ROWS 10 AS $$
DECLARE
    v_rest text[] := areas_left_out(p_tenant, f);
BEGIN
    RETURN QUERY
    SELECT 'all', '', '', '', 1 WHERE figure_filters(f) = 0 OR v_rest IS NOT NULL
    UNION ALL SELECT 'area', a.a, '', '', -1 FROM unnest(v_rest) AS a (a)
    UNION ALL SELECT 'area', a.a, '', '', 1 FROM unnest(f.areas) AS a (a) WHERE v_rest IS NULL
    UNION ALL SELECT 'category', '', c.c, '', 1 FROM unnest(f.categories) AS c (c)
    UNION ALL SELECT 'organisation', '', '', o.o, 1 FROM unnest(f.organisations) AS o (o);
END $$;

-- Rounds due before the period and closed in it stand among its closings; they are none of its dues. How late they were says
-- how far back they were due. (OFFSET 0, here and below: by the index for each of them, not all rows at once.)
CREATE FUNCTION figures_carried(p_tenant text, f figure_filter) RETURNS jsonb
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    RETURN (
        SELECT jsonb_build_object('due_closed', sum(c.closed), 'due_on_time', sum(c.on_time))
        FROM (SELECT n.late, CASE WHEN n.late < cardinality(late_days()) THEN f.first - (late_days())[n.late + 1] ELSE '-infinity'::date END AS after
            FROM generate_series(1, cardinality(late_days())) AS n (late)) AS k
        CROSS JOIN LATERAL (
            SELECT count(*) AS closed, count(*) FILTER (WHERE x.on_time) AS on_time FROM round_figures x
            WHERE x.tenant = p_tenant AND x.late = k.late AND x.late > 0 AND x.due_on > k.after AND x.due_on < f.first
                AND x.counts AND x.closed_on >= f.first AND x.closed_on < f.past
                AND (f.areas IS NULL OR x.area = ANY (f.areas)) AND (f.levels IS NULL OR x.level = ANY (f.levels))
                AND (f.organisations IS NULL OR x.organisation = ANY (f.organisations))
                AND (f.categories IS NULL OR x.category = ANY (f.categories)) OFFSET 0) AS c);
END $$;

-- All sums of a period, by name; null where there is nothing.
CREATE FUNCTION figures_summed(p_tenant text, f figure_filter) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_sums jsonb;
    v_carried jsonb := figures_carried(p_tenant, f);
BEGIN
    IF figure_filters(f) > 1 THEN
        EXECUTE format($sql$
            SELECT to_jsonb(s) FROM (
                SELECT %s FROM figure_spans(($2).first, ($2).past) AS p
                CROSS JOIN LATERAL (
                    SELECT * FROM figure_sums g
                    WHERE g.tenant = $1 AND g.cut = 'cell' AND g.grain = p.grain AND g.day >= p.first AND g.day < p.past
                        AND (($2).areas IS NULL OR g.area = ANY (($2).areas)) AND (($2).levels IS NULL OR g.level = ANY (($2).levels))
                        AND (($2).organisations IS NULL OR g.organisation = ANY (($2).organisations))
                        AND (($2).categories IS NULL OR g.category = ANY (($2).categories)) OFFSET 0) AS g) AS s$sql$, figure_list('all', 'sum(p.sign * g.$) AS $'))
        INTO v_sums USING p_tenant, f;
    ELSE
        EXECUTE format($sql$
            SELECT to_jsonb(s) FROM (
                SELECT %s FROM figure_keys($1, $2) AS k CROSS JOIN figure_spans(($2).first, ($2).past) AS p
                CROSS JOIN LATERAL (
                    SELECT * FROM figure_sums g
                    WHERE g.tenant = $1 AND g.cut = k.cut AND g.area = k.area AND g.category = k.category AND g.organisation = k.organisation
                        AND g.grain = p.grain AND g.day >= p.first AND g.day < p.past
                        AND (($2).levels IS NULL OR g.level = ANY (($2).levels)) OFFSET 0) AS g) AS s$sql$, figure_list('all', 'sum(k.sign * p.sign * g.$) AS $'))
        INTO v_sums USING p_tenant, f;
    END IF;
    RETURN v_sums || jsonb_build_object(
        'due_closed', coalesce((v_sums ->> 'due_closed')::bigint, 0) - (v_carried ->> 'due_closed')::bigint,
        'due_on_time', coalesce((v_sums ->> 'due_on_time')::bigint, 0) - (v_carried ->> 'due_on_time')::bigint);
END $$;
COMMENT ON FUNCTION figures_summed(text, figure_filter) IS 'The sums that rates are made of.';

CREATE FUNCTION pairs_stand(p_tenant text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM figure_positions p WHERE p.tenant = p_tenant AND p.pairs_position = p.position);
END $$;
COMMENT ON FUNCTION pairs_stand(text) IS 'Whether the sums by pairs are as far as all others.';

-- Communities of which all areas are asked for.
CREATE FUNCTION whole_communities(p_tenant text, p_areas text[]) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN ARRAY(
        SELECT m.community FROM figure_communities m WHERE m.tenant = p_tenant AND m.community <> ''
        GROUP BY m.community HAVING bool_and(m.area = ANY (p_areas)));
END $$;

-- Which histograms answer one filter, or two: areas are then all of some communities.
CREATE FUNCTION step_keys(p_tenant text, f figure_filter) RETURNS TABLE (cut text, key text, sign integer)
LANGUAGE plpgsql STABLE ROWS 10 AS $$
DECLARE
    v_communities text[];
BEGIN
    IF figure_filters(f) < 2 THEN
        RETURN QUERY SELECT k.cut, k.area || k.category || k.organisation, k.sign FROM figure_keys(p_tenant, f) AS k;
        RETURN;
    END IF;
    v_communities := whole_communities(p_tenant, f.areas);
    RETURN QUERY
    SELECT 'community_category', m.m || '/' || c.c, 1 FROM unnest(v_communities) AS m (m), unnest(f.categories) AS c (c)
    UNION ALL SELECT 'community_organisation', m.m || '/' || o.o, 1 FROM unnest(v_communities) AS m (m), unnest(f.organisations) AS o (o)
    UNION ALL SELECT 'category_organisation', c.c || '/' || o.o, 1 FROM unnest(f.categories) AS c (c), unnest(f.organisations) AS o (o);
END $$;

CREATE TYPE step_sum AS (step smallint, n bigint, ms numeric);

CREATE FUNCTION steps_by_sums(p_tenant text, f figure_filter, p_grains text[]) RETURNS SETOF step_sum LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY
    SELECT u.step, sum(u.sign * u.n)::bigint, sum(u.sign * u.ms)
    FROM (
        SELECT k.sign * p.sign AS sign, unnest(s.steps) AS step, unnest(s.counts) AS n, unnest(s.ms) AS ms
        FROM step_keys(p_tenant, f) AS k
        CROSS JOIN (SELECT * FROM figure_spans(f.first, f.past) AS z WHERE z.grain = ANY (p_grains)) AS p
        CROSS JOIN LATERAL (
            SELECT * FROM figure_steps s
            WHERE s.tenant = p_tenant AND s.cut = k.cut AND s.key = k.key AND s.grain = p.grain AND s.day >= p.first AND s.day < p.past
                AND (f.levels IS NULL OR s.level = ANY (f.levels)) OFFSET 0) AS s) AS u
    GROUP BY u.step;
END $$;

CREATE FUNCTION steps_by_rows(p_tenant text, f figure_filter) RETURNS SETOF step_sum
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    RETURN QUERY
    SELECT u.step, count(*), sum(u.ms)
    FROM (
        SELECT unnest(x.steps) AS step, unnest(x.ms) AS ms FROM round_figures x
        WHERE x.tenant = p_tenant AND x.counts AND x.closed_on >= f.first AND x.closed_on < f.past
            AND (f.areas IS NULL OR x.area = ANY (f.areas)) AND (f.levels IS NULL OR x.level = ANY (f.levels))
            AND (f.organisations IS NULL OR x.organisation = ANY (f.organisations))
            AND (f.categories IS NULL OR x.category = ANY (f.categories))
        UNION ALL
        SELECT unnest(x.steps), unnest(x.ms) FROM run_figures x
        WHERE x.tenant = p_tenant AND x.counts AND x.closed_on >= f.first AND x.closed_on < f.past
            AND (f.areas IS NULL OR x.area = ANY (f.areas)) AND (f.levels IS NULL OR x.level = ANY (f.levels))
            AND (f.organisations IS NULL OR x.organisation = ANY (f.organisations))
            AND (f.categories IS NULL OR x.category = ANY (f.categories))) AS u
    GROUP BY u.step;
END $$;

-- Spans of these grains from the sums, what is at the edges from the rows.
CREATE FUNCTION steps_by_both(p_tenant text, f figure_filter, p_grains text[]) RETURNS SETOF step_sum LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_span record;
    v_edge figure_filter := f;
BEGIN
    RETURN QUERY SELECT * FROM steps_by_sums(p_tenant, f, p_grains);
    FOR v_span IN SELECT * FROM figure_spans(f.first, f.past) AS s WHERE s.grain <> ALL (p_grains) LOOP
        v_edge.first := v_span.first;
        v_edge.past := v_span.past;
        RETURN QUERY SELECT r.step, v_span.sign * r.n, v_span.sign * r.ms FROM steps_by_rows(p_tenant, v_edge) AS r;
    END LOOP;
END $$;

-- Under several filters: two by the pairs as far as they reach.
CREATE FUNCTION steps_by_pairs(p_tenant text, f figure_filter) RETURNS SETOF step_sum LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_whole figure_filter := f;
    v_rest figure_filter := f;
    v_communities text[];
BEGIN
    IF figure_filters(f) > 2 OR NOT pairs_stand(p_tenant) THEN
        RETURN QUERY SELECT * FROM steps_by_rows(p_tenant, f);
        RETURN;
    END IF;
    IF f.areas IS NOT NULL THEN
        v_communities := whole_communities(p_tenant, f.areas);
        v_whole.areas := ARRAY(SELECT m.area FROM figure_communities m WHERE m.tenant = p_tenant AND m.community = ANY (v_communities));
        v_rest.areas := ARRAY(SELECT a.a FROM unnest(f.areas) AS a (a) WHERE a.a <> ALL (v_whole.areas));
        RETURN QUERY SELECT * FROM steps_by_rows(p_tenant, v_rest);
    END IF;
    RETURN QUERY SELECT * FROM steps_by_both(p_tenant, v_whole, '{month,year}');
END $$;

CREATE FUNCTION steps_summed(p_tenant text, f figure_filter) RETURNS SETOF step_sum LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_rest text[] := areas_left_out(p_tenant, f);
    v_anywhere figure_filter := f;
    v_elsewhere figure_filter := f;
BEGIN
    IF figure_filters(f) = 0 THEN
        RETURN QUERY SELECT * FROM steps_by_sums(p_tenant, f, '{day,ten,month,year}');
    ELSIF figure_filters(f) = 1 THEN
        RETURN QUERY SELECT * FROM steps_by_both(p_tenant, f, '{ten,month,year}');
    ELSIF v_rest IS NULL THEN
        RETURN QUERY SELECT * FROM steps_by_pairs(p_tenant, f);
    ELSE
        v_anywhere.areas := NULL;
        v_elsewhere.areas := v_rest;
        RETURN QUERY SELECT * FROM steps_summed(p_tenant, v_anywhere);
        RETURN QUERY SELECT e.step, -e.n, -e.ms FROM steps_by_pairs(p_tenant, v_elsewhere) AS e;
    END IF;
END $$;
COMMENT ON FUNCTION steps_summed(text, figure_filter) IS 'Histograms of all steps: how many fell into each bucket; a bucket may come in several parts.';

-- A community reads its own area, a token what it is narrowed to.
CREATE FUNCTION figure_areas(p_me actor, p_area text[]) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_whole boolean := p_me.roles && '{leader,supervisor,dispatcher,auditor}';
BEGIN
    IF v_whole AND p_me.scope IS NULL AND p_area IS NULL THEN
        RETURN NULL;
    END IF;
    RETURN ARRAY(
        SELECT a.code FROM areas a
        WHERE a.tenant = p_me.tenant AND (p_area IS NULL OR a.path && p_area)
            AND (p_me.scope IS NULL OR a.code = ANY (p_me.scope)) AND (v_whole OR a.code = ANY (p_me.areas)));
END $$;
COMMENT ON FUNCTION figure_areas(actor, text[]) IS 'Which areas the figures are of; null: the whole street, and what lies nowhere.';

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
            - coalesce((SELECT p.position FROM figure_positions p WHERE p.tenant = p_me.tenant), 0);
    END IF;
    RETURN v;
END $$;
COMMENT ON FUNCTION stats_ask(actor, date, date, text[], text[], text[], text[]) IS 'What is asked for, as far as the caller may see.';
