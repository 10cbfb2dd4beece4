-- Idempotency-Key: the same request again has the effect of one.

CREATE TYPE key_state AS (
    state text,     -- none: no key was given; new; replay: done before; other: another request had this key
    object_id uuid  -- replay: what came of it
);

-- A twin in flight is waited for by the lock, which ends with its transaction; after a second 55P03, which the core answers
-- as request_in_progress. Whoever gets the lock reads afterwards, so it finds what its twin committed.
CREATE FUNCTION key_waited(p_lock bigint) RETURNS void LANGUAGE plpgsql SET lock_timeout = '1s' AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(p_lock);
END $$;

-- By its index even where the table was empty when the plan was made: a plan is kept, and the table fills. Volatile: what a twin
-- committed meanwhile is seen.
CREATE FUNCTION key_found(p_tenant text, p_subject text, p_operation text, p_key text, OUT fingerprint text, OUT object_id uuid)
LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    SELECT k.fingerprint, k.object_id INTO fingerprint, object_id FROM idempotency_keys k
    WHERE k.tenant = p_tenant AND k.subject = p_subject AND k.operation = p_operation AND k.key = p_key;
END $$;

CREATE FUNCTION key_begin(p_tenant text, p_subject text, p_operation text, p_key text, p_fingerprint text)
RETURNS key_state LANGUAGE plpgsql AS $$
DECLARE
    v_lock bigint;
    v_known record;
BEGIN
    IF p_key IS NULL THEN
        RETURN ('none', NULL)::key_state;
    END IF;
    v_lock := hashtextextended(concat_ws(E'\x1f', p_tenant, p_subject, p_operation, p_key), 0);
    IF NOT pg_try_advisory_xact_lock(v_lock) THEN
        PERFORM key_waited(v_lock);
    END IF;
    v_known := key_found(p_tenant, p_subject, p_operation, p_key);
    IF v_known.fingerprint IS NULL THEN
        RETURN ('new', NULL)::key_state;
    ELSIF v_known.fingerprint <> p_fingerprint THEN
        RETURN ('other', NULL)::key_state;
    END IF;
    RETURN ('replay', v_known.object_id)::key_state;
END $$;
COMMENT ON FUNCTION key_begin(text, text, text, text, text) IS 'Whether this request was done before';

CREATE FUNCTION key_remember(p_tenant text, p_subject text, p_operation text, p_key text, p_fingerprint text, p_object uuid)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_now timestamptz := clock_timestamp();
BEGIN
    IF p_key IS NOT NULL THEN
        INSERT INTO idempotency_keys (tenant, subject, operation, key, fingerprint, object_id, created_at)
        VALUES (p_tenant, p_subject, p_operation, p_key, p_fingerprint, p_object, v_now);
    END IF;
END $$;
COMMENT ON FUNCTION key_remember(text, text, text, text, text, uuid) IS 'In the transaction of the effect; without a key nothing';
