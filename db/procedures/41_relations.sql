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

-- What this role of the person is to the case, apart from being a role.
CREATE FUNCTION case_role_relations(p_me actor, p_c cases, p_role text) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
DECLARE
    v text[] := '{}';
    v_area boolean := p_role = 'grid_worker' AND p_c.area = ANY (p_me.grids)
        OR p_role = 'community' AND p_c.area = ANY (p_me.areas);
BEGIN
    IF p_role IN ('grid_worker', 'community') THEN
        v := CASE WHEN v_area THEN ARRAY['area', 'reach'] WHEN p_c.area IS NULL THEN ARRAY['reach'] ELSE '{}' END;
        IF p_c.handler = p_me.person_id THEN
            v := v || 'handler'::text;
        END IF;
    ELSIF p_role = 'department' THEN
        v := CASE WHEN p_c.lead_org = p_me.org THEN ARRAY['lead'] ELSE '{}' END
            || CASE WHEN p_me.org = ANY (p_c.open_orgs) THEN ARRAY['open'] ELSE '{}' END;
    ELSIF p_role = 'window_clerk' AND p_c.created_role = 'window_clerk' AND p_c.created_org = p_me.org THEN
        v := ARRAY['window'];
    END IF;
    IF p_role IN ('supervisor', 'leader', 'community', 'grid_worker') AND may_check(p_me, p_c, p_role) THEN
        v := v || 'check'::text;
    END IF;
    IF p_me.person_id = ANY (p_c.reporters) AND p_me.person_id <> ALL (p_c.withdrawn) THEN
        v := v || 'reporter'::text;
    END IF;
    IF p_c.plan_parties && addresses(p_me, p_c, p_role) THEN
        v := v || 'step'::text;
    END IF;
    IF p_c.supervised && addresses(p_me, p_c, p_role) THEN
        v := v || 'addressee'::text;
    END IF;
    RETURN v;
END $$;

CREATE FUNCTION case_relations(p_me actor, p_c cases) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
DECLARE
    v text[] := p_me.roles;
    v_role text;
    v_relation text;
BEGIN
    IF p_me.person_id IS NULL THEN
        RETURN v;
    END IF;
    FOREACH v_role IN ARRAY p_me.roles LOOP
        FOREACH v_relation IN ARRAY case_role_relations(p_me, p_c, v_role) LOOP
            v := v || (v_role || ':' || v_relation);
        END LOOP;
    END LOOP;
    RETURN v;
END $$;
COMMENT ON FUNCTION case_relations(actor, cases) IS 'What the caller is to the case: roles, and role:relation.';

CREATE FUNCTION case_allowed_actions(p_me actor, p_case cases) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_is text[] := case_relations(p_me, p_case);
BEGIN
    RETURN ARRAY(
        SELECT o.action FROM case_offers o
        WHERE o.state = p_case.state AND o.who && v_is AND (o.action <> 'plan' OR p_case.level = 'major')
        ORDER BY o.ordinal);
END $$;
COMMENT ON FUNCTION case_allowed_actions(actor, cases) IS 'What state, role and row allow; guards are not run.';

-- The lead of a case whose reporter may be asked calls the reporter.
CREATE FUNCTION may_be_called(p_t tickets, p_c cases) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN p_t.role = 'lead' AND p_c.reporter_contactable AND NOT p_c.reporter_anonymous;

CREATE FUNCTION ticket_relations(p_me actor, p_t tickets, p_c cases) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
DECLARE
    v text[] := p_me.roles;
    v_apart boolean := p_me.person_id <> ALL (p_t.workers);
BEGIN
    IF 'department' = ANY (p_me.roles) AND p_t.organisation = p_me.org THEN
        v := v || 'department:own'::text;
        IF may_be_called(p_t, p_c) THEN
            v := v || 'department:caller'::text;
        END IF;
        IF p_t.supervised THEN
            v := v || 'department:supervised'::text;
        END IF;
    END IF;
    IF v_apart AND 'dispatcher' = ANY (p_me.roles) THEN
        v := v || 'dispatcher:apart'::text;
    END IF;
    IF v_apart AND 'community' = ANY (p_me.roles) AND p_c.area = ANY (p_me.areas) THEN
        v := v || 'community:apart'::text;
    END IF;
    RETURN v;
END $$;
COMMENT ON FUNCTION ticket_relations(actor, tickets, cases) IS 'What the caller is to the ticket: roles, and role:relation.';

-- start from signed is for categories where nobody has to come; the table's variant says so.
CREATE FUNCTION starts_remote(p_c cases) RETURNS boolean LANGUAGE sql STABLE
RETURN (SELECT NOT k.on_scene FROM categories k WHERE k.tenant = p_c.tenant AND k.code = p_c.category);

CREATE FUNCTION ticket_allowed_actions(p_me actor, p_ticket tickets, p_case cases) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_is text[] := ticket_relations(p_me, p_ticket, p_case);
BEGIN
    RETURN ARRAY(
        SELECT m.action FROM ticket_moves m
        WHERE m.state = p_ticket.state AND m.offered AND m.who && v_is
            AND (m.variant <> 'remote' OR starts_remote(p_case))
            AND (m.action <> 'recall' OR p_case.state <> 'suspended' OR p_ticket.role = 'assist')
        ORDER BY m.ordinal);
END $$;
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
