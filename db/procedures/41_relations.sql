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
CREATE FUNCTION addresses(p_me actor, p_c cases, p_role text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ARRAY['person:' || p_me.person_id, 'role:' || p_role,
    CASE WHEN p_role = 'department' THEN 'organisation:' || p_me.org END,
    CASE WHEN p_me.person_id = p_c.handler THEN 'role:handler' END];

-- The roles in which a step of a plan or a supervision names the person.
CREATE FUNCTION named_as(p_me actor, p_c cases, p_named text[], p_relation text) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN ARRAY(
        SELECT r.r || ':' || p_relation FROM unnest(p_me.roles) AS r (r) WHERE p_named && addresses(p_me, p_c, r.r));
END $$;

CREATE FUNCTION checks_as(p_me actor, p_c cases) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN ARRAY(
        SELECT r.r || ':check' FROM unnest(p_me.roles) AS r (r)
        WHERE r.r IN ('supervisor', 'leader', 'community', 'grid_worker') AND may_check(p_me, p_c, r.r));
END $$;

CREATE FUNCTION each_role(p_roles text[], p_relation text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN string_to_array(array_to_string(p_roles, ':' || p_relation || ',') || ':' || p_relation, ',');

-- One expression over the row: a list of two hundred cases takes it in, and calls functions only where one waits for a
-- check, has steps or is supervised.
CREATE FUNCTION case_relations(p_me actor, p_c cases) RETURNS text[] LANGUAGE sql STABLE
RETURN CASE WHEN (p_me).person_id IS NULL THEN (p_me).roles ELSE (p_me).roles
    || CASE WHEN NOT 'grid_worker' = ANY ((p_me).roles) THEN '{}'::text[]
        ELSE CASE WHEN (p_c).area = ANY ((p_me).grids) THEN '{grid_worker:area,grid_worker:reach}'::text[]
                WHEN (p_c).area IS NULL THEN '{grid_worker:reach}' ELSE '{}' END
            || CASE WHEN (p_c).handler = (p_me).person_id THEN '{grid_worker:handler}'::text[] ELSE '{}' END END
    || CASE WHEN NOT 'community' = ANY ((p_me).roles) THEN '{}'::text[]
        ELSE CASE WHEN (p_c).area = ANY ((p_me).areas) THEN '{community:area,community:reach}'::text[]
                WHEN (p_c).area IS NULL THEN '{community:reach}' ELSE '{}' END
            || CASE WHEN (p_c).handler = (p_me).person_id THEN '{community:handler}'::text[] ELSE '{}' END END
    || CASE WHEN NOT 'department' = ANY ((p_me).roles) THEN '{}'::text[]
        ELSE CASE WHEN (p_c).lead_org = (p_me).org THEN '{department:lead}'::text[] ELSE '{}' END
            || CASE WHEN (p_me).org = ANY ((p_c).open_orgs) THEN '{department:open}'::text[] ELSE '{}' END END
    || CASE WHEN 'window_clerk' = ANY ((p_me).roles) AND (p_c).created_role = 'window_clerk'
            AND (p_c).created_org = (p_me).org THEN '{window_clerk:window}'::text[] ELSE '{}' END
    || CASE WHEN (p_me).person_id = ANY ((p_c).reporters) AND (p_me).person_id <> ALL ((p_c).withdrawn)
        THEN each_role((p_me).roles, 'reporter') ELSE '{}' END
    || CASE WHEN (p_c).state = 'checking' THEN checks_as(p_me, p_c) ELSE '{}' END
    || CASE WHEN (p_c).plan_parties <> '{}' THEN named_as(p_me, p_c, (p_c).plan_parties, 'step') ELSE '{}' END
    || CASE WHEN (p_c).supervised <> '{}' THEN named_as(p_me, p_c, (p_c).supervised, 'addressee') ELSE '{}' END END;
COMMENT ON FUNCTION case_relations(actor, cases) IS 'What the caller is to the case: roles, and role:relation.';

CREATE FUNCTION case_offered(p_state text, p_level text, p_is text[]) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN ARRAY(
        SELECT o.action FROM case_offers o
        WHERE o.state = p_state AND o.who && p_is AND (o.action <> 'plan' OR p_level = 'major')
        ORDER BY o.ordinal);
END $$;

CREATE FUNCTION case_allowed_actions(p_me actor, p_case cases) RETURNS text[] LANGUAGE sql STABLE
RETURN case_offered((p_case).state, (p_case).level, case_relations(p_me, p_case));
COMMENT ON FUNCTION case_allowed_actions(actor, cases) IS 'What state, role and row allow; guards are not run.';

-- The lead of a case whose reporter may be asked calls the reporter.
CREATE FUNCTION may_be_called(p_t tickets, p_c cases) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN p_t.role = 'lead' AND p_c.reporter_contactable AND NOT p_c.reporter_anonymous;

CREATE FUNCTION ticket_relations(p_me actor, p_t tickets, p_c cases) RETURNS text[] LANGUAGE sql STABLE
RETURN (p_me).roles
    || CASE WHEN 'department' = ANY ((p_me).roles) AND (p_t).organisation = (p_me).org
        THEN '{department:own}'::text[]
            || CASE WHEN may_be_called(p_t, p_c) THEN '{department:caller}'::text[] ELSE '{}' END
            || CASE WHEN (p_t).supervised THEN '{department:supervised}'::text[] ELSE '{}' END
        ELSE '{}' END
    || CASE WHEN (p_me).person_id <> ALL ((p_t).workers)
        THEN CASE WHEN 'dispatcher' = ANY ((p_me).roles) THEN '{dispatcher:apart}'::text[] ELSE '{}' END
            || CASE WHEN 'community' = ANY ((p_me).roles) AND (p_c).area = ANY ((p_me).areas)
                THEN '{community:apart}'::text[] ELSE '{}' END
        ELSE '{}' END;
COMMENT ON FUNCTION ticket_relations(actor, tickets, cases) IS 'What the caller is to the ticket: roles, and role:relation.';

-- start from signed is for categories where nobody has to come; the table's variant says so.
CREATE FUNCTION starts_remote(p_tenant text, p_category text) RETURNS boolean LANGUAGE sql STABLE
RETURN (SELECT NOT k.on_scene FROM categories k WHERE k.tenant = p_tenant AND k.code = p_category);

CREATE FUNCTION ticket_offered(p_tenant text, p_state text, p_role text, p_case_state text, p_category text, p_is text[])
RETURNS text[] LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN ARRAY(
        SELECT m.action FROM ticket_moves m
        WHERE m.state = p_state AND m.offered AND m.who && p_is
            AND (m.variant <> 'remote' OR starts_remote(p_tenant, p_category))
            AND (m.action <> 'recall' OR p_case_state <> 'suspended' OR p_role = 'assist')
        ORDER BY m.ordinal);
END $$;

CREATE FUNCTION ticket_allowed_actions(p_me actor, p_ticket tickets, p_case cases) RETURNS text[] LANGUAGE sql STABLE
RETURN ticket_offered((p_ticket).tenant, (p_ticket).state, (p_ticket).role, (p_case).state, (p_case).category,
    ticket_relations(p_me, p_ticket, p_case));
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

-- The role in which somebody who may, does.
CREATE FUNCTION acting_role(p_who text[], p_is text[]) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (SELECT split_part(w.who, ':', 1) FROM unnest(p_who) WITH ORDINALITY AS w (who, n)
    WHERE w.who = ANY (p_is) ORDER BY w.n LIMIT 1);
