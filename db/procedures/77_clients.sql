-- Machine clients and their secrets.

-- Its id says the street, since nothing else does when it asks for a token.
CREATE FUNCTION client_new_key(p_tenant text) RETURNS text LANGUAGE sql VOLATILE
RETURN p_tenant || '.' || replace(uuid7()::text, '-', '');

CREATE FUNCTION client_secrets_json(p_tenant text, p_client text, p_now timestamptz) RETURNS json
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN coalesce((
        SELECT json_agg(json_build_object('credential', s.credential, 'made_at', iso(s.made_at), 'ends_at', iso(s.ends_at))
            ORDER BY s.credential, s.made_at, s.id)
        FROM clients k JOIN client_secrets s ON s.tenant = k.tenant AND s.person_id = k.person_id
        WHERE k.tenant = p_tenant AND k.client_id = p_client
            AND (s.ends_at IS NULL OR s.ends_at > coalesce(p_now, clock_timestamp()))), '[]');
END $$;
COMMENT ON FUNCTION client_secrets_json(text, text, timestamptz) IS 'Which secrets are good, and until when; not what they are';

CREATE FUNCTION client_secret_put(p_tenant text, p_person uuid, p_credential text, p_hash bytea, p_now timestamptz)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO client_secrets (tenant, id, person_id, credential, hash, made_at)
    VALUES (p_tenant, uuid7(), p_person, p_credential, p_hash, p_now);
END $$;

-- The present one is good for a while longer; one that was on its way out goes at once. So there are two at most.
CREATE FUNCTION client_secret_replaced(p_tenant text, p_person uuid, p_credential text, p_hash bytea, p_now timestamptz,
    p_grace interval)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE client_secrets s SET ends_at = CASE WHEN s.ends_at IS NULL THEN p_now + p_grace ELSE p_now END
    WHERE s.tenant = p_tenant AND s.person_id = p_person AND s.credential = p_credential
        AND (s.ends_at IS NULL OR s.ends_at > p_now);
    PERFORM client_secret_put(p_tenant, p_person, p_credential, p_hash, p_now);
END $$;
