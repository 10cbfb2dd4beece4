-- Cases by the million for measurements: one street with a plausible year, whole down to its events, so that the auditor
-- finds nothing and the figures can be recomputed. Everything is drawn from one seed. Runs as a superuser (foreign keys are
-- not checked row by row) with search_path = the release's schema, whistled, public, and:
--   SET bench.tenant = 'bench'; SET bench.cases = '1000000'; SET bench.first = '2023-01-01'; SET bench.days = '365';

SET session_replication_role = replica;
SET work_mem = '256MB';
SET TimeZone = 'Asia/Shanghai';
SELECT setseed(0.5341);

-- A length of time: lognormal, of that median in seconds.
CREATE FUNCTION pg_temp.took(p_median double precision, p_sigma double precision) RETURNS interval LANGUAGE sql VOLATILE
RETURN make_interval(secs => round((p_median * exp(p_sigma * sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random())))::numeric, 3)::double precision);

CREATE FUNCTION pg_temp.bench(p_name text) RETURNS text LANGUAGE sql STABLE
RETURN current_setting('bench.' || p_name);

CREATE FUNCTION pg_temp.now() RETURNS timestamptz LANGUAGE sql STABLE
RETURN pg_temp.bench('first')::timestamptz + pg_temp.bench('days')::integer * interval '1 day';

CREATE FUNCTION pg_temp.person(p_who text) RETURNS uuid LANGUAGE sql IMMUTABLE
RETURN md5(p_who)::uuid;

-- The street: 5 communities of 10 grids, 10 departments, 40 categories.

INSERT INTO tenants (tenant, name, number_prefix) VALUES (pg_temp.bench('tenant'), 'Bench street', 'BS');
INSERT INTO policies (tenant, version, valid_from) VALUES (pg_temp.bench('tenant'), 1, '2000-01-01');
INSERT INTO organisations (tenant, code, kind, name)
SELECT pg_temp.bench('tenant'), o.code, o.kind, initcap(o.code)
FROM (SELECT 'office' AS code, 'office' AS kind
    UNION ALL SELECT 'c' || g, 'community' FROM generate_series(1, 5) AS g
    UNION ALL SELECT 'd' || g, 'department' FROM generate_series(1, 10) AS g) AS o;
INSERT INTO areas (tenant, code, kind, name, parent_code, path, community_code, organisation_code)
SELECT pg_temp.bench('tenant'), a.path[cardinality(a.path)], a.kind, a.path[cardinality(a.path)],
    a.path[cardinality(a.path) - 1], a.path, a.path[2], CASE a.kind WHEN 'community' THEN lower(a.path[2]) END
FROM (SELECT 'street' AS kind, ARRAY['S'] AS path
    UNION ALL SELECT 'community', ARRAY['S', 'C' || c] FROM generate_series(1, 5) AS c
    UNION ALL SELECT 'grid', ARRAY['S', 'C' || c, 'C' || c || '-' || g] FROM generate_series(1, 5) AS c, generate_series(1, 10) AS g) AS a;
INSERT INTO people (tenant, id, subject, name, roles, organisation_code, areas, posts)
SELECT pg_temp.bench('tenant'), pg_temp.person(p.who), p.who, p.who, ARRAY[p.role], p.org, p.areas, p.posts
FROM (SELECT 'dispatcher' AS who, 'dispatcher' AS role, 'office' AS org, '{}'::text[] AS areas, '{}'::text[] AS posts
    UNION ALL SELECT 'leader', 'leader', 'office', '{}', '{secretary}'
    UNION ALL SELECT 'supervisor', 'supervisor', 'office', '{}', '{}'
    UNION ALL SELECT 'auditor', 'auditor', 'office', '{}', '{}'
    UNION ALL SELECT 'community' || g, 'community', 'c' || g, ARRAY['C' || g], '{}' FROM generate_series(1, 5) AS g
    UNION ALL SELECT 'department' || g, 'department', 'd' || g, '{}', '{}' FROM generate_series(1, 10) AS g
    UNION ALL SELECT 'worker' || a.code, 'grid_worker', NULL, '{}', '{}' FROM areas a
        WHERE a.tenant = pg_temp.bench('tenant') AND a.kind = 'grid'
    UNION ALL SELECT 'citizen' || g, 'citizen', NULL, '{}', '{}' FROM generate_series(1, 1000) AS g) AS p;
INSERT INTO grid_assignments (tenant, id, grid_code, person_id, kind, valid_from)
SELECT a.tenant, gen_random_uuid(), a.code, pg_temp.person('worker' || a.code), 'full_time', '2000-01-01'
FROM areas a WHERE a.tenant = pg_temp.bench('tenant') AND a.kind = 'grid';
INSERT INTO categories (tenant, code, class, name, lead_organisation, on_scene, default_level)
SELECT pg_temp.bench('tenant'), 'k' || g, 'bench', 'k' || g, 'd' || 1 + g % 10, g % 4 <> 0, 'ordinary' FROM generate_series(1, 40) AS g;

-- What becomes of each case, and when. Times after the end of the period have not come yet.

CREATE TEMP TABLE draft AS
WITH drawn AS MATERIALIZED (
    SELECT g.n,
        pg_temp.bench('first')::timestamptz
            + floor((g.n - 1)::double precision * pg_temp.bench('days')::integer / pg_temp.bench('cases')::integer) * interval '1 day'
            + make_interval(secs => CASE WHEN random() < 0.85 THEN 7 + 14 * random() ELSE 24 * random() END * 3600) AS received,
        1 + floor(40 * random() ^ 1.6)::integer AS category, 'C' || 1 + floor(5 * random())::integer AS community,
        1 + floor(10 * random())::integer AS grid, random() AS way, random() AS which, random() AS luck, random() AS mood,
        random() AS quiet, (ARRAY['resident_app', 'resident_app', 'phone', 'patrol', 'patrol', 'hotline_12345', 'window', 'other'])
            [1 + floor(8 * random())::integer] AS source, 1 + floor(1000 * random())::integer AS citizen
    FROM generate_series(1, pg_temp.bench('cases')::integer) AS g (n)
), accepted AS (
    SELECT d.*, date_trunc('milliseconds', d.received) AS t0,
        CASE WHEN d.way < 0.62 THEN 'source' WHEN d.way < 0.96 THEN 'whistle' WHEN d.way < 0.99 THEN 'reject' ELSE 'withdraw' END AS path,
        date_trunc('milliseconds', d.received) + pg_temp.took(60, 1) AS t_accept
    FROM drawn d
), registered AS (
    SELECT a.*, CASE WHEN a.path <> 'whistle' THEN CASE WHEN a.which < 0.95 THEN 'ordinary' ELSE 'complex' END
            WHEN a.which < 0.1 THEN 'ordinary' WHEN a.which < 0.9 THEN 'complex' ELSE 'major' END AS level,
        a.t_accept + pg_temp.took(60, 0.8) AS t_register, a.category % 4 <> 0 AS on_scene,
        CASE WHEN a.category % 4 <> 0 AND a.path IN ('source', 'whistle') AND a.quiet < 0.97 THEN a.t0 + pg_temp.took(170, 0.6) END AS t_arrive
    FROM accepted a
), begun AS (
    SELECT r.*, CASE WHEN r.path = 'source' THEN r.t_register + pg_temp.took(30, 0.8) END AS t_start,
        CASE WHEN r.path = 'whistle' THEN r.t_register + pg_temp.took(300, 1) END AS t_whistle,
        CASE WHEN r.level = 'major' THEN r.t_register + pg_temp.took(12 * 3600, 0.7) END AS t_plan,
        r.luck < 0.05 AS fails, r.quiet < 0.08 AS anonymous
    FROM registered r
), solved AS (
    SELECT b.*, greatest(b.t_start + pg_temp.took(800, 0.7), b.t_arrive + interval '1 second') AS t_done1, pg_temp.took(3 * 3600, 1) AS x_check,
        b.t_plan + pg_temp.took(3600, 1) AS t_planned
    FROM begun b
)
SELECT s.*, uuid7(s.t0) AS id, CASE WHEN s.path = 'source' AND s.fails THEN s.t_done1 + s.x_check END AS t_fail,
    s.community || '-' || s.grid AS area, 'd' || 1 + s.category % 10 AS lead_org, pg_temp.person('worker' || s.community || '-' || s.grid) AS worker,
    pg_temp.person('citizen' || s.citizen) AS reporter, gen_random_uuid() AS plan_id, gen_random_uuid() AS whistle_id
FROM solved s;
ALTER TABLE draft ADD PRIMARY KEY (id);

CREATE TEMP TABLE draft_tickets AS
WITH signed AS (
    SELECT d.id AS case_id, d.n AS case_n, k.n, gen_random_uuid() AS id, d.t_whistle, d.on_scene, d.anonymous, d.level,
        CASE k.n WHEN 1 THEN d.lead_org ELSE 'd' || 1 + (d.category + k.n) % 10 END AS organisation,
        CASE k.n WHEN 1 THEN 'lead' ELSE 'assist' END AS role, k.n > 1 AND random() < 0.05 AS goes_back, random() < 0.06 AS delayed,
        random() < 0.04 AS reworked, d.t_whistle + pg_temp.took(1200, 0.9) AS t_sign,
        CASE d.level WHEN 'ordinary' THEN d.t0 + interval '30 minutes' WHEN 'complex' THEN d.t0 + interval '4 hours' END AS resolve_due
    FROM draft d CROSS JOIN LATERAL generate_series(1, CASE WHEN d.mood < 0.4 THEN 2 ELSE 1 END) AS k (n)
    WHERE d.path = 'whistle'
), begun AS (
    SELECT s.*, CASE WHEN NOT s.goes_back AND s.on_scene THEN s.t_sign + pg_temp.took(2400, 0.8) END AS t_report,
        CASE WHEN s.role = 'lead' AND NOT s.anonymous THEN s.t_sign + pg_temp.took(600, 0.5) END AS t_contact,
        CASE WHEN s.goes_back THEN s.t_sign + pg_temp.took(1200, 0.5) END AS t_ask
    FROM signed s
), started AS (
    SELECT b.*, CASE WHEN NOT b.goes_back THEN greatest(b.t_report, b.t_contact, b.t_sign) + pg_temp.took(300, 0.5) END AS t_begin,
        b.t_ask + pg_temp.took(900, 0.5) AS t_back
    FROM begun b
), worked AS (
    SELECT t.*, t.t_begin + pg_temp.took(5400, 0.8) AS t_submit1, pg_temp.took(1800, 0.8) AS x_approve FROM started t
)
SELECT w.*, CASE WHEN w.reworked THEN w.t_submit1 + w.x_approve END AS t_rework,
    w.t_submit1 + CASE WHEN w.reworked THEN w.x_approve + pg_temp.took(3600, 0.8) ELSE '0' END AS t_submit,
    greatest(least(w.t_whistle + interval '3 days', w.resolve_due), w.t_whistle + interval '1 hour') AS finish_due1
FROM worked w;
ALTER TABLE draft_tickets ADD COLUMN t_approve timestamptz;
UPDATE draft_tickets SET t_approve = t_submit + pg_temp.took(1800, 0.8);
CREATE INDEX ON draft_tickets (case_id);

-- From the last approval on.
CREATE TEMP TABLE ended AS
WITH worked AS (
    SELECT d.id, CASE d.path WHEN 'source' THEN coalesce(d.t_fail + pg_temp.took(1800, 0.8), d.t_done1)
        WHEN 'whistle' THEN greatest(max(t.t_approve), max(t.t_back), d.t_planned + interval '1 hour') + pg_temp.took(1200, 0.8) END AS t_done,
        max(t.t_submit) AS t_submit, min(t.t_sign) AS t_first_sign
    FROM draft d LEFT JOIN draft_tickets t ON t.case_id = d.id
    GROUP BY d.id
), checked AS (
    SELECT w.*, w.t_done + pg_temp.took(6 * 3600, 0.8) AS t_check FROM worked w
), closed AS (
    SELECT c.*, d.anonymous, d.luck, d.mood, d.path, CASE WHEN d.anonymous THEN 'check' WHEN d.mood < 0.7 THEN 'rate' ELSE 'auto_close' END AS how,
        CASE WHEN d.anonymous THEN c.t_check WHEN d.mood < 0.7 THEN least(c.t_check + pg_temp.took(86400, 0.8), c.t_check + interval '6 days')
            ELSE c.t_check + interval '7 days' END AS t_close,
        CASE WHEN d.luck < 0.1 THEN 1 + floor(d.luck * 20)::integer WHEN d.luck < 0.3 THEN 3 WHEN d.luck < 0.6 THEN 4 ELSE 5 END AS satisfied
    FROM checked c JOIN draft d ON d.id = c.id
)
SELECT c.*, CASE WHEN c.satisfied <= 2 THEN 'no' WHEN c.satisfied = 3 THEN 'partly' ELSE 'yes' END AS solved,
    CASE WHEN c.path = 'source' AND c.how = 'rate' AND c.satisfied = 1 THEN c.t_close + pg_temp.took(86400, 0.5) END AS t_reopen,
    pg_temp.took(86400, 0.6) AS x_again, pg_temp.took(86400, 0.6) AS x_check, pg_temp.took(86400, 0.6) AS x_rate
FROM closed c;
ALTER TABLE ended ADD PRIMARY KEY (id);
ANALYZE draft, draft_tickets, ended;

-- Events: `stays` takes the state that stands there.

CREATE TEMP TABLE told AS
SELECT e.* FROM (
    SELECT d.id AS case_id, NULL::uuid AS ticket_id, NULL::uuid AS request_id, e.k, e.action, e.to_state, e.at, e.person, e.role, e.org, e.shown, e.data
    FROM draft d JOIN ended x ON x.id = d.id
    CROSS JOIN LATERAL (VALUES
        (1, 'create', 'received', d.t0, CASE WHEN d.anonymous THEN pg_temp.person('dispatcher') ELSE d.reporter END,
            CASE WHEN d.anonymous THEN 'dispatcher' ELSE 'citizen' END, NULL, 'public', '{}'::jsonb),
        (2, 'accept', 'accepted', d.t_accept, pg_temp.person('dispatcher'), 'dispatcher', 'office', 'public', '{}'),
        (3, 'reject', 'rejected', CASE WHEN d.path = 'reject' THEN d.t_register END, pg_temp.person('dispatcher'), 'dispatcher', 'office', 'public', '{}'),
        (4, 'withdraw', 'voided', CASE WHEN d.path = 'withdraw' THEN d.t_register END, d.reporter, 'citizen', NULL, 'public', '{}'),
        (5, 'register', 'registered', CASE WHEN d.path IN ('source', 'whistle') THEN d.t_register END, pg_temp.person('dispatcher'), 'dispatcher',
            'office', 'public', jsonb_build_object('level', d.level)),
        (6, 'start_source', 'source_handling', d.t_start, d.worker, 'grid_worker', NULL, 'public', '{}'),
        (7, 'whistle', 'whistled', d.t_whistle, pg_temp.person('dispatcher'), 'dispatcher', 'office', 'public', '{"kind": "everyday"}'),
        (8, 'first_sign', 'handling', x.t_first_sign, NULL, 'system', NULL, 'public', '{}'),
        (9, 'arrive', NULL, d.t_arrive, d.worker, 'grid_worker', NULL, 'public', '{}'),
        (10, 'source_done', 'checking', CASE WHEN d.path = 'source' THEN d.t_done1 END, d.worker, 'grid_worker', NULL, 'public', '{}'),
        (11, 'check', 'source_handling', d.t_fail, pg_temp.person('supervisor'), 'supervisor', 'office', 'public', '{"pass": false}'),
        (12, 'source_done', 'checking', CASE WHEN d.t_fail IS NOT NULL THEN x.t_done END, d.worker, 'grid_worker', NULL, 'public', '{}'),
        (13, 'feedback', 'checking', CASE WHEN d.path = 'whistle' THEN x.t_done END, pg_temp.person('dispatcher'), 'dispatcher', 'office', 'public', '{}'),
        (14, 'check', CASE WHEN d.anonymous THEN 'closed' ELSE 'evaluating' END, x.t_check, pg_temp.person('supervisor'), 'supervisor',
            'office', 'public', '{"pass": true}'),
        (15, x.how, 'closed', CASE WHEN x.how <> 'check' THEN x.t_close END, CASE x.how WHEN 'rate' THEN d.reporter END,
            CASE x.how WHEN 'rate' THEN 'citizen' ELSE 'system' END, NULL, 'public', '{}'),
        (16, 'reopen', 'source_handling', x.t_reopen, pg_temp.person('supervisor'), 'supervisor', 'office', 'public',
            jsonb_build_object('handler', d.worker)),
        (17, 'source_done', 'checking', x.t_reopen + x.x_again, d.worker, 'grid_worker', NULL, 'public', '{}'),
        (18, 'check', 'evaluating', x.t_reopen + x.x_again + x.x_check, pg_temp.person('supervisor'), 'supervisor', 'office', 'public', '{"pass": true}'),
        (19, 'rate', 'closed', x.t_reopen + x.x_again + x.x_check + x.x_rate, d.reporter, 'citizen', NULL, 'public', '{}')
    ) AS e (k, action, to_state, at, person, role, org, shown, data)
    UNION ALL
    SELECT d.id, NULL, d.plan_id, e.k, e.action, NULL, e.at, pg_temp.person(e.role), e.role, 'office', 'staff', e.data
    FROM draft d CROSS JOIN LATERAL (VALUES
        (30, 'plan', d.t_plan, 'dispatcher', '{}'::jsonb), (31, 'approve', d.t_planned, 'leader', '{"kind": "plan"}'),
        (32, 'step_done', d.t_planned + interval '50 minutes', 'dispatcher', '{}')) AS e (k, action, at, role, data)
    WHERE d.t_plan IS NOT NULL
    UNION ALL
    SELECT t.case_id, t.id, NULL, 40 + e.k, e.action, e.to_state, e.at, CASE e.role WHEN 'department'
            THEN pg_temp.person('department' || substr(t.organisation, 2)) ELSE pg_temp.person('dispatcher') END, e.role,
        CASE e.role WHEN 'department' THEN t.organisation ELSE 'office' END, 'staff', '{}'
    FROM draft_tickets t CROSS JOIN LATERAL (VALUES
        (1, 'issue', 'issued', t.t_whistle, 'dispatcher'), (2, 'sign', 'signed', t.t_sign, 'department'),
        (3, 'contact', NULL, t.t_contact, 'department'), (4, 'report_in', 'reported_in', t.t_report, 'department'),
        (5, 'start', 'in_progress', t.t_begin, 'department'), (6, 'submit', 'submitted', t.t_submit1, 'department'),
        (7, 'rework', 'in_progress', t.t_rework, 'dispatcher'), (8, 'submit', 'submitted', CASE WHEN t.reworked THEN t.t_submit END, 'department'),
        (9, 'approve', 'closed', t.t_approve, 'dispatcher'), (10, 'ask_return', 'return_requested', t.t_ask, 'department'),
        (11, 'return', 'returned', t.t_back, 'dispatcher')) AS e (k, action, to_state, at, role)
) AS e
WHERE e.at <= pg_temp.now();

INSERT INTO case_history (tenant, case_id, seq, id, ticket_id, request_id, action, from_state, to_state, round, at, person_id, role,
    organisation, visibility, data)
SELECT pg_temp.bench('tenant'), n.case_id, n.seq, uuid7(n.at), n.ticket_id, n.request_id, n.action,
    lag(n.state) OVER (PARTITION BY n.case_id, n.ticket_id ORDER BY n.seq), n.state, 1 + n.reopened, n.at, n.person, n.role, n.org, n.shown, n.data
FROM (
    SELECT g.*, first_value(g.to_state) OVER (PARTITION BY g.case_id, g.ticket_id, g.run ORDER BY g.seq) AS state
    FROM (
        SELECT t.*, row_number() OVER w AS seq, count(*) FILTER (WHERE t.action = 'reopen') OVER w AS reopened,
            count(t.to_state) OVER (PARTITION BY t.case_id, t.ticket_id ORDER BY t.at, t.k) AS run
        FROM told t WINDOW w AS (PARTITION BY t.case_id ORDER BY t.at, t.k)) AS g) AS n;

-- Rows, as the last event left them.

CREATE TEMP TABLE stands AS
SELECT e.case_id, max(e.seq) AS seq, max(e.at) AS at, max(e.round) AS round,
    (array_agg(e.to_state ORDER BY e.seq DESC) FILTER (WHERE e.ticket_id IS NULL))[1] AS state,
    coalesce(array_agg(DISTINCT e.person_id) FILTER (WHERE e.action = 'arrive' OR CASE WHEN e.ticket_id IS NULL
        THEN e.action IN ('start_source', 'source_done', 'plan', 'step_done')
        ELSE e.action IN ('sign', 'contact', 'report_in', 'start', 'submit') END), '{}') AS workers
FROM case_history e WHERE e.tenant = pg_temp.bench('tenant') GROUP BY e.case_id;
ALTER TABLE stands ADD PRIMARY KEY (case_id);

CREATE TEMP TABLE ticket_stands AS
SELECT DISTINCT ON (e.ticket_id) e.ticket_id AS id, e.to_state AS state, e.at
FROM case_history e WHERE e.tenant = pg_temp.bench('tenant') AND e.ticket_id IS NOT NULL ORDER BY e.ticket_id, e.seq DESC;
ALTER TABLE ticket_stands ADD PRIMARY KEY (id);
ANALYZE stands, ticket_stands;

INSERT INTO tickets (tenant, id, case_id, n, whistle_id, kind, role, organisation, state, state_at, task, round, final, workers, issued_at,
    issued_by, issued_role, sign_due_at, signed_at, contact_due_at, contacted_at, report_due_at, reported_in_at, started_at,
    finish_started_at, finish_due_at, submitted_at, delays, closed_at, closed_round, department_rating, rework_count, updated_at)
SELECT pg_temp.bench('tenant'), t.id, t.case_id, t.n, d.whistle_id, 'everyday', t.role, t.organisation, s.state, s.at, 'Task', 1, s.state = 'returned',
    CASE WHEN t.t_sign <= pg_temp.now() THEN ARRAY[pg_temp.person('department' || substr(t.organisation, 2))] ELSE '{}' END, t.t_whistle,
    pg_temp.person('dispatcher'), 'dispatcher', t.t_whistle + interval '1 hour', CASE WHEN t.t_sign <= pg_temp.now() THEN t.t_sign END,
    CASE WHEN t.role = 'lead' AND NOT t.anonymous THEN t.t_whistle + interval '1 hour' END,
    CASE WHEN t.t_contact <= pg_temp.now() THEN t.t_contact END, t.t_whistle + interval '3 days',
    CASE WHEN t.t_report <= pg_temp.now() THEN t.t_report END, CASE WHEN t.t_begin <= pg_temp.now() THEN t.t_begin END, t.t_whistle,
    t.finish_due1 + CASE WHEN t.delayed AND t.t_begin <= pg_temp.now() THEN interval '2 days' ELSE '0' END,
    CASE WHEN s.state IN ('submitted', 'closed') THEN t.t_submit END, coalesce(t.delayed AND t.t_begin <= pg_temp.now(), false)::integer,
    CASE WHEN s.state = 'closed' THEN t.t_approve END, CASE WHEN s.state = 'closed' THEN 1 END, CASE WHEN s.state = 'closed' THEN 5 END,
    coalesce(t.t_rework <= pg_temp.now(), false)::integer, s.at
FROM draft_tickets t JOIN ticket_stands s ON s.id = t.id JOIN draft d ON d.id = t.case_id;

INSERT INTO whistles (tenant, id, case_id, kind, round, blown_at, blown_by, blown_role, returned)
SELECT pg_temp.bench('tenant'), d.whistle_id, d.id, 'everyday', 1, d.t_whistle, pg_temp.person('dispatcher'), 'dispatcher',
    EXISTS (SELECT FROM draft_tickets t WHERE t.case_id = d.id AND t.t_back <= pg_temp.now())
FROM draft d WHERE d.t_whistle <= pg_temp.now();

CREATE TEMP TABLE counted AS
SELECT t.case_id, count(*) AS issued, count(*) FILTER (WHERE s.open) AS open, count(*) FILTER (WHERE s.open AND t.state <> 'submitted') AS unsubmitted,
    coalesce(array_agg(DISTINCT t.organisation) FILTER (WHERE s.open), '{}') AS open_orgs,
    coalesce(array_agg(DISTINCT t.organisation) FILTER (WHERE t.state <> 'returned'), '{}') AS orgs,
    (array_agg(t.id) FILTER (WHERE t.role = 'lead'))[1] AS lead
FROM tickets t JOIN ticket_states s USING (state) WHERE t.tenant = pg_temp.bench('tenant') GROUP BY t.case_id;
ALTER TABLE counted ADD PRIMARY KEY (case_id);
ANALYZE counted;

-- What is due when, as the case stands.
CREATE TEMP TABLE due AS
SELECT d.id, s.state, s.round, s.seq, s.at, s.workers, CASE WHEN d.t_register <= pg_temp.now() AND d.path IN ('source', 'whistle')
        THEN d.level ELSE 'ordinary' END AS level,
    CASE WHEN d.on_scene THEN d.t0 + interval '5 minutes' END AS arrive_due,
    CASE WHEN d.path NOT IN ('source', 'whistle') OR d.t_register > pg_temp.now() OR d.level = 'ordinary' THEN d.t0 + interval '30 minutes'
        WHEN d.level = 'complex' THEN d.t0 + interval '4 hours'
        WHEN d.t_planned <= pg_temp.now() THEN d.t_plan + interval '5 days' END AS resolve_due,
    CASE WHEN d.level = 'major' AND d.t_register <= pg_temp.now() THEN d.t0 + interval '1 day' END AS plan_due,
    CASE WHEN s.round = 2 THEN add_working_time(pg_temp.bench('tenant'), 'Asia/Shanghai', x.t_reopen, interval '3 days', whole_days()) END AS again_due
FROM draft d JOIN stands s ON s.case_id = d.id JOIN ended x ON x.id = d.id;
ALTER TABLE due ADD PRIMARY KEY (id);
ANALYZE due;

INSERT INTO cases (tenant, id, number, state, kind, category, title, description, level, registered_at, source, point, address, area, community,
    created_by, created_role, reporter_name, reporter_phone, reporter_anonymous, reporter_contactable, reporters, handler, first_contact,
    first_handler, first_handler_org, workers, lead_ticket, lead_org, organisations, open_orgs, tickets_issued, tickets_open,
    tickets_unsubmitted, policy_version, received_at, round, round_started_at, arrive_due_at, arrived_at, resolve_run, resolve_due_at,
    resolve_cause, resolved_at, plan_run, plan_started_at, plan_first_due_at, plan_due_at, planned_at, plan_request, plan_parties, state_at,
    state_before, signed_round, never_sampled, reject_code, reject_basis, reject_reason, evaluating_at, closed_at, closed_how,
    rework_count, requests_pending, event_seq, updated_at)
SELECT pg_temp.bench('tenant'), d.id, 'BS' || to_char(d.t0, 'YYYYMMDD') || '-' || lpad((d.n % 1000000)::text, 6, '0'), u.state, 'problem',
    'k' || d.category, 'Bench', 'Something is in the way', u.level, CASE WHEN d.path IN ('source', 'whistle') AND d.t_register <= pg_temp.now()
        THEN d.t_register END, d.source, ST_SetSRID(ST_MakePoint(125.7 + d.grid * 0.001 + d.mood * 0.001, 41.6 + d.luck * 0.01), 4326), 'Road 12',
    d.area, d.community, CASE WHEN d.anonymous THEN pg_temp.person('dispatcher') ELSE d.reporter END,
    CASE WHEN d.anonymous THEN 'dispatcher' ELSE 'citizen' END, CASE WHEN NOT d.anonymous THEN 'Citizen' END,
    CASE WHEN NOT d.anonymous THEN '13900000000' END, d.anonymous, NOT d.anonymous,
    CASE WHEN d.anonymous THEN '{}' ELSE ARRAY[d.reporter] END, CASE WHEN d.t_start <= pg_temp.now() THEN d.worker END,
    CASE WHEN d.anonymous OR d.t_accept <= pg_temp.now() THEN pg_temp.person('dispatcher') END, CASE WHEN d.t_start <= pg_temp.now() THEN d.worker END,
    CASE WHEN x.t_first_sign <= pg_temp.now() THEN d.lead_org END, u.workers, k.lead, CASE WHEN k.lead IS NOT NULL THEN d.lead_org END,
    coalesce(k.orgs, '{}'), coalesce(k.open_orgs, '{}'), coalesce(k.issued, 0), coalesce(k.open, 0), coalesce(k.unsubmitted, 0), 1, d.t0, u.round,
    CASE u.round WHEN 2 THEN x.t_reopen ELSE d.t0 END, CASE u.round WHEN 1 THEN u.arrive_due END,
    CASE WHEN d.t_arrive <= pg_temp.now() THEN d.t_arrive END, u.round, CASE u.round WHEN 2 THEN u.again_due ELSE u.resolve_due END,
    CASE WHEN u.round = 2 THEN 'reopen' WHEN u.level = 'major' THEN 'plan' ELSE 'level' END,
    CASE WHEN u.state IN ('checking', 'evaluating', 'closed') THEN CASE WHEN u.round = 2 THEN x.t_reopen + x.x_again
        WHEN d.path = 'whistle' THEN x.t_submit WHEN x.t_done <= pg_temp.now() THEN x.t_done ELSE d.t_done1 END END,
    u.round, CASE WHEN u.plan_due IS NOT NULL THEN d.t0 END, u.plan_due, u.plan_due, CASE WHEN d.t_plan <= pg_temp.now() THEN d.t_plan END,
    CASE WHEN d.t_planned <= pg_temp.now() THEN d.plan_id END,
    CASE WHEN d.t_planned <= pg_temp.now() AND d.t_planned + interval '50 minutes' > pg_temp.now() THEN '{role:dispatcher}'::text[] ELSE '{}' END, u.at,
    CASE WHEN u.state = 'checking' THEN CASE d.path WHEN 'whistle' THEN 'handling' ELSE 'source_handling' END END,
    coalesce(x.t_first_sign <= pg_temp.now(), false)::integer, u.round = 2 OR coalesce(d.t_fail <= pg_temp.now(), false),
    CASE WHEN u.state = 'rejected' THEN CASE WHEN d.luck < 0.3 THEN 'false_report' ELSE 'not_ours' END END, CASE WHEN u.state = 'rejected' THEN 'Rule' END,
    CASE WHEN u.state = 'rejected' THEN 'Reason' END,
    CASE WHEN u.state IN ('evaluating', 'closed') AND NOT d.anonymous THEN CASE u.round WHEN 2 THEN x.t_reopen + x.x_again + x.x_check ELSE x.t_check END END,
    CASE WHEN u.state = 'closed' THEN CASE u.round WHEN 2 THEN x.t_reopen + x.x_again + x.x_check + x.x_rate ELSE x.t_close END END,
    CASE WHEN u.state = 'closed' THEN CASE WHEN x.how = 'rate' THEN 'rated' ELSE 'unrated' END END,
    coalesce(d.t_fail <= pg_temp.now(), false)::integer, ((d.t_plan <= pg_temp.now() AND d.t_planned > pg_temp.now()) IS TRUE)::integer, u.seq, u.at
FROM draft d JOIN due u ON u.id = d.id JOIN ended x ON x.id = d.id LEFT JOIN counted k ON k.case_id = d.id
ORDER BY d.t0;

INSERT INTO case_workers (tenant, person_id, received_at, case_id)
SELECT DISTINCT e.tenant, e.person_id, d.t0, e.case_id FROM case_history e JOIN draft d ON d.id = e.case_id
WHERE e.tenant = pg_temp.bench('tenant') AND e.role = 'grid_worker' AND e.action IN ('arrive', 'start_source', 'source_done');

INSERT INTO case_reporters (tenant, case_id, n, person_id, anonymous, contactable, at)
SELECT pg_temp.bench('tenant'), d.id, 1, CASE WHEN NOT d.anonymous THEN d.reporter END, d.anonymous, NOT d.anonymous, d.t0 FROM draft d;

INSERT INTO ratings (tenant, case_id, round, reporter, person_id, rated_by, rated_at, contacted, solved, satisfied)
SELECT pg_temp.bench('tenant'), d.id, r.round, 1, d.reporter, d.reporter, r.at, d.mood < 0.63, r.solved, r.satisfied
FROM draft d JOIN ended x ON x.id = d.id
CROSS JOIN LATERAL (VALUES (1, x.t_close, x.solved, x.satisfied), (2, x.t_reopen + x.x_again + x.x_check + x.x_rate, 'yes', 4)) AS r (round, at, solved, satisfied)
WHERE x.how = 'rate' AND d.path IN ('source', 'whistle') AND r.at <= pg_temp.now();

INSERT INTO arrivals (tenant, case_id, id, at, person_id, role, point)
SELECT pg_temp.bench('tenant'), d.id, gen_random_uuid(), d.t_arrive, d.worker, 'grid_worker', ST_SetSRID(ST_MakePoint(125.7, 41.6), 4326)
FROM draft d WHERE d.t_arrive <= pg_temp.now();

INSERT INTO requests (tenant, id, kind, case_id, state, asked_by, asked_role, asked_at, decided_by, decided_role, decided_at)
SELECT pg_temp.bench('tenant'), d.plan_id, 'plan', d.id, CASE WHEN d.t_planned <= pg_temp.now() THEN 'approved' ELSE 'pending' END,
    pg_temp.person('dispatcher'), 'dispatcher', d.t_plan, CASE WHEN d.t_planned <= pg_temp.now() THEN pg_temp.person('leader') END,
    CASE WHEN d.t_planned <= pg_temp.now() THEN 'leader' END, CASE WHEN d.t_planned <= pg_temp.now() THEN d.t_planned END
FROM draft d WHERE d.t_plan <= pg_temp.now();

INSERT INTO plan_steps (tenant, case_id, step_id, request_id, n, what, due_at, who_kind, who_id, done_at, done_by)
SELECT pg_temp.bench('tenant'), d.id, gen_random_uuid(), d.plan_id, 1, 'Step', d.t_plan + interval '5 days', 'role', 'dispatcher', s.done,
    CASE WHEN s.done IS NOT NULL THEN pg_temp.person('dispatcher') END
FROM draft d CROSS JOIN LATERAL (SELECT CASE WHEN d.t_planned + interval '50 minutes' <= pg_temp.now()
    THEN d.t_planned + interval '50 minutes' END AS done) AS s
WHERE d.t_plan <= pg_temp.now();

INSERT INTO deadline_changes (tenant, case_id, id, subject, clock, run, old_due, new_due, cause, changed_at, person_id, role)
SELECT pg_temp.bench('tenant'), c.case_id, uuid7(c.at), c.subject, c.clock, c.run, c.old_due, c.new_due, c.cause, c.at, NULL, 'dispatcher'
FROM (
    SELECT d.id AS case_id, d.id AS subject, c.clock, 1 AS run, c.old_due, c.new_due, c.cause, c.at
    FROM draft d JOIN due u ON u.id = d.id
    CROSS JOIN LATERAL (VALUES
        ('resolve', d.t0 + interval '30 minutes', CASE d.level WHEN 'complex' THEN d.t0 + interval '4 hours' END, 'register', d.t_register),
        ('plan', NULL, CASE d.level WHEN 'major' THEN u.plan_due END, 'register', CASE d.level WHEN 'major' THEN d.t_register END),
        ('resolve', NULL, CASE d.level WHEN 'major' THEN u.resolve_due END, 'plan', d.t_planned)) AS c (clock, old_due, new_due, cause, at)
    WHERE u.level <> 'ordinary'
    UNION ALL
    SELECT d.id, d.id, c.clock, c.run, c.old_due, c.new_due, 'reopen', x.t_reopen
    FROM draft d JOIN due u ON u.id = d.id JOIN ended x ON x.id = d.id
    CROSS JOIN LATERAL (VALUES ('arrive', 1, u.arrive_due, NULL), ('resolve', 2, u.resolve_due, u.again_due)) AS c (clock, run, old_due, new_due)
    WHERE u.round = 2 AND c.old_due IS NOT NULL
    UNION ALL
    SELECT t.case_id, t.id, 'finish', 1, t.finish_due1, t.finish_due1 + interval '2 days', 'delay', t.t_begin FROM draft_tickets t WHERE t.delayed
) AS c
WHERE c.at <= pg_temp.now();

INSERT INTO breaches (tenant, case_id, subject, clock, run, round, due, breached_at, organisation)
SELECT pg_temp.bench('tenant'), b.case_id, b.subject, b.clock, b.run, b.run, b.due, b.at, b.organisation
FROM (
    SELECT d.id AS case_id, d.id AS subject, b.clock, b.run, b.due, b.at, NULL AS organisation
    FROM draft d JOIN due u ON u.id = d.id JOIN ended x ON x.id = d.id
    CROSS JOIN LATERAL (VALUES
        ('arrive', 1, u.arrive_due, CASE WHEN coalesce(d.t_arrive, 'infinity') > u.arrive_due AND coalesce(CASE WHEN d.path = 'source' THEN d.t_done1
            WHEN d.path <> 'whistle' THEN d.t_register END, 'infinity') > u.arrive_due THEN u.arrive_due END),
        ('late_registration', 1, d.t0 + interval '30 minutes', CASE WHEN d.t_register > d.t0 + interval '30 minutes' THEN d.t0 + interval '30 minutes' END),
        ('resolve', 1, u.resolve_due, CASE WHEN d.path = 'source' AND x.t_done > u.resolve_due
                THEN greatest(u.resolve_due, d.t_register, CASE WHEN d.t_done1 <= u.resolve_due THEN d.t_fail END)
            WHEN d.path = 'whistle' AND x.t_submit > u.resolve_due THEN greatest(u.resolve_due, d.t_register) END),
        ('plan', 1, u.plan_due, CASE WHEN d.t_plan > u.plan_due THEN u.plan_due END),
        ('resolve', 2, u.again_due, CASE WHEN x.t_reopen + x.x_again > u.again_due THEN u.again_due END)) AS b (clock, run, due, at)
    UNION ALL
    SELECT t.case_id, t.id, b.clock, 1, b.due, b.at, t.organisation
    FROM draft_tickets t CROSS JOIN LATERAL (VALUES
        ('sign', t.t_whistle + interval '1 hour', CASE WHEN t.t_sign > t.t_whistle + interval '1 hour' THEN t.t_whistle + interval '1 hour' END),
        ('finish', t.finish_due1, CASE WHEN NOT t.delayed AND t.t_submit > t.finish_due1 THEN t.finish_due1 END)) AS b (clock, due, at)
) AS b
WHERE b.at <= pg_temp.now();

INSERT INTO case_feed (tenant, case_id, position)
SELECT pg_temp.bench('tenant'), s.case_id, row_number() OVER (ORDER BY s.at, s.case_id) FROM stands s;
INSERT INTO ticket_feed (tenant, ticket_id, position)
SELECT pg_temp.bench('tenant'), s.id, row_number() OVER (ORDER BY s.at, s.id) FROM ticket_stands s;
INSERT INTO feed_positions (tenant, last_position) SELECT pg_temp.bench('tenant'), greatest(
    (SELECT count(*) FROM stands), (SELECT count(*) FROM ticket_stands));

RESET session_replication_role;
ANALYZE cases, case_history, tickets, breaches, deadline_changes, ratings, case_reporters;
