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
CREATE FUNCTION me_placed(INOUT p_me actor, p_person people) LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    v_held text[] := areas_held(p_person, p_me.roles);
BEGIN
    p_me.areas := ARRAY(
        SELECT a.code FROM areas a
        WHERE a.tenant = p_me.tenant AND a.path && v_held AND (p_me.scope IS NULL OR a.code = ANY (p_me.scope)));
    IF 'grid_worker' = ANY (p_me.roles) THEN
        SELECT coalesce(array_agg(DISTINCT a.code), '{}'), coalesce(array_agg(DISTINCT a.community_code), '{}')
        INTO p_me.grids, p_me.grid_communities
        FROM grid_assignments g JOIN areas a ON a.tenant = g.tenant AND a.code = g.grid_code
        WHERE g.tenant = p_me.tenant AND g.person_id = p_person.id
            AND daterange(g.valid_from, g.valid_to, '[)') @> clock_timestamp()::date AND a.code = ANY (p_me.areas);
    END IF;
END $$;

CREATE FUNCTION roles_in_both(p_roles text[], p_others text[]) RETURNS text[] LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN ARRAY(SELECT u.role FROM unnest(p_roles) AS u (role) WHERE u.role = ANY (p_others));
END $$;

-- A citizen is known from the first write on; until then a valid token for a street that exists is enough.
CREATE FUNCTION roles_of(p_person people, p_roles text[]) RETURNS text[] LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE WHEN (p_person).id IS NULL THEN CASE WHEN 'citizen' = ANY (p_roles) THEN '{citizen}'::text[] ELSE '{}' END
    WHEN NOT (p_person).active THEN '{}'
    WHEN p_roles <@ (p_person).roles THEN p_roles
    ELSE roles_in_both(p_roles, (p_person).roles) END;

-- Every request begins here: two rows are looked at, and few expressions are worked out for most.
CREATE FUNCTION me(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[])
RETURNS actor LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    v_me actor;
    v_person people;
    v_names bigint;
    v_zone text;
BEGIN
    SELECT s.names_version, s.zone, p.tenant, p.id, p.name, p.roles, p.organisation_code, p.areas, p.posts, p.head, p.active
    INTO v_names, v_zone, v_person.tenant, v_person.id, v_person.name, v_person.roles, v_person.organisation_code, v_person.areas,
        v_person.posts, v_person.head, v_person.active
    FROM tenants s LEFT JOIN people p ON p.tenant = s.tenant AND p.subject = p_actor
    WHERE s.tenant = p_tenant AND s.active;
    v_me := (p_tenant, v_person.id, p_actor, coalesce(v_person.name, ''), roles_of(v_person, p_roles),
        CASE WHEN p_org IS NULL OR p_org = v_person.organisation_code THEN v_person.organisation_code END,
        '{}', '{}', coalesce(v_person.head, false), NULL, NULL, '{}', '{}', 0, v_names, v_zone)::actor;
    IF v_names IS NULL OR v_person.id IS NULL AND v_me.roles = '{}' THEN
        v_me.roles := '{}';
        v_me.refusal := 'unknown_subject';
    ELSIF v_person.id IS NOT NULL AND NOT v_person.active THEN
        v_me.refusal := 'subject_inactive';
    ELSIF NOT v_me.roles && p_op_roles
        OR 'client' = ANY (v_person.roles) AND NOT client_may(p_tenant, v_person.id, p_roles, p_op_roles) THEN
        v_me.refusal := 'insufficient_role';
    END IF;
    v_me.bits := role_bits(v_me.roles, '');
    IF p_areas IS NOT NULL THEN
        v_me.scope := areas_below(p_tenant, p_areas);
    END IF;
    IF v_me.roles && '{grid_worker,community,leader}' THEN
        v_me.posts := CASE WHEN 'leader' = ANY (v_me.roles) THEN v_person.posts ELSE '{}' END;
        IF v_me.roles && '{grid_worker,community}' THEN
            v_me := me_placed(v_me, v_person);
        END IF;
    END IF;
    RETURN v_me;
END $$;
COMMENT ON FUNCTION me(text, text, text[], text[], text, text[]) IS 'The caller''s effective rights, or why there are none';

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
