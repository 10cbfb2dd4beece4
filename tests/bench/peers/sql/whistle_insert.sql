-- $1 tenant, $2 id, $3 case, $4 kind, $5 round, $6 reason, $7 now, $8 person, $9 role
INSERT INTO whistles (tenant, id, case_id, kind, round, reason, blown_at, blown_by, blown_role)
VALUES ($1, $2::uuid, $3::uuid, $4, $5, $6, $7, $8::uuid, $9)
