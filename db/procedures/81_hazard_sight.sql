-- Hazards: who sees them, what somebody is to one, what it offers.

-- Of a property company: what it runs itself, and what lies in its estates.
CREATE FUNCTION property_holds(p_me actor, p_place uuid) RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM places p LEFT JOIN areas a ON a.tenant = p.tenant AND a.code = p.estate_code
        WHERE p.tenant = p_me.tenant AND p.id = p_place
            AND (p.organisation_code = p_me.org OR EXISTS (
                SELECT FROM areas e
                WHERE e.tenant = a.tenant AND e.code = ANY (a.path) AND e.kind = 'estate' AND e.organisation_code = p_me.org)));
END $$;
COMMENT ON FUNCTION property_holds(actor, uuid) IS 'Whether the place is one of the caller''s company';

-- For lists: its hazards are found by their places, not among all of the street's.
CREATE FUNCTION property_places(p_me actor) RETURNS uuid[] LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN ARRAY(
        SELECT p.id FROM places p
        WHERE p.tenant = p_me.tenant AND (p.organisation_code = p_me.org OR p.estate_code IS NOT NULL)
            AND property_holds(p_me, p.id));
END $$;
COMMENT ON FUNCTION property_places(actor) IS 'The places of the caller''s company';

CREATE FUNCTION hazard_in_sight(p_me actor, h hazards) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
RETURN (h).id IS NOT NULL AND within_scope(p_me, (h).area)
    AND (sees_all(p_me)
        OR (p_me).roles && '{grid_worker,community}' AND (h).area = ANY ((p_me).areas)
        OR 'grid_worker' = ANY ((p_me).roles) AND ((h).found_by = (p_me).person_id OR (h).workers @> ARRAY[(p_me).person_id])
        OR 'property' = ANY ((p_me).roles) AND property_holds(p_me, (h).place_id)) IS TRUE;
COMMENT ON FUNCTION hazard_in_sight(actor, hazards) IS 'Whether the hazard exists for this caller';

-- Somebody who may verify it without having worked on it.
CREATE FUNCTION hazard_verifier_exists(h hazards) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_path text[] := (SELECT a.path FROM areas a WHERE a.tenant = h.tenant AND a.code = h.area);
BEGIN
    RETURN EXISTS (
        SELECT FROM people p
        WHERE p.tenant = h.tenant AND p.active AND p.id <> ALL (h.workers) AND NOT p.roles <@ '{citizen,client}'
            AND ('supervisor' = ANY (p.roles) OR 'community' = ANY (p.roles) AND v_path && areas_held(p, '{community}')))
    OR EXISTS (
        SELECT FROM people p JOIN grid_assignments g ON g.tenant = p.tenant AND g.person_id = p.id
        WHERE p.tenant = h.tenant AND p.active AND p.id <> ALL (h.workers) AND 'grid_worker' = ANY (p.roles)
            AND g.grid_code = h.area AND daterange(g.valid_from, g.valid_to, '[)') @> clock_timestamp()::date);
END $$;

CREATE FUNCTION active_leader_exists(p_tenant text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM people p
        WHERE p.tenant = p_tenant AND p.active AND 'leader' = ANY (p.roles) AND NOT p.roles <@ '{citizen,client}');
END $$;

-- Neither started nor submitted it; if nobody such is left any leader, else any supervisor.
CREATE FUNCTION hazard_verifies(p_me actor, h hazards, p_role text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF p_role = 'leader' THEN
        RETURN NOT hazard_verifier_exists(h);
    ELSIF p_me.person_id = ANY (h.workers) THEN
        RETURN p_role = 'supervisor' AND NOT hazard_verifier_exists(h) AND NOT active_leader_exists(h.tenant);
    END IF;
    RETURN CASE p_role
        WHEN 'supervisor' THEN true
        WHEN 'community' THEN h.area = ANY (p_me.areas)
        WHEN 'grid_worker' THEN h.area = ANY (p_me.grids)
        ELSE false END;
END $$;

CREATE FUNCTION hazard_verifies_as(p_me actor, h hazards) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_role text;
    v_bits bigint := 0;
BEGIN
    FOREACH v_role IN ARRAY p_me.roles LOOP
        IF hazard_verifies(p_me, h, v_role) THEN
            v_bits := v_bits | role_bits(ARRAY[v_role], 'verify');
        END IF;
    END LOOP;
    RETURN v_bits;
END $$;

CREATE FUNCTION hazard_bits(p_me actor, h hazards) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    b bigint := p_me.bits;
BEGIN
    IF h.area = ANY (p_me.grids) THEN
        b := b | party('grid_worker:area');
    END IF;
    IF 'community' = ANY (p_me.roles) AND h.area = ANY (p_me.areas) THEN
        b := b | party('community:area');
    END IF;
    IF 'property' = ANY (p_me.roles) AND property_holds(p_me, h.place_id) THEN
        b := b | party('property:place');
    END IF;
    IF h.state = 'submitted' THEN
        b := b | hazard_verifies_as(p_me, h);
    END IF;
    RETURN b;
END $$;
COMMENT ON FUNCTION hazard_bits(actor, hazards) IS 'What the caller is to the hazard: bits of machine_parties.';

CREATE FUNCTION hazard_asks(h hazards, p_bits bigint) RETURNS text[] LANGUAGE sql STABLE
RETURN CASE WHEN (h).colour = 'blue' OR (h).due_at IS NULL
    THEN array_remove(offered('hazard_asks', (h).state, p_bits), 'extend')
    ELSE offered('hazard_asks', (h).state, p_bits) END;
COMMENT ON FUNCTION hazard_asks(hazards, bigint) IS 'Kinds of request that state, colour and bits allow.';

-- Its clock runs until somebody says that it is fixed.
CREATE FUNCTION hazard_overdue(h hazards, p_now timestamptz) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (h).state IN ('open', 'rectifying', 'referred') AND coalesce((h).due_at < p_now, false);
COMMENT ON FUNCTION hazard_overdue(hazards, timestamptz) IS 'Whether its due is past and it is not submitted.';
