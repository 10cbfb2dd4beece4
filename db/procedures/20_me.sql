-- Who calls: effective rights are the token's and the database's; the token only narrows.

-- All areas at or below any of these codes. NULL in, NULL out: not narrowed.
CREATE FUNCTION areas_below(p_tenant text, p_codes text[]) RETURNS text[] LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    IF p_codes IS NULL THEN
        RETURN NULL;
    END IF;
    RETURN ARRAY(SELECT a.code FROM areas a WHERE a.tenant = p_tenant AND a.path && p_codes);
END $$;

-- What a person answers for before the token narrows it: grids held today, communities named or of the own organisation.
CREATE FUNCTION areas_held(p_person people, p_roles text[]) RETURNS text[] LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    v_held text[] := '{}';
BEGIN
    IF 'grid_worker' = ANY (p_roles) THEN
        v_held := ARRAY(
            SELECT g.grid_code FROM grid_assignments g
            WHERE g.tenant = p_person.tenant AND g.person_id = p_person.id
                AND daterange(g.valid_from, g.valid_to, '[)') @> clock_timestamp()::date);
    END IF;
    IF 'community' = ANY (p_roles) AND p_person.areas <> '{}' THEN
        v_held := v_held || p_person.areas;
    ELSIF 'community' = ANY (p_roles) THEN
        v_held := v_held || ARRAY(
            SELECT a.code FROM areas a
            WHERE a.tenant = p_person.tenant AND a.organisation_code = p_person.organisation_code
                AND a.kind = 'community');
    END IF;
    RETURN v_held;
END $$;

-- Where somebody works, within what the token names. Only for roles that have an area: nobody else pays for it.
CREATE TYPE field AS (
    areas text[],
    grids text[],
    grid_communities text[]
);

CREATE FUNCTION field_of(p_tenant text, p_person uuid, p_roles text[], p_scope text[]) RETURNS field
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    v_person people;
    v_held text[];
    f field;
BEGIN
    SELECT * INTO v_person FROM people p WHERE p.tenant = p_tenant AND p.id = p_person;
    v_held := areas_held(v_person, p_roles);
    f.areas := ARRAY(
        SELECT a.code FROM areas a
        WHERE a.tenant = p_tenant AND a.path && v_held AND (p_scope IS NULL OR a.code = ANY (p_scope)));
    f.grids := '{}';
    f.grid_communities := '{}';
    IF 'grid_worker' = ANY (p_roles) THEN
        SELECT coalesce(array_agg(DISTINCT a.code), '{}'), coalesce(array_agg(DISTINCT a.community_code), '{}')
        INTO f.grids, f.grid_communities
        FROM grid_assignments g JOIN areas a ON a.tenant = g.tenant AND a.code = g.grid_code
        WHERE g.tenant = p_tenant AND g.person_id = p_person
            AND daterange(g.valid_from, g.valid_to, '[)') @> clock_timestamp()::date AND a.code = ANY (f.areas);
    END IF;
    RETURN f;
END $$;

-- One row, whoever calls; the planner takes it into the statement that asks, so a read costs one look at people and no call.
-- A citizen is known from the first write on; until then a valid token for a street that exists is enough. OFFSET 0 keeps
-- the planner from working a member out wherever it is used.
CREATE FUNCTION caller(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[])
RETURNS SETOF actor LANGUAGE sql STABLE PARALLEL SAFE ROWS 1 AS $$
    SELECT p_tenant, q.id, p_actor, coalesce(q.name, ''), q.roles,
        CASE WHEN p_org IS NULL OR p_org = q.organisation_code THEN q.organisation_code END,
        coalesce((q.field).areas, '{}'), CASE WHEN 'leader' = ANY (q.roles) THEN q.posts ELSE '{}' END,
        coalesce(q.head, false),
        CASE WHEN q.id IS NULL AND q.roles = '{}' THEN 'unknown_subject'
            WHEN NOT q.active THEN 'subject_inactive'
            WHEN NOT q.roles && p_op_roles THEN 'insufficient_role' END,
        q.scope, coalesce((q.field).grids, '{}'), coalesce((q.field).grid_communities, '{}'), role_bits(q.roles, ''),
        q.names_version
    FROM (
        SELECT r.*, CASE WHEN r.roles && '{grid_worker,community}' THEN field_of(p_tenant, r.id, r.roles, r.scope) END AS field
        FROM (
            SELECT p.id, p.name, p.organisation_code, p.posts, p.head, t.names_version,
                p.active IS NOT FALSE AND coalesce(t.active, false) AS active,
                CASE WHEN NOT coalesce(t.active, false) OR p.active IS FALSE THEN '{}'
                    WHEN p.id IS NULL THEN CASE WHEN 'citizen' = ANY (p_roles) THEN '{citizen}'::text[] ELSE '{}' END
                    WHEN p_roles <@ p.roles THEN p_roles
                    ELSE ARRAY(SELECT u.role FROM unnest(p_roles) AS u (role) WHERE u.role = ANY (p.roles)) END AS roles,
                CASE WHEN p_areas IS NOT NULL THEN areas_below(p_tenant, p_areas) END AS scope
            FROM (VALUES (1)) AS one
            LEFT JOIN tenants t ON t.tenant = p_tenant
            LEFT JOIN people p ON p.tenant = p_tenant AND p.subject = p_actor
            OFFSET 0
        ) AS r
        OFFSET 0
    ) AS q
    OFFSET 0
$$;
COMMENT ON FUNCTION caller(text, text, text[], text[], text, text[]) IS 'The caller''s effective rights, or why there are none';

CREATE FUNCTION me(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[])
RETURNS actor LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    v_me actor;
BEGIN
    SELECT * INTO v_me FROM caller(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
    RETURN v_me;
END $$;
COMMENT ON FUNCTION me(text, text, text[], text[], text, text[]) IS 'The same for procedures';

-- Called by writes once nothing refuses any more: a citizen's first write makes the person.
CREATE FUNCTION me_known(INOUT p_me actor) LANGUAGE plpgsql AS $$
BEGIN
    IF p_me.person_id IS NOT NULL THEN
        RETURN;
    END IF;
    INSERT INTO people (tenant, id, subject, name, roles)
    VALUES (p_me.tenant, uuid7(), p_me.subject, '', '{citizen}')
    ON CONFLICT (tenant, subject) DO NOTHING;
    SELECT p.id INTO p_me.person_id FROM people p WHERE p.tenant = p_me.tenant AND p.subject = p_me.subject;
END $$;
COMMENT ON FUNCTION me_known(actor) IS 'The same actor with a person_id';
