-- $1 tenant, $2 id, $3 number up to the serial, $4 kind, $5 category, $6 title, $7 description, $8 proposed level, $9 source,
-- $10 tags, $11 answers, $12 longitude, $13 latitude, $14 address, $15 area, $16 community, $17 person, $18 role, $19 organisation,
-- $20 to $24 reporter, $25 reporters, $26 first contact, $27 policy, $28 claimed at, $29 now, $30 arrive due, $31 resolve due,
-- $32 overdue at, $33 clock next at
INSERT INTO cases (tenant, id, serial, number, state, kind, category, title, description, proposed_level, source, tags, answers,
    point, address, area, community, created_by, created_role, created_org, reporter_name, reporter_phone,
    reporter_anonymous, reporter_private, reporter_contactable, reporters, first_contact, policy_version, claimed_at,
    received_at, round_started_at, arrive_due_at, resolve_due_at, overdue_at, clock_next_at, state_at, event_seq, updated_at)
SELECT $1, $2::uuid, s.serial, $3::text || lpad((s.serial % 1000000)::text, 6, '0'), 'received', $4, $5, $6, $7, $8, $9, $10::text[], $11::jsonb,
    ST_SetSRID(ST_MakePoint($12, $13), 4326), $14, $15, $16, $17::uuid, $18, $19, $20, $21, $22, $23, $24,
    $25::text[]::uuid[], $26::uuid, $27, $28::timestamptz, $29::timestamptz, $29::timestamptz, $30::timestamptz, $31::timestamptz,
    $32::timestamptz, $33::timestamptz, $29::timestamptz, 1, $29::timestamptz
FROM (SELECT nextval('case_serial') AS serial) AS s
RETURNING number
