-- Whether an action may be done: state, world, person, row, in this order; the first that applies answers.

-- p_world, p_person, p_fields: guards of the three stages, in the order of the table.
CREATE FUNCTION guard_refusal(p_guard text) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT g.refusal FROM machine_guards g WHERE g.guard = p_guard);
END $$;

CREATE FUNCTION check_world(INOUT w work, p_world text[]) LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_guard text;
    v_refusal text;
BEGIN
    FOREACH v_guard IN ARRAY p_world LOOP
        IF NOT guard_world(w, v_guard) THEN
            v_refusal := guard_refusal(v_guard);
            w := CASE v_refusal WHEN 'invalid_transition' THEN wrong_state(w) ELSE refused(w, v_refusal) END;
            RETURN;
        END IF;
    END LOOP;
END $$;

-- p_is: what the caller is to the row; p_in_area: it lies where this person may check.
CREATE FUNCTION check_person(INOUT w work, p_who text[], p_bits bigint[], p_person text[], p_is bigint, p_in_area boolean)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_guard text;
BEGIN
    w.role := acting_role(p_who, p_bits, p_is);
    IF w.role IS NULL THEN
        w := refused(w, person_refusal(w.me, p_who, p_in_area));
        RETURN;
    END IF;
    FOREACH v_guard IN ARRAY p_person LOOP
        IF NOT guard_person(w, v_guard) THEN
            w := refused(w, guard_refusal(v_guard));
            RETURN;
        END IF;
    END LOOP;
END $$;

CREATE FUNCTION check_row(INOUT w work, p_fields text[]) LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_guard text;
BEGIN
    IF w.body ?| '{category,area,attachments,photo}' THEN
        w := references_known(w);
    END IF;
    FOREACH v_guard IN ARRAY p_fields LOOP
        EXIT WHEN w.code IS NOT NULL;
        w := guard_row(w, v_guard);
    END LOOP;
END $$;

-- Which row of the table an action takes that has several.
CREATE FUNCTION case_variant(w work) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE w.action
    WHEN 'whistle' THEN coalesce(w.body ->> 'kind', 'everyday')
    WHEN 'check' THEN CASE WHEN (w.body ->> 'pass')::boolean THEN 'pass' ELSE 'fail' END
    ELSE '' END;

-- Whether the case lies where this person could check it: tells a stranger from one who worked on it.
CREATE FUNCTION checks_here(w work) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 'community' = ANY ((w.me).roles) AND coalesce((w.c).area = ANY ((w.me).areas), false)
    OR coalesce((w.c).community = ANY ((w.me).grid_communities) AND (w.c).area <> ALL ((w.me).grids), false);

CREATE FUNCTION case_check(INOUT w work) LANGUAGE plpgsql STABLE AS $$
DECLARE
    m case_moves;
BEGIN
    w.variant := case_variant(w);
    SELECT * INTO m FROM case_moves x
    WHERE x.state = (w.c).state AND x.action = w.action AND x.variant = w.variant;
    IF NOT FOUND THEN
        w := wrong_state(w);
        RETURN;
    END IF;
    w.to_state := m.to_state;
    IF m.world <> '{}' THEN
        w := check_world(w, m.world);
    END IF;
    IF w.code IS NULL THEN
        w := check_person(w, m.who, m.bits, m.person, case_bits(w.me, w.c),
            checks_here(w) OR (w.me).person_id = ANY ((w.c).workers));
    END IF;
    IF w.code IS NULL THEN
        w.sole := coalesce(CASE w.action
            WHEN 'check' THEN (w.me).person_id = ANY ((w.c).workers)
            WHEN 'callback' THEN (w.me).person_id = (w.c).handler END, false);
        w := check_row(w, m.fields);
    END IF;
END $$;
COMMENT ON FUNCTION case_check(work) IS 'The work with the role to do it in, or refused; writes nothing.';

CREATE FUNCTION ticket_check(INOUT w work) LANGUAGE plpgsql STABLE AS $$
DECLARE
    m ticket_moves;
BEGIN
    -- start from signed is for categories where nobody has to come.
    IF w.action = 'start' THEN
        w := work_category(w);
    END IF;
    SELECT * INTO m FROM ticket_moves x
    WHERE x.state = (w.t).state AND x.action = w.action
        AND (x.variant = '' OR x.variant = 'remote' AND NOT w.on_scene);
    IF NOT FOUND OR m.who = '{system}' OR w.action = 'contact' AND NOT may_be_called(w.t, w.c) THEN
        w := wrong_state(w);
        RETURN;
    END IF;
    w.to_state := m.to_state;
    IF m.world <> '{}' THEN
        w := check_world(w, m.world);
    END IF;
    IF w.code IS NULL THEN
        w := check_person(w, m.who, m.bits, m.person, ticket_parties(w.me, w.t, w.c),
            coalesce((w.c).area = ANY ((w.me).areas), false));
    END IF;
    IF w.code IS NULL AND (m.fields <> '{}' OR w.body ?| '{category,area,attachments,photo}') THEN
        w := check_row(w, m.fields);
    END IF;
END $$;
COMMENT ON FUNCTION ticket_check(work) IS 'The same for an action on w.t.';
