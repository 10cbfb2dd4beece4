-- $1 tenant, $2 ticket: its case, which is locked before it.
SELECT t.case_id::text FROM tickets t WHERE t.tenant = $1 AND t.id = $2::uuid
