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

CREATE FUNCTION me_areas(INOUT p_me actor, p_person people, p_areas text[]) LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    v_held text[];
BEGIN
    p_me.scope := areas_below(p_me.tenant, p_areas);
    p_me.areas := '{}';
    p_me.grids := '{}';
    p_me.grid_communities := '{}';
    IF NOT p_me.roles && ARRAY['grid_worker', 'community'] THEN
        RETURN;
    END IF;
    v_held := areas_held(p_person, p_me.roles);
    SELECT coalesce(array_agg(a.code), '{}') INTO p_me.areas
    FROM areas a
    WHERE a.tenant = p_me.tenant AND a.path && v_held AND (p_me.scope IS NULL OR a.code = ANY (p_me.scope));
    IF 'grid_worker' = ANY (p_me.roles) THEN
        SELECT coalesce(array_agg(DISTINCT a.code), '{}'), coalesce(array_agg(DISTINCT a.community_code), '{}')
        INTO p_me.grids, p_me.grid_communities
        FROM grid_assignments g JOIN areas a ON a.tenant = g.tenant AND a.code = g.grid_code
        WHERE g.tenant = p_me.tenant AND g.person_id = p_person.id
            AND daterange(g.valid_from, g.valid_to, '[)') @> clock_timestamp()::date AND a.code = ANY (p_me.areas);
    END IF;
END $$;

-- A citizen is known from the first write on; until then a valid token for a street that exists is enough.
CREATE FUNCTION me_stranger(INOUT p_me actor, p_roles text[], p_areas text[]) LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    IF 'citizen' = ANY (p_roles)
        AND EXISTS (SELECT FROM tenants t WHERE t.tenant = p_me.tenant AND t.active) THEN
        p_me.roles := '{citizen}';
        p_me.name := '';
        p_me.areas := '{}';
        p_me.grids := '{}';
        p_me.grid_communities := '{}';
        p_me.scope := areas_below(p_me.tenant, p_areas);
    ELSE
        p_me.roles := '{}';
        p_me.refusal := 'unknown_subject';
    END IF;
END $$;

CREATE FUNCTION me(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[])
RETURNS actor LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    v_me actor;
    v_person people;
BEGIN
    v_me.tenant := p_tenant;
    v_me.subject := p_actor;
    v_me.posts := '{}';
    v_me.head := false;
    SELECT * INTO v_person FROM people p WHERE p.tenant = p_tenant AND p.subject = p_actor;
    IF NOT FOUND THEN
        v_me := me_stranger(v_me, p_roles, p_areas);
    ELSIF NOT v_person.active THEN
        v_me.roles := '{}';
        v_me.refusal := 'subject_inactive';
    ELSE
        v_me.person_id := v_person.id;
        v_me.name := v_person.name;
        v_me.roles := ARRAY(SELECT unnest(p_roles) INTERSECT SELECT unnest(v_person.roles) ORDER BY 1);
        v_me.org := CASE WHEN p_org IS NULL OR p_org = v_person.organisation_code THEN v_person.organisation_code END;
        v_me.posts := CASE WHEN 'leader' = ANY (v_me.roles) THEN v_person.posts ELSE '{}' END;
        v_me.head := v_person.head;
        v_me := me_areas(v_me, v_person, p_areas);
    END IF;
    IF v_me.refusal IS NULL AND NOT v_me.roles && p_op_roles THEN
        v_me.refusal := 'insufficient_role';
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
