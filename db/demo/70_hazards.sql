-- The ledger: five hazards, one of each colour and more, found on the day the demonstration is loaded or shortly before.
SET search_path = whistled, public;

-- Which of the places lie in an estate: its company sees their hazards.
UPDATE places p SET estate_code = e.estate
FROM (VALUES (1, 'XF-01-HP'), (4, 'CA-01-CA'), (12, 'LM-02-LM')) AS e (n, estate)
WHERE p.tenant = 'maoshan' AND p.id = ('01930000-0000-7000-8002-' || lpad(e.n::text, 12, '0'))::uuid AND p.estate_code IS NULL;

-- days: since it was found, and until its last node is due.
CREATE TEMPORARY TABLE found ON COMMIT DROP AS
SELECT f.n, ('01930000-0000-7000-8003-' || lpad(f.n::text, 12, '0'))::uuid AS id, p.id AS place_id, p.grid_code, p.capacity, f.colour,
       f.category, f.description, f.node, f.steps, p.contact_name, p.contact_phone, a.community_code, c.organisation_code,
       clock_timestamp() - f.days * interval '1 day' AS found_at,
       (((clock_timestamp() AT TIME ZONE 'Asia/Shanghai')::date + f.due)::timestamp AT TIME ZONE 'Asia/Shanghai') AS due_at,
       (SELECT g.person_id FROM grid_assignments g
        WHERE g.tenant = 'maoshan' AND g.grid_code = p.grid_code AND g.kind = 'full_time' LIMIT 1) AS worker,
       (SELECT w.id FROM people w WHERE w.tenant = 'maoshan' AND w.roles = '{community}' AND w.organisation_code = c.organisation_code
        ORDER BY w.subject LIMIT 1) AS verifier
FROM (VALUES
    (1, 6,  'red',    'fire-exit',       '安全出口堆放货物',                 '清空安全出口', '{create,start}'::text[],             1, 3),
    (2, 1,  'orange', 'gas-leak',        '后厨燃气软管老化，无熄火保护装置', '更换燃气软管', '{create}'::text[],                   0, 2),
    (3, 2,  'blue',   'fire-equipment',  '灭火器被货架遮挡',                 NULL,           '{create}'::text[],                   0, 1),
    (4, 12, 'blue',   'e-bike-charging', '店内飞线充电',                     NULL,           '{create,start,submit}'::text[],      0, 1),
    (5, 4,  'red',    'fire-equipment',  '疏散指示灯不亮',                   '更换指示灯',   '{create,start,submit,pass}'::text[], 2, 1)
) AS f (n, place, colour, category, description, node, steps, days, due)
JOIN places p ON p.tenant = 'maoshan' AND p.id = ('01930000-0000-7000-8002-' || lpad(f.place::text, 12, '0'))::uuid
JOIN areas a ON a.tenant = p.tenant AND a.code = p.grid_code
JOIN areas c ON c.tenant = a.tenant AND c.code = a.community_code
WHERE NOT EXISTS (SELECT FROM hazards h WHERE h.tenant = 'maoshan');

INSERT INTO hazards (tenant, id, state, colour, same_day_fixable, capacity, category, description, place_id, area, community, found_at,
    found_by, found_role, found_org, responsible_name, responsible_phone, responsible_org, due_at, workers, started_at, started_by,
    rectified_at, submitted_by, result, verified_at, verified_by, policy_version, event_seq, clock_next_at, created_at, updated_at)
SELECT 'maoshan', f.id, (ARRAY['open', 'rectifying', 'submitted', 'verified'])[cardinality(f.steps)], f.colour, f.colour = 'blue',
       f.capacity, f.category, f.description, f.place_id, f.grid_code, f.community_code, f.found_at, f.worker, 'grid_worker',
       f.organisation_code, f.contact_name, f.contact_phone, f.organisation_code, f.due_at,
       CASE WHEN 'start' = ANY (f.steps) THEN ARRAY[f.worker] ELSE '{}' END,
       CASE WHEN 'start' = ANY (f.steps) THEN f.found_at END, CASE WHEN 'start' = ANY (f.steps) THEN f.worker END,
       CASE WHEN 'submit' = ANY (f.steps) THEN f.found_at END, CASE WHEN 'submit' = ANY (f.steps) THEN f.worker END,
       CASE WHEN 'submit' = ANY (f.steps) THEN '已整改' END,
       CASE WHEN 'pass' = ANY (f.steps) THEN f.found_at END, CASE WHEN 'pass' = ANY (f.steps) THEN f.verifier END,
       1, cardinality(f.steps), CASE WHEN f.colour = 'blue' AND NOT 'submit' = ANY (f.steps) THEN f.due_at END, f.found_at, f.found_at
FROM found f;

INSERT INTO hazard_nodes (tenant, hazard_id, node_id, title, due_at, planned_at, planned_by)
SELECT 'maoshan', f.id, ('01930000-0000-7000-8004-' || lpad(f.n::text, 12, '0'))::uuid, f.node, f.due_at, f.found_at, f.worker
FROM found f WHERE f.node IS NOT NULL;

INSERT INTO hazard_events (tenant, hazard_id, seq, id, action, from_state, to_state, colour, at, person_id, role, organisation)
SELECT 'maoshan', f.id, s.n, ('01930000-0000-7000-8005-' || lpad((f.n * 10 + s.n)::text, 12, '0'))::uuid, s.action,
       (ARRAY['open', 'rectifying', 'submitted'])[s.n - 1], (ARRAY['open', 'rectifying', 'submitted', 'verified'])[s.n], f.colour,
       f.found_at, CASE s.action WHEN 'pass' THEN f.verifier ELSE f.worker END,
       CASE s.action WHEN 'pass' THEN 'community' ELSE 'grid_worker' END, f.organisation_code
FROM found f CROSS JOIN LATERAL unnest(f.steps) WITH ORDINALITY AS s (action, n);
