-- What the operations on figures answer.

-- Of nothing there is no rate: null, never 0 or 100 per cent.
CREATE FUNCTION rate_json(p_hits numeric, p_cases numeric) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE
RETURN json_build_object('numerator', coalesce(p_hits, 0), 'denominator', coalesce(p_cases, 0),
    'rate', CASE WHEN p_cases > 0 THEN round(p_hits / p_cases, 6) END);

-- Weights are rows: those of the policy in force on the last day of the period.
CREATE FUNCTION stats_policy(p_tenant text, p_past date) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN policy_of(p_tenant, coalesce(
        (SELECT p.version FROM policies p JOIN tenants t ON t.tenant = p.tenant
            WHERE p.tenant = p_tenant AND p.valid_from < p_past::timestamp AT TIME ZONE t.zone
            ORDER BY p.version DESC LIMIT 1), 0));
END $$;

CREATE FUNCTION weight_of(p_policy jsonb, p_setting text, p_name text) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(CASE jsonb_typeof(setting(p_policy, p_setting) -> p_name)
    WHEN 'number' THEN (setting(p_policy, p_setting) ->> p_name)::numeric END, 0);

CREATE FUNCTION rate_of(p_sums jsonb, p_hits text, p_cases text) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE
RETURN rate_json((p_sums ->> p_hits)::numeric, (p_sums ->> p_cases)::numeric);

CREATE FUNCTION four_rates(p_sums jsonb, p_rest text) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE
RETURN json_build_object('arrive', rate_of(p_sums, 'arrive' || p_rest || '_met', 'arrive' || p_rest),
    'ordinary', rate_of(p_sums, 'ordinary' || p_rest || '_met', 'ordinary' || p_rest),
    'complex', rate_of(p_sums, 'complex' || p_rest || '_met', 'complex' || p_rest),
    'plan', rate_of(p_sums, 'plan' || p_rest || '_met', 'plan' || p_rest));

CREATE FUNCTION satisfaction(p_sums jsonb, p_policy jsonb) RETURNS json LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN rate_json(
        (SELECT sum(weight_of(p_policy, 'satisfied_weights', n::text) * coalesce((p_sums ->> ('satisfied_' || n))::numeric, 0))
            FROM generate_series(1, 5) AS n),
        (p_sums ->> 'reached')::numeric);
END $$;

-- The three rates weighed; of nothing there is no sum either.
CREATE FUNCTION weighed(p_response json, p_solve json, p_satisfy json, p_policy jsonb) RETURNS json LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN (
        SELECT rate_json(sum(w.weight * w.rate), CASE WHEN count(w.rate) = 3 THEN sum(w.weight) END)
        FROM (VALUES
            (weight_of(p_policy, 'score_weights', 'response'), (p_response ->> 'rate')::numeric),
            (weight_of(p_policy, 'score_weights', 'solve'), (p_solve ->> 'rate')::numeric),
            (weight_of(p_policy, 'score_weights', 'satisfy'), (p_satisfy ->> 'rate')::numeric)) AS w (weight, rate));
END $$;

CREATE TYPE stats_rates_reply AS (
    refusal text, pointer text, period json, behind bigint, residents json, others json, rates json, weights json);

CREATE FUNCTION stats_rates(p_me actor, p_from date, p_to date, p_area text[], p_organisation text[], p_category text[], p_level text[])
RETURNS stats_rates_reply LANGUAGE plpgsql STABLE AS $$
DECLARE
    a stats_asked := stats_ask(p_me, p_from, p_to, p_area, p_organisation, p_category, p_level);
    v stats_rates_reply;
    v_sums jsonb;
    v_policy jsonb;
BEGIN
    v.refusal := a.refusal;
    v.pointer := a.pointer;
    IF a.refusal IS NOT NULL THEN
        RETURN v;
    END IF;
    v_sums := figures_summed(p_me.tenant, a.f);
    v_policy := stats_policy(p_me.tenant, p_to);
    v.period := a.period;
    v.behind := a.behind;
    v.residents := four_rates(v_sums, '');
    v.others := four_rates(v_sums, '_rest');
    v.rates := json_build_object(
        'response', rate_of(v_sums, 'contacted', 'reached'), 'solve', rate_of(v_sums, 'solved', 'reached'),
        'satisfy', satisfaction(v_sums, v_policy), 'score', weighed(rate_of(v_sums, 'contacted', 'reached'),
            rate_of(v_sums, 'solved', 'reached'), satisfaction(v_sums, v_policy), v_policy),
        'closed', rate_of(v_sums, 'due_closed', 'due'), 'on_time', rate_of(v_sums, 'due_on_time', 'due'),
        'rework', rate_of(v_sums, 'reworked', 'closed'), 'delay', rate_of(v_sums, 'extended', 'finish'),
        'return', rate_of(v_sums, 'returned', 'issued'), 'whistle', rate_of(v_sums, 'whistled', 'received'),
        'source_solved', rate_of(v_sums, 'at_source', 'closed'), 'contact', rate_of(v_sums, 'contact_met', 'contact'));
    v.weights := json_build_object('score', setting(v_policy, 'score_weights'), 'satisfied', setting(v_policy, 'satisfied_weights'));
    RETURN v;
END $$;
COMMENT ON FUNCTION stats_rates(actor, date, date, text[], text[], text[], text[]) IS 'All rates of one period.';

CREATE TYPE stats_steps_reply AS (refusal text, pointer text, period json, behind bigint, steps json);

CREATE FUNCTION steps_json(p_tenant text, f figure_filter) RETURNS json LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (WITH buckets AS (
        SELECT s.step / 512 AS step, s.step AS code, sum(s.n) AS n, sum(s.ms) AS ms FROM steps_summed(p_tenant, f) AS s
        GROUP BY s.step HAVING sum(s.n) > 0
    ), ranked AS (
        SELECT b.*, sum(b.n) OVER (PARTITION BY b.step ORDER BY b.code) AS upto, sum(b.n) OVER (PARTITION BY b.step) AS total
        FROM buckets b
    ), steps AS (
        -- The value of rank ceil(q × n) lies in the first bucket that reaches it.
        SELECT r.step, r.total, sum(r.ms) AS ms, min(r.code) FILTER (WHERE r.upto >= ceil(0.5 * r.total)) AS median,
            min(r.code) FILTER (WHERE r.upto >= ceil(0.9 * r.total)) AS p90
        FROM ranked r GROUP BY r.step, r.total
    )
    SELECT json_agg(json_build_object('step', m.step, 'count', coalesce(s.total, 0),
        'sum_seconds', coalesce(s.ms, 0) / 1000, 'mean_seconds', round(s.ms / s.total / 1000, 3),
        'median_seconds', round(bucket_seconds(s.median)::numeric, 3), 'p90_seconds', round(bucket_seconds(s.p90)::numeric, 3))
        ORDER BY m.n)
    FROM unnest(figure_steps()) WITH ORDINALITY AS m (step, n) LEFT JOIN steps s ON s.step = m.n);
END $$;

CREATE FUNCTION stats_steps(p_me actor, p_from date, p_to date, p_area text[], p_organisation text[], p_category text[], p_level text[])
RETURNS stats_steps_reply LANGUAGE plpgsql STABLE AS $$
DECLARE
    a stats_asked := stats_ask(p_me, p_from, p_to, p_area, p_organisation, p_category, p_level);
    v stats_steps_reply;
BEGIN
    v.refusal := a.refusal;
    v.pointer := a.pointer;
    IF a.refusal IS NULL THEN
        v.period := a.period;
        v.behind := a.behind;
        v.steps := steps_json(p_me.tenant, a.f);
    END IF;
    RETURN v;
END $$;
COMMENT ON FUNCTION stats_steps(actor, date, date, text[], text[], text[], text[]) IS 'How long each step took in one period.';

CREATE FUNCTION excluded_cases(p_tenant text, f figure_filter, p_reasons text[]) RETURNS SETOF round_figures LANGUAGE sql STABLE AS $$
    SELECT x.* FROM round_figures x
    WHERE x.tenant = p_tenant AND x.excluded IS NOT NULL AND x.excluded_on >= f.first AND x.excluded_on < f.past
        AND (p_reasons IS NULL OR x.excluded = ANY (p_reasons))
        AND (f.areas IS NULL OR x.area = ANY (f.areas)) AND (f.levels IS NULL OR x.level = ANY (f.levels))
        AND (f.organisations IS NULL OR x.organisation = ANY (f.organisations))
        AND (f.categories IS NULL OR x.category = ANY (f.categories));
$$;
COMMENT ON FUNCTION excluded_cases(text, figure_filter, text[]) IS '剔除: cases that the rates of satisfaction leave out.';
