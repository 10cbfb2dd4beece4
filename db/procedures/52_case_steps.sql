-- What the actions of a case do, once nothing refuses: from intake to source_done, plan and feedback.
-- Each changes w.c in memory, notes its event, and writes the rows that hang on the case.

CREATE FUNCTION worked(INOUT w work) LANGUAGE plpgsql AS $$
BEGIN
    IF (w.me).person_id <> ALL ((w.c).workers) THEN
        w.c.workers := (w.c).workers || (w.me).person_id;
        IF w.role IN ('grid_worker', 'community') THEN
            INSERT INTO case_workers (tenant, person_id, received_at, case_id)
            VALUES ((w.c).tenant, (w.me).person_id, (w.c).received_at, (w.c).id)
            ON CONFLICT DO NOTHING;
        END IF;
    END IF;
END $$;
COMMENT ON FUNCTION worked(work) IS 'The person has worked on the case and may not check it.';

CREATE FUNCTION do_accept(INOUT w work) LANGUAGE plpgsql AS $$
BEGIN
    w.c.first_contact := coalesce((w.c).first_contact, (w.me).person_id);
    w := case_to(w, 'accept', 'accepted', w.body ->> 'note');
END $$;

CREATE FUNCTION do_reject(INOUT w work) LANGUAGE plpgsql AS $$
BEGIN
    w.c.reject_code := w.body ->> 'code';
    w.c.reject_basis := w.body ->> 'basis';
    w.c.reject_reason := w.body ->> 'reason';
    w := case_to(w, 'reject', 'rejected', w.body ->> 'reason', w.body - 'reason');
END $$;

-- A level from whoever may give one: its due times count from the start of the round.
CREATE FUNCTION registered_as(INOUT w work, p_level text, p_note text) LANGUAGE plpgsql AS $$
BEGIN
    w.c.level := p_level;
    w.c.category := coalesce(w.body ->> 'category', (w.c).category);
    w.c.registered_at := w.now;
    w := case_to(w, 'register', 'registered', p_note,
        jsonb_build_object('level', p_level, 'category', (w.c).category));
    w := level_dues(w, 'register');
END $$;
COMMENT ON FUNCTION registered_as(work, text, text) IS 'The case, registered at a level.';

CREATE FUNCTION do_start_source(INOUT w work) LANGUAGE plpgsql AS $$
BEGIN
    w.c.handler := (w.me).person_id;
    IF (w.c).first_handler IS NULL AND (w.c).first_handler_org IS NULL THEN
        w.c.first_handler := (w.me).person_id;
    END IF;
    w := worked(w);
    w := case_to(w, 'start_source', 'source_handling', w.body ->> 'note');
END $$;

CREATE FUNCTION do_arrive(INOUT w work) LANGUAGE plpgsql AS $$
DECLARE
    v_point geometry := wgs84_point(w.body -> 'point');
    v_accuracy double precision := (w.body #>> '{point,accuracy}')::double precision;
    v_photo uuid := (w.body ->> 'photo')::uuid;
    c cases;
BEGIN
    w := worked(w);
    c := w.c;
    c.arrived_at := coalesce(c.arrived_at, w.now);
    IF c.point IS NULL THEN
        c.point := v_point;
        IF c.area IS NULL THEN
            c := case_placed(c, NULL);
        END IF;
    END IF;
    w.c := c;
    w := case_to(w, 'arrive', '=', NULL, jsonb_build_object(
        'lon', st_x(v_point), 'lat', st_y(v_point), 'accuracy', v_accuracy, 'claimed_at', w.body -> 'claimed_at'));
    INSERT INTO arrivals (tenant, case_id, id, at, person_id, role, organisation, point, accuracy, claimed_at, photo)
    VALUES (c.tenant, c.id, uuid7(), w.now, (w.me).person_id, w.role, (w.me).org, v_point, v_accuracy,
        (w.body ->> 'claimed_at')::timestamptz, v_photo);
    w := attach(w, 'result', 'photo');
END $$;

CREATE FUNCTION do_source_done(INOUT w work) LANGUAGE plpgsql AS $$
BEGIN
    w := worked(w);
    w.c.result := w.body ->> 'result';
    w.c.reply := w.body ->> 'reply';
    w.c.resolved_at := w.now;
    w.c.state_before := 'source_handling';
    w := case_to(w, 'source_done', 'checking', w.body ->> 'reply', jsonb_build_object('result', w.body -> 'result'));
    w := attach(w, 'result');
    w := sampled(w);
END $$;

-- Place, category and reporter as an edit would leave them; null clears.
CREATE FUNCTION case_edited(w work) RETURNS cases LANGUAGE plpgsql STABLE AS $$
DECLARE
    c cases := w.c;
    v_reporter jsonb := coalesce(nullif(w.body -> 'reporter', 'null'), '{}');
BEGIN
    c.point := CASE WHEN w.body ? 'location' THEN wgs84_point(w.body -> 'location') ELSE c.point END;
    c.address := CASE WHEN w.body ? 'address' THEN w.body ->> 'address'
        WHEN w.body -> 'location' ? 'address' THEN w.body #>> '{location,address}' ELSE c.address END;
    IF w.body ?| ARRAY['location', 'area'] THEN
        -- Clearing the point leaves the area that was known.
        c := case_placed(c, CASE WHEN w.body ? 'area' THEN w.body ->> 'area' WHEN c.point IS NULL THEN c.area END);
    END IF;
    c.category := coalesce(w.body ->> 'category', c.category);
    c.reporter_name := CASE WHEN v_reporter ? 'name' THEN v_reporter ->> 'name' ELSE c.reporter_name END;
    c.reporter_phone := CASE WHEN v_reporter ? 'phone' THEN v_reporter ->> 'phone' ELSE c.reporter_phone END;
    c.reporter_anonymous := coalesce((v_reporter ->> 'anonymous')::boolean, c.reporter_anonymous);
    c.reporter_private := coalesce((v_reporter ->> 'private')::boolean, c.reporter_private);
    c.reporter_contactable := coalesce((v_reporter ->> 'contactable')::boolean, c.reporter_contactable);
    RETURN c;
END $$;
COMMENT ON FUNCTION case_edited(work) IS 'The case as the body of an edit would have it.';

CREATE FUNCTION do_edit(INOUT w work) LANGUAGE plpgsql AS $$
DECLARE
    c cases := case_edited(w);
BEGIN
    w.c := c;
    w := case_to(w, 'edit', '=', w.body ->> 'reason', jsonb_build_object(
        'category', c.category, 'area', c.area, 'address', c.address, 'lon', st_x(c.point), 'lat', st_y(c.point),
        'reporter', w.body ? 'reporter'));
    IF w.body ? 'reporter' THEN
        -- The reporter on record is the first who has not withdrawn.
        INSERT INTO case_reporters AS r (tenant, case_id, n, name, phone, anonymous, private, contactable, at)
        SELECT c.tenant, c.id, coalesce(min(x.n), 1), c.reporter_name, c.reporter_phone, c.reporter_anonymous, c.reporter_private,
            c.reporter_contactable, w.now
        FROM case_reporters x WHERE x.tenant = c.tenant AND x.case_id = c.id AND x.withdrawn_at IS NULL
        ON CONFLICT (tenant, case_id, n) DO UPDATE SET name = excluded.name, phone = excluded.phone,
            anonymous = excluded.anonymous, private = excluded.private, contactable = excluded.contactable;
    END IF;
    UPDATE case_texts SET grams = case_grams(c.title, c.description, c.address) WHERE tenant = c.tenant AND case_id = c.id;
END $$;

CREATE FUNCTION do_plan(INOUT w work) LANGUAGE plpgsql AS $$
BEGIN
    w := worked(w);
    w.c.planned_at := coalesce((w.c).planned_at, w.now);
    w := request_opened(w, 'plan', w.body ->> 'note', w.body - 'note', NULL);
    INSERT INTO plan_steps (tenant, case_id, step_id, request_id, n, what, due_at, who_kind, who_id)
    SELECT (w.c).tenant, (w.c).id, uuid7(), (w.r).id, s.n, s.step ->> 'what', (s.step ->> 'due_at')::timestamptz,
        s.step #>> '{who,kind}', s.step #>> '{who,id}'
    FROM jsonb_array_elements(w.body -> 'steps') WITH ORDINALITY AS s (step, n);
    w := case_to(w, 'plan', '=', w.body ->> 'note', w.body - 'note', (w.r).id);
END $$;

-- Who is still named by the plan in force.
CREATE FUNCTION plan_counted(INOUT w work) LANGUAGE plpgsql AS $$
BEGIN
    w.c.plan_parties := ARRAY(
        SELECT DISTINCT s.who_kind || ':' || s.who_id FROM plan_steps s
        WHERE s.tenant = (w.c).tenant AND s.case_id = (w.c).id AND s.request_id = (w.c).plan_request
            AND s.done_at IS NULL AND s.waived_at IS NULL ORDER BY 1);
END $$;

CREATE FUNCTION do_step(INOUT w work) LANGUAGE plpgsql AS $$
DECLARE
    v_done boolean := w.action = 'step_done';
BEGIN
    IF v_done THEN
        w := worked(w);
    END IF;
    UPDATE plan_steps s SET
        done_at = CASE WHEN v_done THEN w.now END, done_by = CASE WHEN v_done THEN (w.me).person_id END,
        waived_at = CASE WHEN NOT v_done THEN w.now END, waived_by = CASE WHEN NOT v_done THEN (w.me).person_id END,
        note = coalesce(w.body ->> 'note', w.body ->> 'reason')
    WHERE s.tenant = (w.c).tenant AND s.case_id = (w.c).id AND s.step_id = (w.body ->> 'step_id')::uuid;
    w := plan_counted(w);
    w.touched := true;
    w := case_to(w, w.action, '=', coalesce(w.body ->> 'note', w.body ->> 'reason'),
        jsonb_build_object('step_id', w.body -> 'step_id'), (w.c).plan_request);
END $$;

-- The latest submission among the tickets closed in this round is when the work was done.
CREATE FUNCTION do_feedback(INOUT w work) LANGUAGE plpgsql AS $$
DECLARE
    v_lead tickets;
BEGIN
    SELECT * INTO v_lead FROM tickets t WHERE t.tenant = (w.c).tenant AND t.id = (w.c).lead_ticket;
    w.c.resolved_at := coalesce(
        (SELECT max(t.submitted_at) FROM tickets t
            WHERE t.tenant = (w.c).tenant AND t.case_id = (w.c).id AND t.state = 'closed' AND t.closed_round = (w.c).round),
        w.now);
    w.c.result := v_lead.result;
    w.c.reply := coalesce(w.body ->> 'reply', v_lead.reply);
    w.c.state_before := 'handling';
    w := case_to(w, 'feedback', 'checking', (w.c).reply, jsonb_build_object('note', w.body -> 'note'));
    w := sampled(w);
END $$;

CREATE FUNCTION do_comment(INOUT w work) LANGUAGE plpgsql AS $$
BEGIN
    w := happened(w, 'comment', (w.c).state, (w.c).state,
        CASE w.body ->> 'visibility' WHEN 'public' THEN 'public' ELSE 'staff' END, w.body ->> 'text');
END $$;

CREATE FUNCTION do_urge(INOUT w work) LANGUAGE plpgsql AS $$
BEGIN
    w.c.urge_count := (w.c).urge_count + 1;
    w := case_to(w, 'urge', '=', w.body ->> 'text');
END $$;
