-- What all procedures share: the actor, times and ids as the API writes them.

CREATE TYPE actor AS (
    tenant text,
    person_id uuid,          -- NULL: a citizen who has not written anything yet
    subject text,
    name text,
    roles text[],            -- token ∩ database
    org text,                -- code of the person's organisation; NULL when the token is for another
    areas text[],            -- own area, every code in it: grids assigned, communities answered for, and all below
    posts text[],
    head boolean,
    refusal text,            -- a code of errors.def; NULL: go on
    scope text[],            -- the token's areas with all below; NULL: the token does not narrow
    grids text[],            -- grids assigned, within scope
    grid_communities text[], -- communities of those grids
    bits bigint,             -- the roles as machine_parties has them
    names_version bigint,    -- of the street's names, as the service keeps them
    zone text                -- of the street
);

CREATE FUNCTION iso(p_at timestamptz) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
RETURN to_char(p_at, 'YYYY-MM-DD"T"HH24:MI:SS.MSTZH:TZM');
COMMENT ON FUNCTION iso(timestamptz) IS 'A time as the API writes it, in the session''s zone';

-- Version 4 from the server's strong random source, with milliseconds put over its head.
CREATE FUNCTION uuid7(p_at timestamptz DEFAULT clock_timestamp()) RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE
RETURN encode(
    set_bit(set_bit(
        overlay(uuid_send(gen_random_uuid())
            PLACING substring(int8send((extract(epoch FROM p_at) * 1000)::bigint) FROM 3) FROM 1 FOR 6),
        52, 1), 53, 1), 'hex')::uuid;
COMMENT ON FUNCTION uuid7(timestamptz) IS 'UUIDv7 (RFC 9562)';

-- Who, in a reply: a person (id: uuid), an organisation (id: code) or a role (id: its name).
CREATE TYPE party AS (kind text, id text, name text);
