-- How a case and a ticket know the caller, and what they offer: set against the “who” of the tables of transitions.

-- Somebody other than the person who may check a case: then a check by one who worked on it is refused.
CREATE FUNCTION checker_exists(p_c cases, p_leaders_only boolean) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_path text[] := (SELECT a.path FROM areas a WHERE a.tenant = p_c.tenant AND a.code = p_c.area);
BEGIN
    IF p_leaders_only THEN
        RETURN EXISTS (
            SELECT FROM people p WHERE p.tenant = p_c.tenant AND p.active AND 'leader' = ANY (p.roles));
    END IF;
    RETURN EXISTS (
        SELECT FROM people p
        WHERE p.tenant = p_c.tenant AND p.active AND p.id <> ALL (p_c.workers)
            AND p.roles && ARRAY['supervisor', 'leader'])
    OR EXISTS (
        SELECT FROM people p
        WHERE p.tenant = p_c.tenant AND p.active AND p.id <> ALL (p_c.workers)
            AND 'community' = ANY (p.roles) AND v_path && areas_held(p, '{community}'))
    OR EXISTS (
        SELECT FROM people p
        JOIN grid_assignments g ON g.tenant = p.tenant AND g.person_id = p.id
        JOIN areas a ON a.tenant = g.tenant AND a.code = g.grid_code
        WHERE p.tenant = p_c.tenant AND p.active AND p.id <> ALL (p_c.workers)
            AND 'grid_worker' = ANY (p.roles) AND a.community_code = p_c.community AND a.code <> p_c.area
            AND daterange(g.valid_from, g.valid_to, '[)') @> clock_timestamp()::date);
END $$;
COMMENT ON FUNCTION checker_exists(cases, boolean) IS 'An active person who may check the case without having worked on it (or: any active leader).';

-- Who may check: did not work on it, or is the sole person left (a leader, else a supervisor).
CREATE FUNCTION may_check(p_me actor, p_c cases, p_role text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF p_c.state <> 'checking' THEN
        RETURN false;
    ELSIF p_me.person_id = ANY (p_c.workers) THEN
        RETURN CASE p_role
            WHEN 'leader' THEN NOT checker_exists(p_c, false)
            WHEN 'supervisor' THEN NOT checker_exists(p_c, false) AND NOT checker_exists(p_c, true)
            ELSE false END;
    END IF;
    RETURN CASE p_role
        WHEN 'community' THEN coalesce(p_c.area = ANY (p_me.areas), false)
        WHEN 'grid_worker' THEN coalesce(p_c.community = ANY (p_me.grid_communities) AND p_c.area <> ALL (p_me.grids), false)
        ELSE true END;
END $$;

-- The names under which somebody may be addressed by a step of a plan or by a supervision.
CREATE FUNCTION addresses(p_me actor, p_c cases, p_role text) RETURNS text[] LANGUAGE sql STABLE PARALLEL SAFE
RETURN ARRAY['person:' || (p_me).person_id, 'role:' || p_role,
    CASE WHEN p_role = 'department' THEN 'organisation:' || (p_me).org END,
    CASE WHEN (p_me).person_id = (p_c).handler THEN 'role:handler' END];

-- The roles in which a step of a plan or a supervision names the person, as bits.
CREATE FUNCTION named_as(p_me actor, p_c cases, p_named text[], p_relation text) RETURNS bigint
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    v_role text;
    v_bits bigint := 0;
BEGIN
    FOREACH v_role IN ARRAY p_me.roles LOOP
        IF p_named && addresses(p_me, p_c, v_role) THEN
            v_bits := v_bits | role_bits(ARRAY[v_role], p_relation);
        END IF;
    END LOOP;
    RETURN v_bits;
END $$;

CREATE FUNCTION checks_as(p_me actor, p_c cases) RETURNS bigint LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    v_role text;
    v_bits bigint := 0;
BEGIN
    FOREACH v_role IN ARRAY p_me.roles LOOP
        IF v_role IN ('supervisor', 'leader', 'community', 'grid_worker') AND may_check(p_me, p_c, v_role) THEN
            v_bits := v_bits | role_bits(ARRAY[v_role], 'check');
        END IF;
    END LOOP;
    RETURN v_bits;
END $$;

CREATE FUNCTION field_bits(p_me actor, p_c cases) RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE WHEN (p_c).area IS NULL THEN role_bits((p_me).roles, 'reach') ELSE 0 END
    | CASE WHEN (p_c).area = ANY ((p_me).grids) THEN party('grid_worker:area', 'grid_worker:reach') ELSE 0 END
    | CASE WHEN 'community' = ANY ((p_me).roles) AND (p_c).area = ANY ((p_me).areas)
        THEN party('community:area', 'community:reach') ELSE 0 END
    | CASE WHEN (p_c).handler = (p_me).person_id THEN role_bits((p_me).roles, 'handler') ELSE 0 END;

-- Step by step, so that only what may hold is looked at.
CREATE FUNCTION case_bits(p_me actor, p_c cases) RETURNS bigint LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    b bigint := p_me.bits;
BEGIN
    IF p_me.person_id IS NULL THEN
        RETURN b;
    END IF;
    IF b & party('grid_worker', 'community') <> 0 THEN
        b := b | field_bits(p_me, p_c);
    END IF;
    IF b & party('department') <> 0 THEN
        b := b | CASE WHEN p_c.lead_org = p_me.org THEN party('department:lead') ELSE 0 END
            | CASE WHEN p_me.org = ANY (p_c.open_orgs) THEN party('department:open') ELSE 0 END;
    END IF;
    IF b & party('window_clerk') <> 0 AND p_c.created_role = 'window_clerk' AND p_c.created_org = p_me.org THEN
        b := b | party('window_clerk:window');
    END IF;
    IF b & party('client') <> 0 AND p_c.created_by = p_me.person_id THEN
        b := b | party('client:creator');
    END IF;
    IF p_me.person_id = ANY (p_c.reporters) AND p_me.person_id <> ALL (p_c.withdrawn) THEN
        b := b | role_bits(p_me.roles, 'reporter');
    END IF;
    IF p_c.state = 'checking' THEN
        b := b | checks_as(p_me, p_c);
    END IF;
    IF p_c.plan_parties <> '{}' THEN
        b := b | named_as(p_me, p_c, p_c.plan_parties, 'step');
    END IF;
    IF p_c.supervised <> '{}' THEN
        b := b | named_as(p_me, p_c, p_c.supervised, 'addressee');
    END IF;
    IF p_c.level = 'major' THEN
        b := b | party('+major');
    END IF;
    RETURN b;
END $$;
COMMENT ON FUNCTION case_bits(actor, cases) IS 'What the caller is to the case: bits of machine_parties.';

CREATE FUNCTION case_allowed_actions(p_me actor, p_case cases) RETURNS text[] LANGUAGE sql STABLE PARALLEL SAFE
RETURN offered('case', (p_case).state, case_bits(p_me, p_case));
COMMENT ON FUNCTION case_allowed_actions(actor, cases) IS 'What state, role and row allow; guards are not run.';

-- The lead of a case whose reporter may be asked calls the reporter.
CREATE FUNCTION may_be_called(p_t tickets, p_c cases) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (p_t).role = 'lead' AND (p_c).reporter_contactable AND NOT (p_c).reporter_anonymous;

-- start from signed is for categories where nobody has to come; the table's variant says so.
CREATE FUNCTION starts_remote(p_tenant text, p_category text) RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN (SELECT NOT k.on_scene FROM categories k WHERE k.tenant = p_tenant AND k.code = p_category);
END $$;

CREATE FUNCTION ticket_parties(p_me actor, p_t tickets, p_c cases) RETURNS bigint LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    b bigint := p_me.bits;
BEGIN
    IF b & party('department') <> 0 AND p_t.organisation = p_me.org THEN
        b := b | party('department:own')
            | CASE WHEN may_be_called(p_t, p_c) THEN party('department:caller') ELSE 0 END
            | CASE WHEN p_t.supervised THEN party('department:supervised') ELSE 0 END;
    END IF;
    IF b & party('dispatcher', 'community') <> 0 AND p_me.person_id <> ALL (p_t.workers) THEN
        b := b | CASE WHEN b & party('dispatcher') <> 0 THEN party('dispatcher:apart') ELSE 0 END
            | CASE WHEN b & party('community') <> 0 AND p_c.area = ANY (p_me.areas) THEN party('community:apart') ELSE 0 END;
    END IF;
    RETURN b;
END $$;
COMMENT ON FUNCTION ticket_parties(actor, tickets, cases) IS 'What the caller is to the ticket: bits of machine_parties.';

CREATE FUNCTION ticket_bits(p_me actor, p_t tickets, p_c cases) RETURNS bigint LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    b bigint := ticket_parties(p_me, p_t, p_c);
BEGIN
    IF p_c.state <> 'suspended' OR p_t.role = 'assist' THEN
        b := b | party('+recallable');
    END IF;
    IF p_t.state = 'signed' AND starts_remote(p_c.tenant, p_c.category) THEN
        b := b | party('+remote');
    END IF;
    RETURN b;
END $$;
COMMENT ON FUNCTION ticket_bits(actor, tickets, cases) IS 'The same, with what must hold of the ticket beside it.';

CREATE FUNCTION ticket_allowed_actions(p_me actor, p_ticket tickets, p_case cases) RETURNS text[] LANGUAGE sql STABLE PARALLEL SAFE
RETURN offered('ticket', (p_ticket).state, ticket_bits(p_me, p_ticket, p_case));
COMMENT ON FUNCTION ticket_allowed_actions(actor, tickets, cases) IS 'What state, role and row allow; guards are not run.';

-- The code of a refusal for the person: that of the first role in which the caller comes near.
CREATE FUNCTION person_refusal(p_me actor, p_who text[], p_area_of_check boolean DEFAULT true) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_who text;
    v_code text;
BEGIN
    FOREACH v_who IN ARRAY p_who LOOP
        IF split_part(v_who, ':', 1) = ANY (p_me.roles) THEN
            SELECT r.refusal INTO v_code FROM machine_relations r WHERE r.relation = split_part(v_who, ':', 2);
            RETURN CASE WHEN v_who IN ('community:check', 'grid_worker:check', 'community:apart') AND NOT p_area_of_check
                THEN 'not_in_area' ELSE v_code END;
        END IF;
    END LOOP;
    RETURN 'insufficient_role';
END $$;
COMMENT ON FUNCTION person_refusal(actor, text[], boolean) IS 'Why none of those who may is the caller; the flag: the case lies where this person may check.';

-- The role in which somebody who may, does: the first of the table's.
CREATE FUNCTION acting_role(p_who text[], p_bits bigint[], p_is bigint) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    FOR n IN 1..cardinality(p_who) LOOP
        IF p_bits[n] & p_is <> 0 THEN
            RETURN split_part(p_who[n], ':', 1);
        END IF;
    END LOOP;
    RETURN NULL;
END $$;
