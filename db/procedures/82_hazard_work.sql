-- What an action on a hazard carries from its checks to its effects; the checks touch this row in memory only.

CREATE TYPE hazard_work AS (
    me actor,
    now timestamptz,
    action text,
    to_state text,            -- where the table of transitions leads
    role text,                -- the role in which the person may do it
    body jsonb,
    policy jsonb,
    old hazards,              -- as read under the lock
    h hazards,                -- as it will be
    events hazard_events[],
    sole boolean,             -- nobody else could have done it
    code text,                -- a refusal: code of errors.def, field, members of the problem
    pointer text,
    detail jsonb
);

CREATE FUNCTION hazard_work_on(p_me actor, p_now timestamptz, p_action text, p_body jsonb, h hazards) RETURNS hazard_work
LANGUAGE plpgsql STABLE AS $$
DECLARE
    w hazard_work;
BEGIN
    w.me := p_me;
    w.now := p_now;
    w.action := p_action;
    w.role := 'system';
    w.body := p_body;
    w.policy := policy_of(h.tenant, h.policy_version);
    w.old := h;
    w.h := h;
    w.events := '{}';
    w.sole := false;
    RETURN w;
END $$;
COMMENT ON FUNCTION hazard_work_on(actor, timestamptz, text, jsonb, hazards) IS
    'The work of an action on a hazard that is locked; done by the system until somebody is found who may.';

CREATE FUNCTION hazard_refuses(INOUT w hazard_work, p_code text, p_pointer text DEFAULT NULL, p_detail jsonb DEFAULT NULL)
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    w.code := p_code;
    w.pointer := p_pointer;
    w.detail := p_detail;
END $$;

CREATE FUNCTION hazard_wrong_state(INOUT w hazard_work) LANGUAGE plpgsql STABLE AS $$
BEGIN
    w := hazard_refuses(w, 'invalid_transition', NULL, jsonb_build_object('state', (w.h).state,
        'allowed_actions', offered('hazard', (w.h).state, hazard_bits(w.me, w.h))));
END $$;

-- A hazard changes state here and nowhere else; its event has the colour that it has by then.
CREATE FUNCTION hazard_to(INOUT w hazard_work, p_action text, p_to text, p_note text DEFAULT NULL, p_data jsonb DEFAULT '{}',
    p_request uuid DEFAULT NULL)
LANGUAGE plpgsql AS $$
DECLARE
    h hazards := w.h;
    e hazard_events;
BEGIN
    e.from_state := CASE WHEN p_action <> 'create' THEN h.state END;
    h.state := CASE WHEN p_to = '=' THEN h.state ELSE p_to END;
    h.event_seq := h.event_seq + 1;
    h.updated_at := w.now;
    w.h := h;
    e.tenant := h.tenant;
    e.hazard_id := h.id;
    e.seq := h.event_seq;
    e.id := uuid7();
    e.action := p_action;
    e.to_state := h.state;
    e.colour := h.colour;
    e.at := w.now;
    e.role := w.role;
    IF w.role <> 'system' THEN
        e.person_id := (w.me).person_id;
        e.organisation := (w.me).org;
    END IF;
    e.request_id := p_request;
    e.note := p_note;
    e.data := jsonb_strip_nulls(p_data);
    w.events := w.events || e;
END $$;
COMMENT ON FUNCTION hazard_to(hazard_work, text, text, text, jsonb, uuid) IS 'The hazard, moved on, with its event.';

-- The rule of three colours; 30 people fit both 以上 and 以下, and the stricter holds.
CREATE FUNCTION hazard_colour(p_same_day boolean, p_capacity integer, p_policy jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN p_same_day THEN 'blue'
    WHEN coalesce(p_capacity >= setting(p_policy, 'hazard_people')::integer, true) THEN 'red'
    ELSE 'orange' END;
COMMENT ON FUNCTION hazard_colour(boolean, integer, jsonb) IS 'Blue, red or orange; red where nobody knows the capacity';

CREATE FUNCTION local_midnight(p_zone text, p_at timestamptz, p_days integer) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
RETURN ((p_at AT TIME ZONE p_zone)::date + p_days)::timestamp AT TIME ZONE p_zone;
COMMENT ON FUNCTION local_midnight(text, timestamptz, integer) IS '24:00 of the local day, and so many days less one later';

-- Its due moves here and nowhere else.
CREATE FUNCTION hazard_due_to(INOUT w hazard_work, p_due timestamptz, p_cause text) LANGUAGE plpgsql AS $$
BEGIN
    IF p_due IS NOT DISTINCT FROM (w.h).due_at THEN
        RETURN;
    END IF;
    INSERT INTO hazard_deadline_changes (tenant, hazard_id, id, old_due, new_due, cause, changed_at, person_id, role)
    VALUES ((w.h).tenant, (w.h).id, uuid7(), (w.h).due_at, p_due, p_cause, w.now,
        CASE WHEN w.role <> 'system' THEN (w.me).person_id END, w.role);
    w.h.due_at := p_due;
END $$;

-- p_nodes: [{title, due_at}]. What is done of the former plan stays.
CREATE FUNCTION hazard_planned(w hazard_work, p_nodes jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE hazard_nodes n SET superseded_at = w.now
    WHERE n.tenant = (w.h).tenant AND n.hazard_id = (w.h).id AND n.done_at IS NULL AND n.superseded_at IS NULL;
    INSERT INTO hazard_nodes (tenant, hazard_id, node_id, title, due_at, planned_at, planned_by)
    SELECT (w.h).tenant, (w.h).id, uuid7(), n.node ->> 'title', (n.node ->> 'due_at')::timestamptz, w.now,
        CASE WHEN w.role <> 'system' THEN (w.me).person_id END
    FROM jsonb_array_elements(p_nodes) AS n (node);
END $$;

-- p_cause: midnight, capacity or rework. A blue whose day is over is one no longer; what was blue, or had no node yet, has
-- one from then on, due at the next midnight; so has what comes back to work without any. A due that somebody planned does
-- not move by it.
CREATE FUNCTION hazard_recoloured(INOUT w hazard_work, p_cause text) LANGUAGE plpgsql AS $$
DECLARE
    h hazards := w.h;
    v_due timestamptz := local_midnight((w.me).zone, w.now, setting(w.policy, 'hazard_days')::integer);
    v_role text := w.role;
    v_was text := h.colour;
BEGIN
    -- What comes back to work was passed over by whoever is just changing the capacity: wait for them.
    IF p_cause = 'rework' THEN
        PERFORM FROM places p WHERE p.tenant = h.tenant AND p.id = h.place_id FOR SHARE;
    END IF;
    h.capacity := (SELECT p.capacity FROM places p WHERE p.tenant = h.tenant AND p.id = h.place_id);
    h.same_day_fixable := h.same_day_fixable AND h.due_at > w.now;
    h.colour := hazard_colour(h.same_day_fixable, h.capacity, w.policy);
    h.capacity_unknown := h.colour = 'red' AND h.capacity IS NULL;
    IF h IS NOT DISTINCT FROM w.h AND (p_cause <> 'rework' OR h.due_at IS NOT NULL) THEN
        RETURN;
    END IF;
    w.role := 'system';
    IF h IS DISTINCT FROM w.h THEN
        w := hazard_recolour_noted(w, h, p_cause);
    END IF;
    IF h.colour <> 'blue' AND (v_was = 'blue' OR h.due_at IS NULL) AND v_due IS DISTINCT FROM (w.h).due_at THEN
        PERFORM hazard_planned(w, jsonb_build_array(jsonb_build_object('title', '限期整改', 'due_at', v_due)));
        w := hazard_due_to(w, v_due, 'recolour');
    END IF;
    w.role := v_role;
END $$;
COMMENT ON FUNCTION hazard_recoloured(hazard_work, text) IS 'The hazard in the colour that it has now, with its event if that is news.';

CREATE FUNCTION hazard_recolour_noted(INOUT w hazard_work, p_new hazards, p_cause text) LANGUAGE plpgsql AS $$
DECLARE
    v_data jsonb := jsonb_build_object('cause', p_cause, 'colour_from', (w.h).colour, 'colour_to', p_new.colour,
        'capacity_from', (w.h).capacity, 'capacity_to', p_new.capacity,
        'capacity_unknown', CASE WHEN p_new.capacity_unknown THEN true END);
BEGIN
    w.h := p_new;
    w := hazard_to(w, 'recolour', '=', NULL, v_data);
END $$;

-- The midnight that the clock job has not come to yet.
CREATE FUNCTION hazard_settled(INOUT w hazard_work) LANGUAGE plpgsql AS $$
DECLARE
    v_now timestamptz := w.now;
BEGIN
    IF (w.h).state IN ('open', 'rectifying') AND (w.h).colour = 'blue' AND (w.h).due_at <= v_now THEN
        w.now := greatest((w.h).due_at, (w.h).updated_at);
        w := hazard_recoloured(w, 'midnight');
        w.now := v_now;
    END IF;
END $$;
COMMENT ON FUNCTION hazard_settled(hazard_work) IS 'The hazard as the midnights until now have made it.';

CREATE FUNCTION hazard_updated(h hazards) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE hazards x SET version = h.version, state = h.state, colour = h.colour, same_day_fixable = h.same_day_fixable,
        capacity = h.capacity, capacity_unknown = h.capacity_unknown, due_at = h.due_at, workers = h.workers,
        started_at = h.started_at, started_by = h.started_by, rectified_at = h.rectified_at, submitted_by = h.submitted_by,
        result = h.result, verified_at = h.verified_at, verified_by = h.verified_by, sole_person = h.sole_person,
        rework_count = h.rework_count, case_id = h.case_id, requests_pending = h.requests_pending, event_seq = h.event_seq,
        clock_next_at = h.clock_next_at, updated_at = h.updated_at
    WHERE x.tenant = h.tenant AND x.id = h.id;
END $$;

-- A row of everything is inserted once, by create.
CREATE FUNCTION hazard_written(INOUT w hazard_work) LANGUAGE plpgsql AS $$
DECLARE
    h hazards;
BEGIN
    IF (w.h).requests_pending > 0 AND (w.h).state <> (w.old).state THEN
        w := hazard_requests_expired(w);
    END IF;
    h := w.h;
    h.clock_next_at := CASE WHEN h.state IN ('open', 'rectifying') AND h.colour = 'blue' THEN h.due_at END;
    h.version := (w.old).version + 1;
    w.h := h;
    PERFORM hazard_updated(h);
    INSERT INTO hazard_events SELECT e.* FROM unnest(w.events) AS e;
END $$;
COMMENT ON FUNCTION hazard_written(hazard_work) IS 'The work, written.';

-- Of work that was refused: what had come of the hazard before anybody asked.
CREATE FUNCTION hazard_midnight_kept(w hazard_work) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF w.events <> '{}' THEN
        PERFORM hazard_written(w);
    END IF;
END $$;
