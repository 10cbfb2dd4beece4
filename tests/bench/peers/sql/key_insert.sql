-- $1 tenant, $2 subject, $3 operation, $4 key, $5 fingerprint, $6 object: no row when the key was used; a twin in flight is waited for.
INSERT INTO idempotency_keys (tenant, subject, operation, key, fingerprint, object_id, created_at)
VALUES ($1, $2, $3, $4, $5, $6::uuid, clock_timestamp()) ON CONFLICT DO NOTHING RETURNING object_id::text
