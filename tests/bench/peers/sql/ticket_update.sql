-- $1 tenant, $2 id, and what a department's steps and their approval change
UPDATE tickets SET version = $3, state = $4, state_at = $5, workers = $6::text[]::uuid[], signed_at = $7, contacted_at = $8,
    not_contacted = $9, reported_in_at = $10, report_point = CASE WHEN $11::float8 IS NULL THEN report_point
        ELSE ST_SetSRID(ST_MakePoint($11, $12), 4326) END, report_accuracy = coalesce($13, report_accuracy),
    started_at = $14, submitted_at = $15, closed_at = $16, closed_round = $17, result = $18, reply = $19, cause_code = $20,
    department_rating = $21, overdue_at = $22, clock_next_at = $23, updated_at = $24
WHERE tenant = $1 AND id = $2::uuid
