-- The check: roll-ups as the rows add up to, rows as the base tables say; and the way back when they differ.

-- From the finest sums to the coarsest, and only then over areas, categories and organisations: each step has less to add.
CREATE FUNCTION figures_of_rows(p_tenant text) RETURNS SETOF figure_sums LANGUAGE plpgsql STABLE ROWS 1000000 SET work_mem = '256MB' AS $$
BEGIN
    RETURN QUERY EXECUTE format($sql$
        WITH days AS MATERIALIZED (
            SELECT x.area, x.category, x.organisation, 'day' AS grain, x.day, x.level, %1$s
            FROM (
                SELECT f.area, f.category, f.organisation, f.level, n.*, %2$s
                FROM round_figures f CROSS JOIN LATERAL counts_of_round(f) AS n WHERE f.tenant = $1
                UNION ALL
                SELECT f.area, f.category, f.organisation, f.level, n.day, %3$s, %4$s
                FROM run_figures f CROSS JOIN LATERAL counts_of_ticket(f) AS n WHERE f.tenant = $1) AS x
            GROUP BY x.area, x.category, x.organisation, x.day, x.level
        ), tens AS MATERIALIZED (
            SELECT x.area, x.category, x.organisation, 'ten' AS grain, grain_start('ten', x.day) AS day, x.level, %1$s
            FROM days x GROUP BY 1, 2, 3, 5, 6
        ), months AS MATERIALIZED (
            SELECT x.area, x.category, x.organisation, 'month' AS grain, grain_start('month', x.day) AS day, x.level, %1$s
            FROM tens x GROUP BY 1, 2, 3, 5, 6
        ), years AS MATERIALIZED (
            SELECT x.area, x.category, x.organisation, 'year' AS grain, grain_start('year', x.day) AS day, x.level, %1$s
            FROM months x GROUP BY 1, 2, 3, 5, 6
        ), cells AS (
            SELECT * FROM days UNION ALL SELECT * FROM tens UNION ALL SELECT * FROM months UNION ALL SELECT * FROM years
        )
        SELECT $1, 'cell', c.* FROM cells c
        UNION ALL
        SELECT $1, c.cut, c.area, c.category, c.organisation, x.grain, x.day, x.level, %1$s
        FROM cells x CROSS JOIN LATERAL figure_cuts(x.area, x.category, x.organisation) AS c
        GROUP BY c.cut, c.area, c.category, c.organisation, x.grain, x.day, x.level$sql$,
        figure_list('all', 'sum(x.$)::integer AS $'), figure_list('ticket', 'NULL::integer AS $'), figure_list('round', 'NULL'),
        figure_list('ticket', 'n.$'))
    USING p_tenant;
END $$;
COMMENT ON FUNCTION figures_of_rows(text) IS 'The roll-ups of rates as the rows of rounds and runs add up to.';

-- Steps of the rounds and runs closed in a month.
CREATE FUNCTION steps_of_month(p_tenant text, p_month date)
RETURNS TABLE (area text, category text, organisation text, level text, day date, step smallint, ms bigint) LANGUAGE sql STABLE AS $$
    SELECT f.area, f.category, f.organisation, f.level, f.closed_on, unnest(f.steps), unnest(f.ms)
    FROM round_figures f
    WHERE f.tenant = p_tenant AND f.counts AND f.closed_on >= p_month AND f.closed_on < next_grain('month', p_month)
    UNION ALL
    SELECT f.area, f.category, f.organisation, f.level, f.closed_on, unnest(f.steps), unnest(f.ms)
    FROM run_figures f
    WHERE f.tenant = p_tenant AND f.counts AND f.closed_on >= p_month AND f.closed_on < next_grain('month', p_month);
$$;

CREATE TYPE step_bucket AS (cut text, key text, grain text, day date, level text, step smallint, n integer, ms bigint);

-- A month at a time: its buckets stay in memory, those of a year would not. A cut at a time: a row that fans out into all of
-- them costs more than to be read four times.
CREATE FUNCTION steps_counted(p_tenant text, p_month date) RETURNS SETOF step_bucket LANGUAGE sql STABLE ROWS 1000000 SET work_mem = '256MB' AS $$
    WITH calendar AS MATERIALIZED (
        SELECT d::date AS day, grain_start('ten', d::date) AS ten
        FROM generate_series(p_month::timestamp, (next_grain('month', p_month) - 1)::timestamp, interval '1 day') AS d
    ), taken AS MATERIALIZED (
        SELECT x.*, c.ten, coalesce(m.community, '') AS community FROM steps_of_month(p_tenant, p_month) AS x JOIN calendar c USING (day)
        LEFT JOIN figure_communities m ON m.tenant = p_tenant AND m.area = x.area
    ), days AS MATERIALIZED (
        SELECT x.day, x.ten, x.level, x.step, count(*) AS n, sum(x.ms)::bigint AS ms FROM taken x GROUP BY x.day, x.ten, x.level, x.step
    ), tens AS MATERIALIZED (
        SELECT 'all' AS cut, '' AS key, d.ten, d.level, d.step, sum(d.n)::bigint AS n, sum(d.ms)::bigint AS ms
        FROM days d GROUP BY d.ten, d.level, d.step
        UNION ALL
        SELECT 'area', x.area, x.ten, x.level, x.step, count(*), sum(x.ms)::bigint
        FROM taken x GROUP BY x.area, x.ten, x.level, x.step
        UNION ALL
        SELECT 'category', x.category, x.ten, x.level, x.step, count(*), sum(x.ms)::bigint
        FROM taken x GROUP BY x.category, x.ten, x.level, x.step
        UNION ALL
        SELECT 'organisation', x.organisation, x.ten, x.level, x.step, count(*), sum(x.ms)::bigint
        FROM taken x WHERE x.organisation <> '' GROUP BY x.organisation, x.ten, x.level, x.step
    )
    SELECT 'all', '', 'day', d.day, d.level, d.step, d.n::integer, d.ms FROM days d
    UNION ALL SELECT d.cut, d.key, 'ten', d.ten, d.level, d.step, d.n::integer, d.ms FROM tens d
    UNION ALL SELECT d.cut, d.key, 'month', p_month, d.level, d.step, sum(d.n)::integer, sum(d.ms)::bigint
        FROM tens d GROUP BY d.cut, d.key, d.level, d.step
    UNION ALL SELECT 'community_category', x.community || '/' || x.category, 'month', p_month, x.level, x.step, count(*)::integer, sum(x.ms)::bigint
        FROM taken x GROUP BY x.community, x.category, x.level, x.step
    UNION ALL SELECT 'community_organisation', x.community || '/' || x.organisation, 'month', p_month, x.level, x.step, count(*)::integer,
        sum(x.ms)::bigint
        FROM taken x WHERE x.organisation <> '' GROUP BY x.community, x.organisation, x.level, x.step
    UNION ALL SELECT 'category_organisation', x.category || '/' || x.organisation, 'month', p_month, x.level, x.step, count(*)::integer,
        sum(x.ms)::bigint
        FROM taken x WHERE x.organisation <> '' GROUP BY x.category, x.organisation, x.level, x.step;
$$;
COMMENT ON FUNCTION steps_counted(text, date) IS 'The steps of a month by day, ten days and month, as the rows add up to.';

-- Of a year: as its months add up to.
CREATE FUNCTION steps_of_year(p_tenant text, p_year date) RETURNS SETOF step_bucket LANGUAGE sql STABLE ROWS 1000000 SET work_mem = '256MB' AS $$
    SELECT x.cut, x.key, 'year', p_year, x.level, x.step, sum(x.n)::integer, sum(x.ms)::bigint
    FROM (SELECT s.cut, s.key, s.level, unnest(s.steps) AS step, unnest(s.counts) AS n, unnest(s.ms) AS ms
        FROM figure_steps s
        WHERE s.tenant = p_tenant AND s.grain = 'month' AND s.day >= p_year AND s.day < next_grain('year', p_year)) AS x
    GROUP BY x.cut, x.key, x.level, x.step;
$$;

-- Months and years in which something was closed.
CREATE FUNCTION step_grains(p_tenant text, p_grain text) RETURNS SETOF date LANGUAGE sql STABLE AS $$
    SELECT DISTINCT grain_start(p_grain, f.closed_on) FROM (
        SELECT DISTINCT r.closed_on FROM round_figures r WHERE r.tenant = p_tenant AND r.closed_on IS NOT NULL
        UNION SELECT DISTINCT t.closed_on FROM run_figures t WHERE t.tenant = p_tenant AND t.closed_on IS NOT NULL
        UNION SELECT DISTINCT s.day FROM figure_steps s WHERE s.tenant = p_tenant) AS f
    ORDER BY 1;
$$;

CREATE FUNCTION steps_rebuilt(p_tenant text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_start date;
BEGIN
    FOR v_start IN SELECT * FROM step_grains(p_tenant, 'month') LOOP
        INSERT INTO figure_steps (tenant, cut, key, grain, day, level, steps, counts, ms)
        SELECT p_tenant, s.cut, s.key, s.grain, s.day, s.level, array_agg(s.step), array_agg(s.n), array_agg(s.ms)
        FROM steps_counted(p_tenant, v_start) AS s GROUP BY s.cut, s.key, s.grain, s.day, s.level;
    END LOOP;
    FOR v_start IN SELECT * FROM step_grains(p_tenant, 'year') LOOP
        INSERT INTO figure_steps (tenant, cut, key, grain, day, level, steps, counts, ms)
        SELECT p_tenant, s.cut, s.key, s.grain, s.day, s.level, array_agg(s.step), array_agg(s.n), array_agg(s.ms)
        FROM steps_of_year(p_tenant, v_start) AS s GROUP BY s.cut, s.key, s.grain, s.day, s.level;
    END LOOP;
END $$;

-- The operator's way back, as the owner: everything of one street counted anew, but for cases whose history is detached.
-- Readers see the old figures until it is done.
CREATE FUNCTION stats_rebuild(p_tenant text) RETURNS bigint LANGUAGE plpgsql SET work_mem = '256MB' AS $$
DECLARE
    v_upto bigint;
    v_count bigint;
BEGIN
    PERFORM figures_locked(p_tenant, true);
    INSERT INTO figure_positions (tenant, position) VALUES (p_tenant, 0) ON CONFLICT (tenant) DO NOTHING;
    v_upto := feed_last(p_tenant);
    DELETE FROM figure_sums f WHERE f.tenant = p_tenant;
    DELETE FROM figure_steps f WHERE f.tenant = p_tenant;
    DELETE FROM round_figures f WHERE f.tenant = p_tenant AND NOT history_is_away(f.case_id);
    DELETE FROM run_figures f WHERE f.tenant = p_tenant AND NOT history_is_away(f.case_id);
    INSERT INTO round_figures SELECT * FROM round_figures_of(p_tenant, NULL) AS f WHERE NOT history_is_away(f.case_id);
    INSERT INTO run_figures SELECT * FROM run_figures_of(p_tenant, NULL) AS f WHERE NOT history_is_away(f.case_id);
    INSERT INTO figure_sums SELECT * FROM figures_of_rows(p_tenant);
    DELETE FROM figure_communities m WHERE m.tenant = p_tenant;
    INSERT INTO figure_communities SELECT a.tenant, a.code, coalesce(a.community_code, '') FROM areas a WHERE a.tenant = p_tenant;
    PERFORM steps_rebuilt(p_tenant);
    UPDATE figure_positions p SET position = v_upto, pairs_position = v_upto WHERE p.tenant = p_tenant;
    SELECT count(*) INTO v_count FROM cases c WHERE c.tenant = p_tenant;
    RETURN v_count;
END $$;
COMMENT ON FUNCTION stats_rebuild(text) IS 'Counts a street anew; answers how many cases.';

-- Cases that the feed has and the figures have not are not wrong but waiting.
CREATE FUNCTION stats_waiting(p_tenant text) RETURNS uuid[] LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_position bigint := coalesce((SELECT p.position FROM figure_positions p WHERE p.tenant = p_tenant), 0);
BEGIN
    RETURN ARRAY(
        SELECT f.case_id FROM case_feed f WHERE f.tenant = p_tenant AND f.position > v_position
        UNION SELECT o.case_id FROM outbox o WHERE o.tenant = p_tenant);
END $$;

CREATE FUNCTION row_differences(p_tenant text) RETURNS SETOF difference LANGUAGE sql STABLE SET work_mem = '256MB' AS $$
    SELECT d.object, d.id, d.what, d.stored, d.computed
    FROM (
        SELECT 'round' AS object, n.id, n.id AS case_id, 'figures' AS what, n.stored::text AS stored, n.computed::text AS computed
        FROM (SELECT coalesce(f.case_id, c.case_id) AS id, f AS stored, c AS computed
            FROM (SELECT * FROM round_figures x WHERE x.tenant = p_tenant) AS f
            FULL JOIN round_figures_of(p_tenant, NULL) AS c ON c.case_id = f.case_id AND c.round = f.round) AS n
        WHERE n.stored IS DISTINCT FROM n.computed
        UNION ALL
        SELECT 'ticket', n.id, n.case_id, 'figures', n.stored::text, n.computed::text
        FROM (SELECT coalesce(f.ticket_id, t.ticket_id) AS id, coalesce(f.case_id, t.case_id) AS case_id, f AS stored, t AS computed
            FROM (SELECT * FROM run_figures x WHERE x.tenant = p_tenant) AS f
            FULL JOIN run_figures_of(p_tenant, NULL) AS t ON t.ticket_id = f.ticket_id AND t.run = f.run) AS n
        WHERE n.stored IS DISTINCT FROM n.computed
        OFFSET 0) AS d
    WHERE NOT EXISTS (SELECT FROM unnest(stats_waiting(p_tenant)) AS w (id) WHERE w.id = d.case_id)
        AND NOT history_is_away(d.case_id);
$$;

-- What is stored less what is computed: what is left over differs. One pass over both, whatever their number.
CREATE FUNCTION sum_differences(p_tenant text) RETURNS SETOF difference LANGUAGE plpgsql STABLE SET work_mem = '256MB' AS $$
BEGIN
    RETURN QUERY EXECUTE format($sql$
        SELECT 'figure', NULL::uuid, concat_ws('/', d.cut, d.area, d.category, d.organisation, d.grain, d.day, d.level),
            (SELECT f::text FROM figure_sums f WHERE f.tenant = $1 AND f.cut = d.cut AND f.area = d.area AND f.category = d.category
                AND f.organisation = d.organisation AND f.grain = d.grain AND f.day = d.day AND f.level = d.level),
            'differs by ' || jsonb_strip_nulls(to_jsonb(d) - '{cut,area,category,organisation,grain,day,level}'::text[])::text
        FROM (
            SELECT x.cut, x.area, x.category, x.organisation, x.grain, x.day, x.level, %1$s
            FROM (SELECT 1 AS sign, f.* FROM figure_sums f WHERE f.tenant = $1
                UNION ALL SELECT -1, r.* FROM figures_of_rows($1) AS r) AS x
            GROUP BY x.cut, x.area, x.category, x.organisation, x.grain, x.day, x.level) AS d
        WHERE num_nonnulls(%2$s) > 0$sql$, figure_list('all', 'nullif(sum(x.sign * x.$), 0) AS $'), figure_list('all', 'd.$'))
    USING p_tenant;
END $$;

CREATE FUNCTION step_span_differences(p_tenant text, p_grains text[], p_first date, p_past date) RETURNS SETOF difference
LANGUAGE sql STABLE SET work_mem = '256MB' AS $$
    SELECT 'steps', NULL::uuid, concat_ws('/', d.cut, d.key, d.grain, d.day, d.level, d.step), concat_ws('/', d.n, d.ms),
        concat_ws('/', d.computed_n, d.computed_ms)
    FROM (
        SELECT x.cut, x.key, x.grain, x.day, x.level, x.step, coalesce(sum(x.n) FILTER (WHERE x.stored), 0) AS n,
            coalesce(sum(x.ms) FILTER (WHERE x.stored), 0) AS ms, coalesce(sum(x.n) FILTER (WHERE NOT x.stored), 0) AS computed_n,
            coalesce(sum(x.ms) FILTER (WHERE NOT x.stored), 0) AS computed_ms
        FROM (
            SELECT true AS stored, f.cut, f.key, f.grain, f.day, f.level, unnest(f.steps) AS step, unnest(f.counts) AS n, unnest(f.ms) AS ms
            FROM figure_steps f WHERE f.tenant = p_tenant AND f.grain = ANY (p_grains) AND f.day >= p_first AND f.day < p_past
            UNION ALL SELECT false, r.* FROM steps_counted(p_tenant, p_first) AS r WHERE 'month' = ANY (p_grains)
            UNION ALL SELECT false, r.* FROM steps_of_year(p_tenant, p_first) AS r WHERE 'year' = ANY (p_grains)) AS x
        GROUP BY x.cut, x.key, x.grain, x.day, x.level, x.step) AS d
    WHERE (d.n, d.ms) <> (d.computed_n, d.computed_ms) AND (d.cut NOT LIKE '%\_%' OR pairs_stand(p_tenant));
$$;

CREATE FUNCTION step_differences(p_tenant text) RETURNS SETOF difference LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_start date;
BEGIN
    FOR v_start IN SELECT * FROM step_grains(p_tenant, 'month') LOOP
        RETURN QUERY SELECT * FROM step_span_differences(p_tenant, '{day,ten,month}', v_start, next_grain('month', v_start));
    END LOOP;
    FOR v_start IN SELECT * FROM step_grains(p_tenant, 'year') LOOP
        RETURN QUERY SELECT * FROM step_span_differences(p_tenant, '{year}', v_start, next_grain('year', v_start));
    END LOOP;
END $$;

CREATE FUNCTION stats_differences(p_tenant text) RETURNS SETOF difference LANGUAGE sql STABLE AS $$
    SELECT * FROM row_differences(p_tenant) UNION ALL SELECT * FROM sum_differences(p_tenant) UNION ALL SELECT * FROM step_differences(p_tenant);
$$;
COMMENT ON FUNCTION stats_differences(text) IS
    'Where stored figures differ from the recomputation from cases, tickets and events; no row: nothing found.';
