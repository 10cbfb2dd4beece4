-- $1 tenant, $2 case, $3 person, $4 name, $5 phone, $6 anonymous, $7 private, $8 contactable, $9 now
INSERT INTO case_reporters (tenant, case_id, n, person_id, name, phone, anonymous, private, contactable, at)
VALUES ($1, $2::uuid, 1, $3::uuid, $4, $5, $6, $7, $8, $9)
