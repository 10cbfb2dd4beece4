-- What the core asks when a machine shows a secret: for hashes to compare with, never the other way round.

CREATE TYPE client_login AS (
    tenant text,
    organisation text,  -- it acts for
    department boolean, -- and works on its tickets
    scopes text,        -- with blanks between, as in RFC 6749
    stale boolean,      -- its last use was noted a minute ago or more
    hash bytea
);

CREATE FUNCTION client_is_stale(p_last timestamptz, p_now timestamptz) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
RETURN p_last IS NULL OR p_last <= p_now - interval '1 minute';

-- One row for each secret that is good now. Nothing for a client that is retired, or whose street is.
CREATE FUNCTION client_logins(p_client text, p_credential text, p_now timestamptz) RETURNS SETOF client_login
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    v_tenant text := split_part(p_client, '.', 1);
    v_now timestamptz := coalesce(p_now, clock_timestamp());
BEGIN
    RETURN QUERY
    SELECT v_tenant, p.organisation_code, 'department' = ANY (p.roles), array_to_string(k.scopes, ' '),
        client_is_stale(k.last_used_at, v_now), s.hash
    FROM clients k
    JOIN tenants t ON t.tenant = k.tenant AND t.active
    JOIN people p ON p.tenant = k.tenant AND p.id = k.person_id AND p.active
    JOIN client_secrets s ON s.tenant = k.tenant AND s.person_id = k.person_id AND s.credential = p_credential
        AND (s.ends_at IS NULL OR s.ends_at > v_now)
    WHERE k.tenant = v_tenant AND k.client_id = p_client;
END $$;
COMMENT ON FUNCTION client_logins(text, text, timestamptz) IS 'Good secrets of a client';

-- At most once a minute: a row that every call writes would make a queue of the calls.
CREATE FUNCTION client_used(p_client text, p_now timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    v_now timestamptz := coalesce(p_now, clock_timestamp());
BEGIN
    UPDATE clients k SET last_used_at = v_now
    WHERE k.tenant = split_part(p_client, '.', 1) AND k.client_id = p_client AND client_is_stale(k.last_used_at, v_now);
    RETURN FOUND;
END $$;
COMMENT ON FUNCTION client_used(text, timestamptz) IS 'Notes when a client was last used';
