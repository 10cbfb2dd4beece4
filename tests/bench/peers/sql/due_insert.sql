-- $1 tenant, $2 case, $3 id, $4 old due, $5 new due, $6 cause, $7 now, $8 person, $9 role: the resolve due moved.
INSERT INTO deadline_changes (tenant, case_id, id, subject, clock, run, old_due, new_due, cause, changed_at, person_id, role)
SELECT $1, $2::uuid, $3::uuid, c.id, 'resolve', c.resolve_run, $4, $5, $6, $7, $8::uuid, $9 FROM cases c WHERE c.tenant = $1 AND c.id = $2::uuid
