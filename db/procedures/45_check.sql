-- Whether an action may be done: state, world, person, row, in this order; the first that applies answers.

-- Guards of one stage, in the order of the table of transitions.
CREATE FUNCTION guards_of(p_guards text[], p_stage integer) RETURNS SETOF machine_guards LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY SELECT g.* FROM unnest(p_guards) WITH ORDINALITY AS n (guard, n) JOIN machine_guards g ON g.guard = n.guard
    WHERE g.stage = p_stage ORDER BY n.n;
END $$;

CREATE FUNCTION check_world(INOUT w work, p_guards text[]) LANGUAGE plpgsql STABLE AS $$
DECLARE
    g machine_guards;
BEGIN
    FOR g IN SELECT * FROM guards_of(p_guards, 409) LOOP
        IF NOT guard_world(w, g.guard) THEN
            w := CASE g.refusal WHEN 'invalid_transition' THEN wrong_state(w) ELSE refused(w, g.refusal) END;
            RETURN;
        END IF;
    END LOOP;
END $$;

CREATE FUNCTION check_person(INOUT w work, p_who text[], p_guards text[], p_is text[], p_in_area boolean)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    g machine_guards;
BEGIN
    w.role := acting_role(p_who, p_is);
    IF w.role IS NULL THEN
        w := refused(w, person_refusal(w.me, p_who, p_in_area));
        RETURN;
    END IF;
    FOR g IN SELECT * FROM guards_of(p_guards, 403) LOOP
        IF NOT guard_person(w, g.guard) THEN
            w := refused(w, g.refusal);
            RETURN;
        END IF;
    END LOOP;
END $$;

CREATE FUNCTION check_row(INOUT w work, p_guards text[]) LANGUAGE plpgsql STABLE AS $$
DECLARE
    g machine_guards;
BEGIN
    w := references_known(w);
    IF w.code IS NOT NULL THEN
        RETURN;
    END IF;
    FOR g IN SELECT * FROM guards_of(p_guards, 422) LOOP
        w := guard_row(w, g.guard);
        EXIT WHEN w.code IS NOT NULL;
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
    w := check_world(w, m.guards);
    IF w.code IS NULL THEN
        w := check_person(w, m.who, m.guards, case_relations(w.me, w.c),
            checks_here(w) OR (w.me).person_id = ANY ((w.c).workers));
    END IF;
    IF w.code IS NULL THEN
        w.sole := w.action = 'check' AND (w.me).person_id = ANY ((w.c).workers);
        w := check_row(w, m.guards);
    END IF;
END $$;
COMMENT ON FUNCTION case_check(work) IS 'The work with the role to do it in, or refused; writes nothing.';

CREATE FUNCTION ticket_check(INOUT w work) LANGUAGE plpgsql STABLE AS $$
DECLARE
    m ticket_moves;
BEGIN
    SELECT * INTO m FROM ticket_moves x
    WHERE x.state = (w.t).state AND x.action = w.action
        AND (x.variant = '' OR x.variant = 'remote' AND NOT w.on_scene);
    IF NOT FOUND OR m.who = '{system}' OR w.action = 'contact' AND NOT may_be_called(w.t, w.c) THEN
        w := wrong_state(w);
        RETURN;
    END IF;
    w.to_state := m.to_state;
    w := check_world(w, m.guards);
    IF w.code IS NULL THEN
        w := check_person(w, m.who, m.guards, ticket_relations(w.me, w.t, w.c),
            coalesce((w.c).area = ANY ((w.me).areas), false));
    END IF;
    IF w.code IS NULL THEN
        w := check_row(w, m.guards);
    END IF;
END $$;
COMMENT ON FUNCTION ticket_check(work) IS 'The same for an action on w.t.';
