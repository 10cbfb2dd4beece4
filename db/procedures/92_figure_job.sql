-- The job: reads the feed by position, counts each case that changed anew, and moves the sums by the difference.

-- One statement, so that what is taken away is exactly what stands there and what is added is what is then written.
CREATE FUNCTION cases_counted(p_tenant text, p_cases uuid[]) RETURNS void LANGUAGE sql AS $$
    WITH c AS MATERIALIZED (SELECT n.* FROM case_figures_of(p_tenant, p_cases) AS n),
    t AS MATERIALIZED (SELECT n.* FROM ticket_figures_of(p_tenant, p_cases) AS n),
    written AS (
        INSERT INTO case_figures SELECT * FROM c
        ON CONFLICT (tenant, case_id) DO UPDATE SET
            areas = excluded.areas, category = excluded.category, organisation = excluded.organisation,
            level = excluded.level, residents = excluded.residents, counts = excluded.counts,
            received_on = excluded.received_on, whistled = excluded.whistled, arrive_due_on = excluded.arrive_due_on,
            arrive_met = excluded.arrive_met, resolve_due_on = excluded.resolve_due_on,
            resolve_met = excluded.resolve_met, plan_due_on = excluded.plan_due_on, plan_met = excluded.plan_met,
            due_on = excluded.due_on, closed_on = excluded.closed_on, on_time = excluded.on_time,
            reworked = excluded.reworked, reached = excluded.reached, contacted = excluded.contacted,
            solved = excluded.solved, satisfied = excluded.satisfied, excluded = excluded.excluded,
            excluded_on = excluded.excluded_on, accept_ms = excluded.accept_ms, register_ms = excluded.register_ms,
            arrive_ms = excluded.arrive_ms, whistle_ms = excluded.whistle_ms, resolve_ms = excluded.resolve_ms,
            check_ms = excluded.check_ms, evaluate_ms = excluded.evaluate_ms, close_ms = excluded.close_ms
    ), tickets_written AS (
        INSERT INTO ticket_figures SELECT * FROM t
        ON CONFLICT (tenant, ticket_id) DO UPDATE SET
            case_id = excluded.case_id, areas = excluded.areas, category = excluded.category,
            organisation = excluded.organisation, level = excluded.level, counts = excluded.counts,
            issued_on = excluded.issued_on, returned = excluded.returned, due_on = excluded.due_on,
            extended = excluded.extended, contact_due_on = excluded.contact_due_on,
            contact_met = excluded.contact_met, closed_on = excluded.closed_on, sign_ms = excluded.sign_ms,
            contact_ms = excluded.contact_ms, report_ms = excluded.report_ms, work_ms = excluded.work_ms,
            approve_ms = excluded.approve_ms
    ), entries AS (
        SELECT f.areas, f.category, f.organisation, f.level, -1 AS sign, e.* FROM case_figures f CROSS JOIN LATERAL case_entries(f) AS e
        WHERE f.tenant = p_tenant AND f.case_id = ANY (p_cases)
        UNION ALL
        SELECT f.areas, f.category, f.organisation, f.level, -1, e.* FROM ticket_figures f CROSS JOIN LATERAL ticket_entries(f) AS e
        WHERE f.tenant = p_tenant AND f.case_id = ANY (p_cases)
        UNION ALL
        SELECT f.areas, f.category, f.organisation, f.level, 1, e.*
        FROM c AS f CROSS JOIN LATERAL case_entries(ROW(f.*)::case_figures) AS e
        UNION ALL
        SELECT f.areas, f.category, f.organisation, f.level, 1, e.*
        FROM t AS f CROSS JOIN LATERAL ticket_entries(ROW(f.*)::ticket_figures) AS e
    )
    INSERT INTO figures AS g (tenant, cut, key, grain, measure, day, level, by_day, bucket, cases, hits, ms)
    SELECT p_tenant, s.cut, s.key, s.grain, e.measure, s.day, e.level, e.by_day, e.bucket,
        sum(e.sign * e.cases), sum(e.sign * e.hits), sum(e.sign * e.ms)
    FROM entries e CROSS JOIN LATERAL figure_sums(e.areas, e.category, e.organisation, e.measure, e.day) AS s
    GROUP BY s.cut, s.key, s.grain, e.measure, s.day, e.level, e.by_day, e.bucket
    HAVING sum(e.sign * e.cases) <> 0 OR sum(e.sign * e.hits) <> 0 OR sum(e.sign * e.ms) <> 0
    ON CONFLICT (tenant, cut, key, grain, measure, day, level, by_day, bucket) DO UPDATE SET
        cases = g.cases + excluded.cases, hits = g.hits + excluded.hits, ms = g.ms + excluded.ms;
$$;
COMMENT ON FUNCTION cases_counted(text, uuid[]) IS 'These cases and their tickets counted as they are now.';

-- Positions are dense and given by one drainer, so nothing below the last one read can still appear. A case stands in the
-- feed at its latest position only: what changes meanwhile comes again.
CREATE FUNCTION stats_tenant_ticked(p_tenant text, p_limit integer) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_from bigint;
    v_upto bigint;
    v_cases uuid[];
BEGIN
    INSERT INTO figure_progress (tenant, position) VALUES (p_tenant, 0) ON CONFLICT (tenant) DO NOTHING;
    SELECT p.position INTO v_from FROM figure_progress p WHERE p.tenant = p_tenant FOR UPDATE;
    SELECT array_agg(n.case_id), max(n.position) INTO v_cases, v_upto
    FROM (SELECT f.case_id, f.position FROM case_feed f
        WHERE f.tenant = p_tenant AND f.position > v_from ORDER BY f.position LIMIT p_limit) AS n;
    IF v_cases IS NULL THEN
        RETURN 0;
    END IF;
    PERFORM cases_counted(p_tenant, v_cases);
    UPDATE figure_progress p SET position = v_upto WHERE p.tenant = p_tenant;
    RETURN cardinality(v_cases);
END $$;

-- A part at a time: the clocks, which the same thread keeps, must not wait for it.
CREATE FUNCTION stats_tick(p_now timestamptz DEFAULT NULL) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_tenant text;
    v_count bigint := 0;
BEGIN
    FOR v_tenant IN
        SELECT f.tenant FROM feed_positions f LEFT JOIN figure_progress p ON p.tenant = f.tenant
        WHERE f.last_position > coalesce(p.position, 0) ORDER BY f.tenant
    LOOP
        v_count := v_count + stats_tenant_ticked(v_tenant, 100);
    END LOOP;
    RETURN v_count;
END $$;
COMMENT ON FUNCTION stats_tick(timestamptz) IS
    'Counts what the feed says has changed; answers how many cases: call again until it is 0. Figures do not depend on the time.';

-- The operator's way back, as the owner: everything of one street counted anew.
CREATE FUNCTION stats_rebuild(p_tenant text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_upto bigint;
    v_count bigint;
BEGIN
    INSERT INTO figure_progress (tenant, position) VALUES (p_tenant, 0) ON CONFLICT (tenant) DO NOTHING;
    PERFORM FROM figure_progress p WHERE p.tenant = p_tenant FOR UPDATE;
    v_upto := feed_last(p_tenant);
    DELETE FROM figures f WHERE f.tenant = p_tenant;
    DELETE FROM case_figures f WHERE f.tenant = p_tenant;
    DELETE FROM ticket_figures f WHERE f.tenant = p_tenant;
    INSERT INTO case_figures SELECT * FROM case_figures_of(p_tenant, NULL);
    GET DIAGNOSTICS v_count = ROW_COUNT;
    INSERT INTO ticket_figures SELECT * FROM ticket_figures_of(p_tenant, NULL);
    INSERT INTO figures SELECT * FROM figures_of_rows(p_tenant);
    UPDATE figure_progress p SET position = v_upto WHERE p.tenant = p_tenant;
    RETURN v_count;
END $$;
COMMENT ON FUNCTION stats_rebuild(text) IS 'Counts a street anew; answers how many cases.';

-- Cases that the feed has and the figures have not are not wrong but waiting.
CREATE FUNCTION stats_waiting(p_tenant text) RETURNS uuid[] LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_position bigint := coalesce((SELECT p.position FROM figure_progress p WHERE p.tenant = p_tenant), 0);
BEGIN
    RETURN ARRAY(
        SELECT f.case_id FROM case_feed f WHERE f.tenant = p_tenant AND f.position > v_position
        UNION SELECT o.case_id FROM outbox o WHERE o.tenant = p_tenant AND o.position IS NULL);
END $$;

CREATE FUNCTION stats_differences(p_tenant text) RETURNS SETOF difference LANGUAGE sql STABLE AS $$
    SELECT 'case', n.id, 'figures', n.stored::text, n.computed::text
    FROM (SELECT coalesce(f.case_id, c.case_id) AS id, f AS stored, c AS computed
        FROM (SELECT * FROM case_figures x WHERE x.tenant = p_tenant) AS f
        FULL JOIN case_figures_of(p_tenant, NULL) AS c ON c.case_id = f.case_id) AS n
    WHERE n.stored IS DISTINCT FROM n.computed AND n.id <> ALL (stats_waiting(p_tenant))
    UNION ALL
    SELECT 'ticket', n.id, 'figures', n.stored::text, n.computed::text
    FROM (SELECT coalesce(f.ticket_id, t.ticket_id) AS id, coalesce(f.case_id, t.case_id) AS case_id, f AS stored, t AS computed
        FROM (SELECT * FROM ticket_figures x WHERE x.tenant = p_tenant) AS f
        FULL JOIN ticket_figures_of(p_tenant, NULL) AS t ON t.ticket_id = f.ticket_id) AS n
    WHERE n.stored IS DISTINCT FROM n.computed AND n.case_id <> ALL (stats_waiting(p_tenant))
    UNION ALL
    SELECT 'figure', NULL, concat_ws('/', cut, key, grain, measure, day, level, by_day, bucket),
        concat_ws('/', f.cases, f.hits, f.ms), concat_ws('/', r.cases, r.hits, r.ms)
    FROM (SELECT * FROM figures x WHERE x.tenant = p_tenant AND (x.cases, x.hits, x.ms) <> (0, 0, 0)) AS f
    FULL JOIN figures_of_rows(p_tenant) AS r USING (cut, key, grain, measure, day, level, by_day, bucket)
    WHERE (f.cases, f.hits, f.ms) IS DISTINCT FROM (r.cases, r.hits, r.ms);
$$;
COMMENT ON FUNCTION stats_differences(text) IS
    'Where stored figures differ from the recomputation from cases, tickets and events; no row: nothing found.';
