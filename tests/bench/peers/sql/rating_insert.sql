-- $1 tenant, $2 case, $3 round, $4 reporter, $5 person, $6 now, $7 contacted, $8 solved, $9 satisfied, $10 comment
INSERT INTO ratings (tenant, case_id, round, reporter, person_id, rated_by, rated_at, contacted, solved, satisfied, comment)
VALUES ($1, $2::uuid, $3, $4, $5::uuid, $5::uuid, $6, $7, $8, $9, $10)
