-- From rows to roll-ups: which figure a row counts for, on which day, and in which sums.

CREATE TYPE figure_entry AS (
    measure text,
    day date,          -- falls into the period by this day
    by_day date,       -- the hit counts in periods that end after this one
    bucket smallint,
    cases integer,     -- denominator
    hits integer,      -- numerator
    ms bigint
);

CREATE FUNCTION figure_rates() RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '{arrive,arrive_rest,ordinary,ordinary_rest,complex,complex_rest,plan,plan_rest,closed,on_time,source_solved,rework,
    whistle,response,solve,satisfied_1,satisfied_2,satisfied_3,satisfied_4,satisfied_5,return,delay,contact}'::text[];

CREATE FUNCTION figure_steps() RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '{step_accept,step_register,step_arrive,step_whistle,step_resolve,step_check,step_evaluate,step_close,
    step_sign,step_contact,step_report,step_work,step_approve}'::text[];

-- Buckets of a logarithmic histogram: the middle of one is at most the root of 1.1 off, less than 5 per cent.
CREATE FUNCTION step_bucket(p_ms bigint) RETURNS smallint LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN p_ms IS NULL THEN -2 WHEN p_ms < 1 THEN -1
    ELSE floor(ln(p_ms::double precision) / ln(1.1::double precision)) END::smallint;
COMMENT ON FUNCTION step_bucket(bigint) IS 'The power of 1.1 that these milliseconds reach.';

CREATE FUNCTION bucket_seconds(p_bucket integer) RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN p_bucket < 0 THEN 0 ELSE power(1.1::double precision, p_bucket + 0.5) / 1000 END;

CREATE FUNCTION case_entries(f case_figures) RETURNS SETOF figure_entry LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT e.measure, e.day, coalesce(e.by_day, '-infinity'), step_bucket(e.ms), e.cases, e.hits, coalesce(e.ms, 0)
    FROM (VALUES
        (CASE WHEN f.residents THEN 'arrive' ELSE 'arrive_rest' END, f.arrive_due_on, NULL::date, 1, f.arrive_met::integer, NULL::bigint),
        (CASE WHEN f.level = 'major' THEN NULL WHEN f.residents THEN f.level ELSE f.level || '_rest' END,
            f.resolve_due_on, NULL, 1, f.resolve_met::integer, NULL),
        (CASE WHEN f.residents THEN 'plan' ELSE 'plan_rest' END, f.plan_due_on, NULL, 1, f.plan_met::integer, NULL),
        ('closed', f.due_on, greatest(f.due_on, coalesce(f.closed_on, 'infinity')), 1, (f.closed_on IS NOT NULL)::integer, NULL),
        ('on_time', f.due_on, greatest(f.due_on, coalesce(f.closed_on, 'infinity')), 1, f.on_time::integer, NULL),
        ('whistle', f.received_on, NULL, 1, f.whistled::integer, NULL),
        ('source_solved', f.closed_on, NULL, 1, (NOT f.whistled)::integer, NULL),
        ('rework', f.closed_on, NULL, 1, f.reworked::integer, NULL),
        ('response', f.closed_on, NULL, f.reached, f.contacted, NULL),
        ('solve', f.closed_on, NULL, f.reached, f.solved, NULL),
        ('satisfied_1', f.closed_on, NULL, f.satisfied[1], 0, NULL),
        ('satisfied_2', f.closed_on, NULL, f.satisfied[2], 0, NULL),
        ('satisfied_3', f.closed_on, NULL, f.satisfied[3], 0, NULL),
        ('satisfied_4', f.closed_on, NULL, f.satisfied[4], 0, NULL),
        ('satisfied_5', f.closed_on, NULL, f.satisfied[5], 0, NULL),
        (CASE WHEN f.accept_ms IS NOT NULL THEN 'step_accept' END, f.closed_on, NULL, 1, 0, f.accept_ms),
        (CASE WHEN f.register_ms IS NOT NULL THEN 'step_register' END, f.closed_on, NULL, 1, 0, f.register_ms),
        (CASE WHEN f.arrive_ms IS NOT NULL THEN 'step_arrive' END, f.closed_on, NULL, 1, 0, f.arrive_ms),
        (CASE WHEN f.whistle_ms IS NOT NULL THEN 'step_whistle' END, f.closed_on, NULL, 1, 0, f.whistle_ms),
        (CASE WHEN f.resolve_ms IS NOT NULL THEN 'step_resolve' END, f.closed_on, NULL, 1, 0, f.resolve_ms),
        (CASE WHEN f.check_ms IS NOT NULL THEN 'step_check' END, f.closed_on, NULL, 1, 0, f.check_ms),
        (CASE WHEN f.evaluate_ms IS NOT NULL THEN 'step_evaluate' END, f.closed_on, NULL, 1, 0, f.evaluate_ms),
        (CASE WHEN f.close_ms IS NOT NULL THEN 'step_close' END, f.closed_on, NULL, 1, 0, f.close_ms)
    ) AS e (measure, day, by_day, cases, hits, ms)
    WHERE f.counts AND e.measure IS NOT NULL AND e.day IS NOT NULL AND e.cases > 0;
$$;
COMMENT ON FUNCTION case_entries(case_figures) IS 'What a case adds to the figures.';

CREATE FUNCTION ticket_entries(f ticket_figures) RETURNS SETOF figure_entry LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT e.measure, e.day, '-infinity'::date, step_bucket(e.ms), 1, e.hits, coalesce(e.ms, 0)
    FROM (VALUES
        ('return', f.issued_on, f.returned::integer, NULL::bigint),
        ('delay', f.due_on, f.extended::integer, NULL),
        ('contact', f.contact_due_on, f.contact_met::integer, NULL),
        (CASE WHEN f.sign_ms IS NOT NULL THEN 'step_sign' END, f.closed_on, 0, f.sign_ms),
        (CASE WHEN f.contact_ms IS NOT NULL THEN 'step_contact' END, f.closed_on, 0, f.contact_ms),
        (CASE WHEN f.report_ms IS NOT NULL THEN 'step_report' END, f.closed_on, 0, f.report_ms),
        (CASE WHEN f.work_ms IS NOT NULL THEN 'step_work' END, f.closed_on, 0, f.work_ms),
        (CASE WHEN f.approve_ms IS NOT NULL THEN 'step_approve' END, f.closed_on, 0, f.approve_ms)
    ) AS e (measure, day, hits, ms)
    WHERE f.counts AND e.measure IS NOT NULL AND e.day IS NOT NULL;
$$;
COMMENT ON FUNCTION ticket_entries(ticket_figures) IS 'What a ticket adds to the figures.';

-- The sums that an entry goes into. Steps by day are kept for all only: there are too many buckets.
CREATE FUNCTION figure_sums(p_areas text[], p_category text, p_organisation text, p_measure text, p_day date)
RETURNS TABLE (cut text, key text, grain text, day date) LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT c.cut, c.key, g.grain, g.day
    FROM (SELECT 'all' AS cut, '' AS key
        UNION ALL SELECT 'category', p_category
        UNION ALL SELECT 'organisation', p_organisation WHERE p_organisation IS NOT NULL
        UNION ALL SELECT 'area', a.a FROM unnest(p_areas) AS a (a)) AS c
    CROSS JOIN (VALUES ('day', p_day), ('month', date_trunc('month', p_day::timestamp)::date)) AS g (grain, day)
    WHERE g.grain = 'month' OR c.cut = 'all' OR p_measure NOT LIKE 'step%';
$$;

-- All that a street's rows add up to.
CREATE FUNCTION figures_of_rows(p_tenant text) RETURNS SETOF figures LANGUAGE sql STABLE AS $$
    WITH entries AS (
        SELECT f.areas, f.category, f.organisation, f.level, e.* FROM case_figures f CROSS JOIN LATERAL case_entries(f) AS e
        WHERE f.tenant = p_tenant
        UNION ALL
        SELECT f.areas, f.category, f.organisation, f.level, e.* FROM ticket_figures f CROSS JOIN LATERAL ticket_entries(f) AS e
        WHERE f.tenant = p_tenant
    )
    SELECT p_tenant, s.cut, s.key, s.grain, e.measure, s.day, e.level, e.by_day, e.bucket, sum(e.cases), sum(e.hits), sum(e.ms)::bigint
    FROM entries e CROSS JOIN LATERAL figure_sums(e.areas, e.category, e.organisation, e.measure, e.day) AS s
    GROUP BY s.cut, s.key, s.grain, e.measure, s.day, e.level, e.by_day, e.bucket;
$$;
COMMENT ON FUNCTION figures_of_rows(text) IS 'The roll-ups as the rows of cases and tickets add up to.';
