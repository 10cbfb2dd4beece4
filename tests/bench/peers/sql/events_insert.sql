-- $1 tenant, $2 case, $3 round, $4 now, then a list each: $5 seq, $6 id, $7 ticket, $8 action, $9 from, $10 to, $11 person, $12 role,
-- $13 organisation, $14 visibility, $15 note, $16 data
INSERT INTO case_history (tenant, case_id, seq, id, ticket_id, action, from_state, to_state, round, at, person_id, role,
    organisation, visibility, note, data)
SELECT $1, $2::uuid, e.seq, e.id::uuid, e.ticket::uuid, e.action, e.from_state, e.to_state, $3, $4, e.person::uuid, e.role, e.organisation,
    e.visibility, e.note, e.data::jsonb
FROM unnest($5::integer[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[],
    $15::text[], $16::text[]) AS e (seq, id, ticket, action, from_state, to_state, person, role, organisation, visibility, note, data)
