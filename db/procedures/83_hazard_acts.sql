-- Finding a hazard, and what is then done with it.

-- Each picture was uploaded by the caller, hangs nowhere yet, and is named once.
CREATE FUNCTION pictures_unknown(p_me actor, p_ids jsonb, p_field text) RETURNS objection LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_bad bigint;
BEGIN
    SELECT min(i.n) INTO v_bad
    FROM jsonb_array_elements_text(coalesce(p_ids, '[]')) WITH ORDINALITY AS i (id, n)
    WHERE NOT EXISTS (
            SELECT FROM attachments a
            WHERE a.tenant = p_me.tenant AND a.id = i.id::uuid AND a.created_by = p_me.person_id)
        OR EXISTS (SELECT FROM case_attachments x WHERE x.tenant = p_me.tenant AND x.attachment_id = i.id::uuid)
        OR EXISTS (SELECT FROM hazard_attachments x WHERE x.tenant = p_me.tenant AND x.attachment_id = i.id::uuid)
        OR EXISTS (
            SELECT FROM jsonb_array_elements_text(p_ids) WITH ORDINALITY AS j (id, n) WHERE j.id::uuid = i.id::uuid AND j.n < i.n);
    RETURN CASE WHEN v_bad IS NOT NULL THEN ROW('unknown_reference', format('/%s/%s', p_field, v_bad - 1), NULL)::objection END;
END $$;

CREATE FUNCTION pictures_hung(w hazard_work, p_stage text, p_field text, p_node uuid DEFAULT NULL) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO hazard_attachments (tenant, hazard_id, attachment_id, stage, node_id, event_seq)
    SELECT (w.h).tenant, (w.h).id, i.id::uuid, p_stage, p_node, (w.h).event_seq
    FROM jsonb_array_elements_text(coalesce(w.body -> p_field, '[]')) AS i (id);
END $$;

CREATE FUNCTION node_bad(w hazard_work, p_from timestamptz, p_upto timestamptz, p_code text) RETURNS objection
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_bad bigint;
BEGIN
    SELECT min(n.n) INTO v_bad
    FROM jsonb_array_elements(coalesce(w.body -> 'nodes', '[]')) WITH ORDINALITY AS n (node, n)
    WHERE (n.node ->> 'due_at')::timestamptz <= p_from OR (n.node ->> 'due_at')::timestamptz > p_upto;
    RETURN CASE WHEN v_bad IS NOT NULL THEN ROW(p_code, format('/nodes/%s/due_at', v_bad - 1), NULL)::objection END;
END $$;

CREATE FUNCTION last_node_due(p_nodes jsonb) RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT max((n.value ->> 'due_at')::timestamptz) FROM jsonb_array_elements(p_nodes) AS n);
END $$;

-- 422 of a plan: the first gives red and orange their due, a later one keeps it.
CREATE FUNCTION nodes_objection(w hazard_work) RETURNS objection LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_bad objection := coalesce(node_bad(w, w.now, NULL, 'not_in_future'), node_bad(w, NULL, (w.h).due_at, 'out_of_range'));
BEGIN
    RETURN CASE WHEN v_bad.code IS NOT NULL THEN v_bad
        WHEN (w.h).colour <> 'blue' AND last_node_due(w.body -> 'nodes') < (w.h).due_at
            THEN ROW('out_of_range', '/nodes', NULL)::objection END;
END $$;

-- Intake

-- What finding a hazard needs of the street: one look. No area: there is no such place.
CREATE TYPE place_scene AS (
    area text,
    community text,
    capacity integer,
    category boolean,         -- whether there is one of this code
    organisation boolean,     -- whether who is to supervise is there, if somebody is named
    policy_version integer,
    policy jsonb
);

CREATE FUNCTION place_scene(p_me actor, b jsonb, p_now timestamptz) RETURNS place_scene LANGUAGE plpgsql AS $$
DECLARE
    v place_scene;
BEGIN
    SELECT p.grid_code, a.community_code, p.capacity INTO v.area, v.community, v.capacity
    FROM places p JOIN areas a ON a.tenant = p.tenant AND a.code = p.grid_code
    WHERE p.tenant = p_me.tenant AND p.id = (b ->> 'place_id')::uuid
        AND (p.active_to IS NULL OR p.active_to > (p_now AT TIME ZONE p_me.zone)::date)
    FOR SHARE OF p;
    v.category := EXISTS (SELECT FROM categories k WHERE k.tenant = p_me.tenant AND k.code = b ->> 'category' AND k.active);
    v.organisation := b #>> '{responsible,organisation}' IS NULL OR EXISTS (
        SELECT FROM organisations o WHERE o.tenant = p_me.tenant AND o.code = b #>> '{responsible,organisation}' AND o.active);
    v.policy_version := coalesce((SELECT max(p.version) FROM policies p WHERE p.tenant = p_me.tenant AND p.valid_from <= p_now), 0);
    v.policy := policy_of(p_me.tenant, v.policy_version);
    RETURN v;
END $$;

CREATE FUNCTION hazard_acting_role(p_me actor, h hazards, p_action text) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_who text[] := (SELECT t.who FROM hazard_transitions t WHERE t.action = p_action);
BEGIN
    RETURN acting_role(v_who, bits_of(v_who), hazard_bits(p_me, h));
END $$;
COMMENT ON FUNCTION hazard_acting_role(actor, hazards, text) IS 'The role in which the caller may do this; null: may not';

CREATE FUNCTION hazard_drafted(p_me actor, p_id uuid, p_now timestamptz, b jsonb, p place_scene) RETURNS hazards
LANGUAGE plpgsql STABLE AS $$
DECLARE
    h hazards;
BEGIN
    h.tenant := p_me.tenant;
    h.id := p_id;
    h.version := 0;
    h.state := 'open';
    h.same_day_fixable := (b ->> 'same_day_fixable')::boolean;
    h.capacity := p.capacity;
    h.capacity_unknown := false;
    h.colour := hazard_colour(h.same_day_fixable, h.capacity, p.policy);
    h.category := b ->> 'category';
    h.description := b ->> 'description';
    h.place_id := (b ->> 'place_id')::uuid;
    h.area := p.area;
    h.community := p.community;
    h.found_at := coalesce((b ->> 'found_at')::timestamptz, p_now);
    h.found_by := p_me.person_id;
    h.found_org := p_me.org;
    h.responsible_name := b #>> '{responsible,name}';
    h.responsible_phone := b #>> '{responsible,phone}';
    h.responsible_org := b #>> '{responsible,organisation}';
    h.due_at := CASE WHEN h.colour = 'blue' THEN local_midnight(p_me.zone, h.found_at, 1) ELSE last_node_due(b -> 'nodes') END;
    h.workers := '{}';
    h.sole_person := false;
    h.rework_count := 0;
    h.policy_version := p.policy_version;
    h.requests_pending := 0;
    h.event_seq := 0;
    h.created_at := p_now;
    h.updated_at := p_now;
    RETURN h;
END $$;

-- Person before row. A place that nobody sees is a reference like any other.
CREATE FUNCTION hazard_create_objection(w hazard_work, p place_scene) RETURNS objection LANGUAGE plpgsql STABLE AS $$
DECLARE
    t hazard_transitions := (SELECT t FROM hazard_transitions t WHERE t.action = 'create');
    v_bad objection := pictures_unknown(w.me, w.body -> 'photos_before', 'photos_before');
BEGIN
    RETURN CASE
        WHEN p.area IS NULL THEN ROW('unknown_reference', '/place_id', NULL)::objection
        WHEN w.role IS NULL THEN ROW(person_refusal(w.me, t.who), NULL, NULL)::objection
        WHEN NOT p.category THEN ROW('unknown_reference', '/category', NULL)::objection
        WHEN NOT p.organisation THEN ROW('unknown_reference', '/responsible/organisation', NULL)::objection
        WHEN (w.h).found_at > w.now THEN ROW('not_in_past', '/found_at', NULL)::objection
        WHEN v_bad.code IS NOT NULL THEN v_bad
        -- A day that is over is none on which it could be fixed.
        WHEN ((w.h).colour <> 'blue' OR (w.h).due_at <= w.now) AND (w.h).capacity IS NULL
            THEN ROW('capacity_unknown', '/place_id', NULL)::objection
        ELSE nodes_objection(w) END;
END $$;

CREATE FUNCTION hazard_inserted(INOUT w hazard_work) LANGUAGE plpgsql AS $$
DECLARE
    v_data jsonb := jsonb_build_object('same_day_fixable', (w.h).same_day_fixable, 'capacity', (w.h).capacity);
BEGIN
    w := hazard_to(w, 'create', 'open', NULL, v_data);
    INSERT INTO hazards SELECT (w.h).*;
    PERFORM pictures_hung(w, 'before', 'photos_before');
    IF coalesce(w.body -> 'nodes', '[]') <> '[]' THEN
        PERFORM hazard_planned(w, w.body -> 'nodes');
    END IF;
    -- Written down when its day was over already.
    w := hazard_written(hazard_settled(w));
END $$;

CREATE FUNCTION hazard_create(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[],
    p_id uuid, p_key text, p_fingerprint text, p_now timestamptz, p_body jsonb)
RETURNS hazard_reply LANGUAGE plpgsql AS $$
DECLARE
    v_me actor := me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_key key_state;
    v_place place_scene;
    v_bad objection;
    w hazard_work;
BEGIN
    IF v_me.refusal IS NOT NULL THEN
        RETURN hazard_refusal(v_me.refusal);
    END IF;
    v_key := key_begin(p_tenant, p_actor, 'hazards.create', p_key, p_fingerprint);
    IF v_key.state = 'other' THEN
        RETURN hazard_refusal('idempotency_key_reused');
    ELSIF v_key.state = 'replay' THEN
        RETURN hazard_answered(v_me, v_key.object_id, true, v_now);
    END IF;
    v_place := place_scene(v_me, p_body, v_now);
    w := hazard_work_on(v_me, v_now, 'create', p_body, hazard_drafted(v_me, p_id, v_now, p_body, v_place));
    w.role := hazard_acting_role(v_me, w.h, 'create');
    v_bad := hazard_create_objection(w, v_place);
    IF v_bad.code IS NOT NULL THEN
        RETURN hazard_refusal(v_bad.code, v_bad.pointer);
    END IF;
    w.h.found_role := w.role;
    w := hazard_inserted(w);
    PERFORM key_remember(p_tenant, p_actor, 'hazards.create', p_key, p_fingerprint, p_id);
    RETURN hazard_answered(v_me, p_id, false, v_now);
END $$;
SELECT delegate('hazard_create(text, text, text[], text[], text, text[], uuid, text, text, timestamptz, jsonb)');

-- Acting

CREATE FUNCTION hazard_node(w hazard_work) RETURNS hazard_nodes LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT n FROM hazard_nodes n
        WHERE n.tenant = (w.h).tenant AND n.hazard_id = (w.h).id AND n.node_id = (w.body ->> 'node_id')::uuid
            AND n.superseded_at IS NULL);
END $$;

CREATE FUNCTION hazard_has_node(h hazards) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM hazard_nodes n WHERE n.tenant = h.tenant AND n.hazard_id = h.id AND n.superseded_at IS NULL);
END $$;

-- 409 and 422: what is wrong, if anything is.
CREATE FUNCTION hazard_guard(w hazard_work, p_guard text) RETURNS objection LANGUAGE plpgsql STABLE AS $$
DECLARE
    h hazards := w.h;
BEGIN
    RETURN CASE p_guard
        WHEN 'node_left' THEN CASE WHEN (hazard_node(w)).done_at IS NOT NULL THEN ROW('already_done', NULL, NULL)::objection END
        WHEN 'node_known' THEN CASE WHEN (hazard_node(w)).node_id IS NULL
            THEN ROW('unknown_reference', '/node_id', NULL)::objection END
        WHEN 'nodes_future' THEN node_bad(w, w.now, NULL, 'not_in_future')
        WHEN 'nodes_within' THEN nodes_objection(w)
        WHEN 'nodes_planned' THEN CASE WHEN h.colour <> 'blue' AND NOT hazard_has_node(h)
            THEN ROW('nodes_missing', NULL, NULL)::objection END
        WHEN 'extendable' THEN CASE WHEN h.colour = 'blue' OR h.due_at IS NULL
            THEN ROW('invalid_transition', NULL, jsonb_build_object('state', h.state,
                'allowed_actions', offered('hazard', h.state, hazard_bits(w.me, h))))::objection END
        WHEN 'extend_to' THEN CASE WHEN (w.body ->> 'until')::timestamptz <= greatest(h.due_at, w.now)
            THEN ROW('out_of_range', '/until', NULL)::objection END
        WHEN 'photo_after' THEN CASE WHEN coalesce(w.body -> 'photos_after', '[]') = '[]'
            THEN ROW('photo_missing', '/photos_after', NULL)::objection END END;
END $$;
COMMENT ON FUNCTION hazard_guard(hazard_work, text) IS 'Guards by the names that the table of transitions gives them.';

CREATE FUNCTION hazard_guards(INOUT w hazard_work, p_guards text[]) LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_guard text;
    v_bad objection;
BEGIN
    FOREACH v_guard IN ARRAY p_guards LOOP
        v_bad := hazard_guard(w, v_guard);
        IF w.code IS NULL AND v_bad.code IS NOT NULL THEN
            w := hazard_refuses(w, v_bad.code, v_bad.pointer, v_bad.detail);
        END IF;
    END LOOP;
END $$;

CREATE FUNCTION hazard_photos_objection(w hazard_work) RETURNS objection LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN coalesce(pictures_unknown(w.me, w.body -> 'photos_after', 'photos_after'), pictures_unknown(w.me, w.body -> 'photos', 'photos'));
END $$;

-- State, world, person, row; the first that applies answers.
CREATE FUNCTION hazard_check(INOUT w hazard_work) LANGUAGE plpgsql STABLE AS $$
DECLARE
    m hazard_moves;
    v_bad objection;
BEGIN
    SELECT * INTO m FROM hazard_moves x WHERE x.state = (w.h).state AND x.action = w.action AND x.offered;
    IF NOT FOUND THEN
        w := hazard_wrong_state(w);
        RETURN;
    END IF;
    w.to_state := m.to_state;
    w := hazard_guards(w, m.world);
    IF w.code IS NULL THEN
        w.role := acting_role(m.who, m.bits, hazard_bits(w.me, w.h));
        IF w.role IS NULL THEN
            w := hazard_refuses(w, person_refusal(w.me, m.who));
        END IF;
    END IF;
    w.sole := w.action IN ('pass', 'fail') AND (w.role = 'leader' OR (w.me).person_id = ANY ((w.h).workers));
    IF w.code IS NULL THEN
        w := hazard_guards(w, m.fields);
    END IF;
    v_bad := hazard_photos_objection(w);
    IF w.code IS NULL AND v_bad.code IS NOT NULL THEN
        w := hazard_refuses(w, v_bad.code, v_bad.pointer);
    END IF;
END $$;
COMMENT ON FUNCTION hazard_check(hazard_work) IS 'The work with the role to do it in, or refused; writes nothing.';

CREATE FUNCTION do_hazard_plan(INOUT w hazard_work) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM hazard_planned(w, w.body -> 'nodes');
    IF (w.h).colour <> 'blue' THEN
        w := hazard_due_to(w, last_node_due(w.body -> 'nodes'), 'plan');
    END IF;
    w := hazard_to(w, 'plan', '=', w.body ->> 'note', jsonb_build_object('nodes', w.body -> 'nodes'));
END $$;

CREATE FUNCTION do_hazard_node(INOUT w hazard_work) LANGUAGE plpgsql AS $$
DECLARE
    n hazard_nodes := hazard_node(w);
BEGIN
    UPDATE hazard_nodes x SET done_at = w.now, done_by = (w.me).person_id, note = w.body ->> 'note'
    WHERE x.tenant = n.tenant AND x.hazard_id = n.hazard_id AND x.node_id = n.node_id;
    w := hazard_to(w, 'node_done', '=', w.body ->> 'note', jsonb_build_object('node_id', n.node_id, 'title', n.title));
    PERFORM pictures_hung(w, 'node', 'photos', n.node_id);
END $$;

CREATE FUNCTION hazard_worked(INOUT w hazard_work) LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF (w.me).person_id <> ALL ((w.h).workers) THEN
        w.h.workers := (w.h).workers || (w.me).person_id;
    END IF;
END $$;

CREATE FUNCTION do_hazard_start(INOUT w hazard_work) LANGUAGE plpgsql AS $$
BEGIN
    w := hazard_worked(w);
    w.h.started_at := w.now;
    w.h.started_by := (w.me).person_id;
    w := hazard_to(w, 'start', w.to_state, w.body ->> 'note');
END $$;

CREATE FUNCTION do_hazard_submit(INOUT w hazard_work) LANGUAGE plpgsql AS $$
BEGIN
    w := hazard_worked(w);
    w.h.rectified_at := w.now;
    w.h.submitted_by := (w.me).person_id;
    w.h.result := w.body ->> 'result';
    w := hazard_to(w, 'submit', w.to_state, w.body ->> 'result');
    PERFORM pictures_hung(w, 'after', 'photos_after');
END $$;

-- A row for the supervisors: nobody else could have done it.
CREATE FUNCTION hazard_sole_noted(w hazard_work, p_facts jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF w.sole THEN
        INSERT INTO accountability (tenant, id, kind, person_id, role, found_at, facts)
        VALUES ((w.h).tenant, uuid7(), 'sole_person', (w.me).person_id, 'supervisor', w.now,
            jsonb_build_object('hazard_id', (w.h).id) || p_facts);
    END IF;
END $$;

CREATE FUNCTION do_hazard_verify(INOUT w hazard_work) LANGUAGE plpgsql AS $$
DECLARE
    v_data jsonb := jsonb_build_object('sole_person', CASE WHEN w.sole THEN true END);
BEGIN
    IF w.action = 'pass' THEN
        w.h.verified_at := w.now;
        w.h.verified_by := (w.me).person_id;
        w.h.sole_person := w.sole;
        w := hazard_to(w, 'pass', w.to_state, w.body ->> 'note', v_data);
    ELSE
        w.h.rectified_at := NULL;
        w.h.submitted_by := NULL;
        w.h.rework_count := (w.h).rework_count + 1;
        w := hazard_to(w, 'fail', w.to_state, w.body ->> 'reason', v_data);
        w := hazard_recoloured(w, 'rework');
    END IF;
    PERFORM hazard_sole_noted(w, jsonb_build_object('action', w.action));
END $$;

CREATE FUNCTION hazard_do(INOUT w hazard_work) LANGUAGE plpgsql AS $$
BEGIN
    CASE w.action
        WHEN 'plan' THEN w := do_hazard_plan(w);
        WHEN 'node_done' THEN w := do_hazard_node(w);
        WHEN 'start' THEN w := do_hazard_start(w);
        WHEN 'submit' THEN w := do_hazard_submit(w);
        WHEN 'pass', 'fail' THEN w := do_hazard_verify(w);
        WHEN 'refer' THEN w := do_hazard_refer(w);
    END CASE;
END $$;
COMMENT ON FUNCTION hazard_do(hazard_work) IS 'The effect of an action on a hazard, nothing refusing any more.';

CREATE FUNCTION hazard_locked(p_me actor, p_hazard uuid) RETURNS hazards LANGUAGE plpgsql AS $$
DECLARE
    h hazards;
BEGIN
    SELECT * INTO h FROM hazards x WHERE x.tenant = p_me.tenant AND x.id = p_hazard FOR UPDATE;
    RETURN h;
END $$;

CREATE FUNCTION hazard_act(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[],
    p_action text, p_key text, p_fingerprint text, p_if_match bigint[], p_now timestamptz, p_hazard uuid, p_body jsonb)
RETURNS hazard_reply LANGUAGE plpgsql AS $$
DECLARE
    v_me actor := me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_operation text := 'hazards.' || p_action;
    v_key key_state;
    h hazards;
    w hazard_work;
BEGIN
    IF v_me.refusal IS NOT NULL THEN
        RETURN hazard_refusal(v_me.refusal);
    END IF;
    v_key := key_begin(p_tenant, p_actor, v_operation, p_key, p_fingerprint);
    IF v_key.state = 'other' THEN
        RETURN hazard_refusal('idempotency_key_reused');
    ELSIF v_key.state = 'replay' THEN
        RETURN hazard_answered(v_me, v_key.object_id, true, v_now);
    END IF;
    h := hazard_locked(v_me, p_hazard);
    IF NOT hazard_in_sight(v_me, h) THEN
        RETURN hazard_refusal('not_found');
    ELSIF is_stale(p_if_match, h.version) THEN
        RETURN hazard_refusal('precondition_failed', NULL, version_detail(h.version));
    END IF;
    w := hazard_settled(hazard_work_on(v_me, v_now, p_action, p_body, h));
    w := hazard_check(w);
    IF w.code IS NULL AND p_action = 'refer' THEN
        w := hazard_case_made(w);
    END IF;
    IF w.code IS NOT NULL THEN
        PERFORM hazard_midnight_kept(w);
        RETURN hazard_refusal(w.code, w.pointer, w.detail);
    END IF;
    w := hazard_written(hazard_do(w));
    PERFORM key_remember(p_tenant, p_actor, v_operation, p_key, p_fingerprint, p_hazard);
    RETURN hazard_answered(v_me, p_hazard, false, v_now);
END $$;
SELECT delegate(
    'hazard_act(text, text, text[], text[], text, text[], text, text, text, bigint[], timestamptz, uuid, jsonb)');
