-- A place by itself, and a change of how many people it holds: the hazards in it are coloured anew in the same transaction.

CREATE TYPE place_reply AS (
    _code text, _pointer text, _detail jsonb, _version bigint,
    id uuid, kind text, name text, address text, location__lon float8, location__lat float8, location__coord_sys text,
    location__address text, area__code text, area__name text, capacity integer, hazard_colour text, contact_name text,
    contact_phone text
);

CREATE FUNCTION place_refusal(p_code text, p_detail jsonb DEFAULT NULL) RETURNS place_reply LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v place_reply;
BEGIN
    v._code := p_code;
    v._detail := p_detail;
    RETURN v;
END $$;

CREATE FUNCTION place_answered(p_me actor, p_place uuid) RETURNS place_reply LANGUAGE plpgsql STABLE AS $$
DECLARE
    p places;
    v place_reply;
    v_full boolean;
BEGIN
    SELECT * INTO p FROM places x WHERE x.tenant = p_me.tenant AND x.id = p_place;
    IF p.id IS NULL THEN
        RETURN place_refusal('not_found');
    END IF;
    v_full := NOT masks_staff(p_me) AND (p_me.roles && '{dispatcher,leader,supervisor}' OR p.grid_code = ANY (p_me.areas));
    v._version := p.version;
    v.id := p.id;
    v.kind := p.kind;
    v.name := p.name;
    v.address := p.address;
    v.area__code := p.grid_code;
    v.area__name := (SELECT a.name FROM areas a WHERE a.tenant = p.tenant AND a.code = p.grid_code);
    v.capacity := p.capacity;
    v.hazard_colour := place_colour(p_me, p.id, p.grid_code);
    v.contact_name := CASE WHEN v_full THEN p.contact_name ELSE mask_name(p.contact_name) END;
    v.contact_phone := CASE WHEN v_full THEN p.contact_phone ELSE mask_phone(p.contact_phone) END;
    IF p.location IS NOT NULL THEN
        v.location__lon := ST_X(p.location);
        v.location__lat := ST_Y(p.location);
        v.location__coord_sys := 'wgs84';
        v.location__address := p.address;
    END IF;
    RETURN v;
END $$;

CREATE FUNCTION place_get(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[], p_place uuid)
RETURNS place_reply LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_me actor := me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
BEGIN
    IF v_me.refusal IS NOT NULL THEN
        RETURN place_refusal(v_me.refusal);
    END IF;
    RETURN place_answered(v_me, p_place);
END $$;
SELECT delegate('place_get(text, text, text[], text[], text, text[], uuid)');

-- What is submitted, referred or over keeps its colour until it comes back to work.
CREATE FUNCTION place_recoloured(p_me actor, p_place uuid, p_now timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    h hazards;
    w hazard_work;
BEGIN
    FOR h IN
        SELECT * FROM hazards x
        WHERE x.tenant = p_me.tenant AND x.place_id = p_place AND x.state IN ('open', 'rectifying') ORDER BY x.id FOR UPDATE
    LOOP
        w := hazard_recoloured(hazard_settled(hazard_work_on(p_me, p_now, 'recolour', '{}', h)), 'capacity');
        IF w.events <> '{}' THEN
            PERFORM hazard_written(w);
        END IF;
    END LOOP;
END $$;

-- The place is locked before its hazards.
CREATE FUNCTION place_edit(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[],
    p_id uuid, p_if_match bigint[], p_now timestamptz, p_place uuid, p_body jsonb)
RETURNS place_reply LANGUAGE plpgsql AS $$
DECLARE
    v_me actor := me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_capacity integer := (p_body ->> 'capacity')::integer;
    p places;
BEGIN
    IF v_me.refusal IS NOT NULL THEN
        RETURN place_refusal(v_me.refusal);
    END IF;
    SELECT * INTO p FROM places x WHERE x.tenant = p_tenant AND x.id = p_place FOR UPDATE;
    IF p.id IS NULL THEN
        RETURN place_refusal('not_found');
    ELSIF is_stale(p_if_match, p.version) THEN
        RETURN place_refusal('precondition_failed', version_detail(p.version));
    ELSIF NOT ('dispatcher' = ANY (v_me.roles) AND within_scope(v_me, p.grid_code) OR p.grid_code = ANY (v_me.areas)) THEN
        RETURN place_refusal('not_in_area');
    END IF;
    IF v_capacity IS DISTINCT FROM p.capacity THEN
        UPDATE places x SET capacity = v_capacity, version = x.version + 1 WHERE x.tenant = p_tenant AND x.id = p_place;
        INSERT INTO admin_events (tenant, id, at, person_id, action, object_kind, object_key, before, after, note)
        VALUES (p_tenant, p_id, v_now, v_me.person_id, 'edit', 'place', p_place::text, jsonb_build_object('capacity', p.capacity),
            jsonb_build_object('capacity', v_capacity), p_body ->> 'reason');
        PERFORM place_recoloured(v_me, p_place, v_now);
    END IF;
    RETURN place_answered(v_me, p_place);
END $$;
SELECT delegate('place_edit(text, text, text[], text[], text, text[], uuid, bigint[], timestamptz, uuid, jsonb)');
