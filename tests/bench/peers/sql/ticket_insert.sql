-- $1 tenant, $2 id, $3 case, $4 n, $5 whistle, $6 kind, $7 role, $8 organisation, $9 task, $10 round, $11 now, $12 person, $13 role,
-- $14 sign due, $15 contact due, $16 report due, $17 finish due, $18 overdue at, $19 clock next at
INSERT INTO tickets (tenant, id, case_id, n, whistle_id, kind, role, organisation, state, state_at, task, round, issued_at, issued_by,
    issued_role, finish_started_at, sign_due_at, contact_due_at, report_due_at, finish_due_at, overdue_at, clock_next_at, updated_at)
VALUES ($1, $2::uuid, $3::uuid, $4, $5::uuid, $6, $7, $8, 'issued', $11, $9, $10, $11, $12::uuid, $13, $11, $14, $15, $16, $17, $18, $19, $11)
