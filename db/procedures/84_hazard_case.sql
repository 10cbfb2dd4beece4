-- A hazard that goes on as a case, and what it hears of it; the midnight of the blue ones; the capacity of a place.

CREATE FUNCTION hazard_case_body(w hazard_work) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
    p places;
BEGIN
    SELECT * INTO p FROM places x WHERE x.tenant = (w.h).tenant AND x.id = (w.h).place_id;
    RETURN jsonb_strip_nulls(jsonb_build_object('kind', 'hazard', 'category', (w.h).category, 'description', (w.h).description,
        'title', left(p.name, 100), 'address', p.address, 'area', (w.h).area,
        'place_id', CASE WHEN p.active_to IS NULL OR p.active_to > (w.now AT TIME ZONE (w.me).zone)::date THEN p.id END,
        -- The grid follows from the point: one that is drawn elsewhere would take the case away from who refers it.
        'location', CASE WHEN p.location IS NOT NULL AND coalesce(grid_at(p.tenant, p.location), (w.h).area) = (w.h).area
            THEN jsonb_build_object('lon', ST_X(p.location), 'lat', ST_Y(p.location)) END,
        'source', 'patrol', 'level', w.body -> 'level', 'answers', w.body -> 'answers'));
END $$;

-- Intake may refuse; then nothing is done. A pointer says only what the caller can send.
CREATE FUNCTION hazard_case_made(INOUT w hazard_work) LANGUAGE plpgsql AS $$
DECLARE
    v work := case_taken_in(w.me, uuid7(), w.now, hazard_case_body(w));
BEGIN
    IF v.code IS NOT NULL THEN
        w := hazard_refuses(w, v.code, CASE WHEN v.pointer ~ '^/(answers|level)' THEN v.pointer END, v.detail);
        RETURN;
    END IF;
    UPDATE cases c SET hazard_id = (w.h).id WHERE c.tenant = (w.h).tenant AND c.id = (v.c).id;
    w.h.case_id := (v.c).id;
END $$;

CREATE FUNCTION do_hazard_refer(INOUT w hazard_work) LANGUAGE plpgsql AS $$
BEGIN
    w := hazard_to(w, 'refer', w.to_state, w.body ->> 'note', jsonb_build_object('case_id', (w.h).case_id));
END $$;

-- p_case: as its end, or its new round, leaves it.
CREATE FUNCTION hazard_follows(INOUT w hazard_work, p_case cases) LANGUAGE plpgsql AS $$
DECLARE
    v_data jsonb := jsonb_build_object('case_id', p_case.id, 'case_state', p_case.state, 'into', p_case.merged_into);
BEGIN
    CASE w.action
        WHEN 'case_closed' THEN
            w.h.rectified_at := w.now;
            w.h.submitted_by := NULL;
            w.h.workers := ARRAY(SELECT unnest((w.h).workers) UNION SELECT unnest(p_case.workers) ORDER BY 1);
            w.h.result := coalesce(p_case.result, p_case.reply);
            w := hazard_to(w, w.action, 'submitted', NULL, v_data);
        WHEN 'case_dropped' THEN
            w := hazard_to(w, w.action, 'open', NULL, v_data);
            w := hazard_recoloured(w, 'rework');
        WHEN 'case_merged' THEN
            w.h.case_id := p_case.merged_into;
            w := hazard_to(w, w.action, '=', NULL, v_data);
        WHEN 'case_reopened' THEN
            w.h.rectified_at := NULL;
            w := hazard_to(w, w.action, 'referred', NULL, v_data);
    END CASE;
END $$;

-- Called when a case has ended or is no longer closed. Of what waits to be verified only what the case brought there goes
-- back with it.
CREATE FUNCTION hazards_follow(c work) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_action text := CASE (c.c).state WHEN 'closed' THEN 'case_closed' WHEN 'merged' THEN 'case_merged'
        WHEN 'rejected' THEN 'case_dropped' WHEN 'voided' THEN 'case_dropped' ELSE 'case_reopened' END;
    h hazards;
BEGIN
    FOR h IN
        SELECT * FROM hazards x
        WHERE x.tenant = (c.c).tenant AND x.case_id = (c.c).id
            AND CASE v_action WHEN 'case_reopened' THEN x.state = 'submitted' AND x.submitted_by IS NULL ELSE x.state = 'referred' END
        ORDER BY x.id FOR UPDATE
    LOOP
        PERFORM hazard_written(hazard_follows(hazard_work_on(system_actor(h.tenant), c.now, v_action, '{}', h), c.c));
    END LOOP;
END $$;
COMMENT ON FUNCTION hazards_follow(work) IS 'What the end of a case, or its new round, makes of the hazards that go on as it.';

-- Time

CREATE FUNCTION hazard_ticked(p_me actor, p_hazard uuid, p_now timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    h hazards;
BEGIN
    SELECT * INTO h FROM hazards x WHERE x.tenant = p_me.tenant AND x.id = p_hazard FOR UPDATE SKIP LOCKED;
    IF h.id IS NULL OR coalesce(h.clock_next_at > p_now, true) THEN
        RETURN false;
    END IF;
    PERFORM hazard_written(hazard_settled(hazard_work_on(p_me, p_now, 'tick', '{}', h)));
    RETURN true;
END $$;

CREATE FUNCTION hazards_ticked(p_tenant text, p_now timestamptz, p_limit integer) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_system actor := system_actor(p_tenant);
    v_hazard uuid;
    v_count bigint := 0;
BEGIN
    FOR v_hazard IN
        SELECT d.id FROM (
            SELECT h.id FROM hazards h WHERE h.tenant = p_tenant AND h.clock_next_at <= p_now
            ORDER BY h.clock_next_at LIMIT p_limit) AS d
        ORDER BY d.id
    LOOP
        v_count := v_count + hazard_ticked(v_system, v_hazard, p_now)::integer;
    END LOOP;
    RETURN v_count;
END $$;
COMMENT ON FUNCTION hazards_ticked(text, timestamptz, integer) IS
    'How many blue hazards had their midnight by now. Locked ones are left for the next second.';
