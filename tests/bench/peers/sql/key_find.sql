-- $1 tenant, $2 subject, $3 operation, $4 key: what was done under it.
SELECT fingerprint, object_id::text FROM idempotency_keys WHERE tenant = $1 AND subject = $2 AND operation = $3 AND key = $4
