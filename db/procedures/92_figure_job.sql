-- The job: reads the feed by position, counts each case that changed anew, and moves the sums by the difference.

-- What is taken away is what stands there, what is added is what is then written: p_old and p_new are rows of one table.
CREATE FUNCTION figures_moved(p_tenant text, p_of text, p_old anyarray, p_new anyarray) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format($sql$
        WITH days AS (
            SELECT (x.f).area, (x.f).category, (x.f).organisation, (x.f).level, n.day, %1$s
            FROM (SELECT -1 AS sign, o AS f FROM unnest($2) AS o UNION ALL SELECT 1, o FROM unnest($3) AS o) AS x
            CROSS JOIN LATERAL counts_of_%2$s(x.f) AS n
            GROUP BY 1, 2, 3, 4, 5
        ), cells AS MATERIALIZED (
            SELECT d.area, d.category, d.organisation, d.level, g.grain, grain_start(g.grain, d.day) AS day, %3$s
            FROM days d CROSS JOIN unnest('{day,ten,month,year}'::text[]) AS g (grain)
            GROUP BY 1, 2, 3, 4, 5, 6
        ), sums AS (
            SELECT 'cell' AS cut, d.* FROM cells d
            UNION ALL
            SELECT c.cut, c.area, c.category, c.organisation, d.level, d.grain, d.day, %3$s
            FROM cells d CROSS JOIN LATERAL figure_cuts(d.area, d.category, d.organisation) AS c
            GROUP BY 1, 2, 3, 4, 5, 6, 7
        )
        INSERT INTO figure_sums AS g (tenant, cut, area, category, organisation, level, grain, day, %4$s)
        SELECT $1, s.* FROM sums s WHERE num_nonnulls(%5$s) > 0
        ON CONFLICT (tenant, cut, area, category, organisation, grain, day, level) DO UPDATE SET %6$s$sql$,
        figure_list(p_of, 'nullif(sum(x.sign * n.$), 0) AS $'), p_of, figure_list(p_of, 'nullif(sum(d.$), 0) AS $'), figure_list(p_of, '$'),
        figure_list(p_of, 's.$'), figure_list(p_of, '$ = nullif(coalesce(g.$, 0) + coalesce(excluded.$, 0), 0)'))
    USING p_tenant, p_old, p_new;
END $$;

CREATE FUNCTION steps_moved(p_tenant text, p_old anyarray, p_new anyarray) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    WITH moved AS MATERIALIZED (
        SELECT c.cut, c.key, g.grain, grain_start(g.grain, x.closed_on) AS day, x.level, x.step,
            sum(x.sign) AS n, sum(x.sign * x.ms) AS ms
        FROM (
            SELECT -1 AS sign, o.area, o.category, o.organisation, o.level, o.closed_on, unnest(o.steps) AS step, unnest(o.ms) AS ms
            FROM unnest(p_old) AS o WHERE o.counts AND o.closed_on IS NOT NULL
            UNION ALL
            SELECT 1, o.area, o.category, o.organisation, o.level, o.closed_on, unnest(o.steps), unnest(o.ms)
            FROM unnest(p_new) AS o WHERE o.counts AND o.closed_on IS NOT NULL) AS x
        LEFT JOIN figure_communities m ON m.tenant = p_tenant AND m.area = x.area
        CROSS JOIN LATERAL step_cuts(coalesce(m.community, ''), x.area, x.category, x.organisation) AS c
        CROSS JOIN LATERAL unnest(c.grains) AS g (grain)
        GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(x.sign) <> 0 OR sum(x.sign * x.ms) <> 0
    ), touched AS (
        SELECT DISTINCT m.cut, m.key, m.grain, m.day, m.level FROM moved m
    ), merged AS (
        SELECT u.cut, u.key, u.grain, u.day, u.level, u.step, sum(u.n) AS n, sum(u.ms) AS ms
        FROM (
            SELECT * FROM moved
            UNION ALL
            SELECT t.cut, t.key, t.grain, t.day, t.level, unnest(s.steps), unnest(s.counts), unnest(s.ms)
            FROM touched t JOIN figure_steps s ON s.tenant = p_tenant AND s.cut = t.cut AND s.key = t.key AND s.grain = t.grain
                AND s.day = t.day AND s.level = t.level) AS u
        GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(u.n) <> 0
    )
    INSERT INTO figure_steps (tenant, cut, key, grain, day, level, steps, counts, ms)
    SELECT p_tenant, t.cut, t.key, t.grain, t.day, t.level, coalesce(array_agg(m.step ORDER BY m.step) FILTER (WHERE m.step IS NOT NULL), '{}'),
        coalesce(array_agg(m.n ORDER BY m.step) FILTER (WHERE m.step IS NOT NULL), '{}'),
        coalesce(array_agg(m.ms ORDER BY m.step) FILTER (WHERE m.step IS NOT NULL), '{}')
    FROM touched t LEFT JOIN merged m USING (cut, key, grain, day, level)
    GROUP BY 1, 2, 3, 4, 5, 6
    ON CONFLICT (tenant, cut, key, grain, day, level) DO UPDATE SET steps = excluded.steps, counts = excluded.counts, ms = excluded.ms;
END $$;

CREATE FUNCTION rounds_counted(p_tenant text, p_cases uuid[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_old round_figures[] := ARRAY(SELECT f FROM round_figures f WHERE f.tenant = p_tenant AND f.case_id = ANY (p_cases));
    v_new round_figures[] := ARRAY(SELECT f FROM round_figures_of(p_tenant, p_cases) AS f);
    v_gone round_figures[] := ARRAY(SELECT o FROM unnest(v_old) AS o EXCEPT SELECT n FROM unnest(v_new) AS n);
    v_come round_figures[] := ARRAY(SELECT n FROM unnest(v_new) AS n EXCEPT SELECT o FROM unnest(v_old) AS o);
BEGIN
    -- Most events count for nothing new.
    IF cardinality(v_gone) + cardinality(v_come) = 0 THEN
        RETURN;
    END IF;
    INSERT INTO round_figures SELECT n.* FROM unnest(v_come) AS n
    ON CONFLICT (tenant, case_id, round) DO UPDATE SET area = excluded.area, category = excluded.category,
        organisation = excluded.organisation, level = excluded.level, residents = excluded.residents, counts = excluded.counts,
        received_on = excluded.received_on, whistled = excluded.whistled, arrive_due_on = excluded.arrive_due_on,
        arrive_met = excluded.arrive_met, resolve_due_on = excluded.resolve_due_on, resolve_met = excluded.resolve_met,
        plan_due_on = excluded.plan_due_on, plan_met = excluded.plan_met, due_on = excluded.due_on, closed_on = excluded.closed_on,
        on_time = excluded.on_time, late = excluded.late, at_source = excluded.at_source, reworked = excluded.reworked, reached = excluded.reached,
        contacted = excluded.contacted, solved = excluded.solved, satisfied = excluded.satisfied, excluded = excluded.excluded,
        excluded_on = excluded.excluded_on, steps = excluded.steps, ms = excluded.ms;
    PERFORM figures_moved(p_tenant, 'round', v_gone, v_come);
    PERFORM steps_moved(p_tenant, v_gone, v_come);
END $$;

CREATE FUNCTION tickets_figured(p_tenant text, p_cases uuid[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_old run_figures[] := ARRAY(SELECT f FROM run_figures f WHERE f.tenant = p_tenant AND f.case_id = ANY (p_cases));
    v_new run_figures[] := ARRAY(SELECT f FROM run_figures_of(p_tenant, p_cases) AS f);
    v_gone run_figures[] := ARRAY(SELECT o FROM unnest(v_old) AS o EXCEPT SELECT n FROM unnest(v_new) AS n);
    v_come run_figures[] := ARRAY(SELECT n FROM unnest(v_new) AS n EXCEPT SELECT o FROM unnest(v_old) AS o);
BEGIN
    -- Most events count for nothing new.
    IF cardinality(v_gone) + cardinality(v_come) = 0 THEN
        RETURN;
    END IF;
    INSERT INTO run_figures SELECT n.* FROM unnest(v_come) AS n
    ON CONFLICT (tenant, ticket_id, run) DO UPDATE SET case_id = excluded.case_id, area = excluded.area, category = excluded.category,
        organisation = excluded.organisation, level = excluded.level, counts = excluded.counts, issued_on = excluded.issued_on,
        returned = excluded.returned, due_on = excluded.due_on, extended = excluded.extended, contact_due_on = excluded.contact_due_on,
        contact_met = excluded.contact_met, closed_on = excluded.closed_on, steps = excluded.steps, ms = excluded.ms;
    PERFORM figures_moved(p_tenant, 'ticket', v_gone, v_come);
    PERFORM steps_moved(p_tenant, v_gone, v_come);
END $$;

-- What a case counted for when its history was detached stays.
CREATE FUNCTION cases_counted(p_tenant text, p_cases uuid[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    p_cases := ARRAY(SELECT k.id FROM unnest(p_cases) AS k (id) WHERE NOT history_is_away(k.id));
    PERFORM rounds_counted(p_tenant, p_cases);
    PERFORM tickets_figured(p_tenant, p_cases);
END $$;
COMMENT ON FUNCTION cases_counted(text, uuid[]) IS 'These cases and their tickets counted as they are now.';

-- Areas that were moved to another community: what was closed there moves along, in all sums, by its rows.
CREATE FUNCTION area_followed(p_tenant text, p_area text, p_community text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_rounds round_figures[] := ARRAY(SELECT f FROM round_figures f WHERE f.tenant = p_tenant AND f.area = p_area AND f.closed_on IS NOT NULL);
    v_runs run_figures[] := ARRAY(SELECT f FROM run_figures f WHERE f.tenant = p_tenant AND f.area = p_area AND f.closed_on IS NOT NULL);
BEGIN
    PERFORM steps_moved(p_tenant, v_rounds, '{}'::round_figures[]), steps_moved(p_tenant, v_runs, '{}'::run_figures[]);
    INSERT INTO figure_communities (tenant, area, community) VALUES (p_tenant, p_area, p_community)
    ON CONFLICT (tenant, area) DO UPDATE SET community = excluded.community;
    PERFORM steps_moved(p_tenant, '{}'::round_figures[], v_rounds), steps_moved(p_tenant, '{}'::run_figures[], v_runs);
END $$;

CREATE FUNCTION areas_followed(p_tenant text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM area_followed(p_tenant, a.code, coalesce(a.community_code, ''))
    FROM areas a LEFT JOIN figure_communities m ON m.tenant = a.tenant AND m.area = a.code
    WHERE a.tenant = p_tenant AND m.community IS DISTINCT FROM coalesce(a.community_code, '');
END $$;
COMMENT ON FUNCTION areas_followed(text) IS 'The pairs counted by the communities in which areas lie now.';

-- One at a time moves the sums of a street. The job does not wait for an operator who counts it anew: the clocks, which the
-- same thread keeps, would wait with it.
CREATE FUNCTION figures_locked(p_tenant text, p_wait boolean) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    v_lock bigint := hashtextextended(concat_ws(E'\x1f', 'figures', p_tenant), 0);
BEGIN
    IF NOT p_wait THEN
        RETURN pg_try_advisory_xact_lock(v_lock);
    END IF;
    PERFORM pg_advisory_xact_lock(v_lock);
    RETURN true;
END $$;

-- Positions are dense and given by one drainer, so nothing below the last one read can still appear. A case stands in the
-- feed at its latest position only: what changes meanwhile comes again.
CREATE FUNCTION stats_tenant_ticked(p_tenant text, p_limit integer) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_from bigint;
    v_upto bigint;
    v_cases uuid[];
BEGIN
    IF NOT figures_locked(p_tenant, false) THEN
        RETURN 0;
    END IF;
    INSERT INTO figure_positions (tenant, position, pairs_position) VALUES (p_tenant, 0, 0) ON CONFLICT (tenant) DO NOTHING;
    SELECT p.position INTO v_from FROM figure_positions p WHERE p.tenant = p_tenant;
    SELECT array_agg(n.case_id), max(n.position) INTO v_cases, v_upto
    FROM (SELECT f.case_id, f.position FROM case_feed f
        WHERE f.tenant = p_tenant AND f.position > v_from ORDER BY f.position LIMIT p_limit) AS n;
    IF v_cases IS NULL THEN
        RETURN 0;
    END IF;
    PERFORM areas_followed(p_tenant);
    PERFORM cases_counted(p_tenant, v_cases);
    UPDATE figure_positions p SET position = v_upto, pairs_position = CASE WHEN p.pairs_position = p.position THEN v_upto END
    WHERE p.tenant = p_tenant;
    RETURN cardinality(v_cases);
END $$;

-- A part of each street at a time: the clocks, which the same thread keeps, must not wait for it.
CREATE FUNCTION stats_tick(p_limit integer) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_tenant text;
    v_count bigint := 0;
BEGIN
    FOR v_tenant IN
        SELECT f.tenant FROM feed_positions f LEFT JOIN figure_positions p ON p.tenant = f.tenant
        WHERE f.last_position > coalesce(p.position, 0) ORDER BY f.tenant
    LOOP
        v_count := v_count + stats_tenant_ticked(v_tenant, p_limit);
    END LOOP;
    RETURN v_count;
END $$;
COMMENT ON FUNCTION stats_tick(integer) IS
    'Counts what the feed says has changed; answers how many cases: fewer than p_limit, and none is left.';
