-- Intake: one call that may also accept, register, start and arrive, each by its own rule, or else does nothing at all.

-- What intake needs of the street: one look.
CREATE TYPE intake_scene AS (
    number_prefix text,
    policy_version integer,
    policy jsonb,
    active boolean,           -- of the category; null: there is none of this code
    on_scene boolean,
    questions jsonb
);

CREATE FUNCTION intake_scene(p_tenant text, p_category text, p_now timestamptz) RETURNS intake_scene LANGUAGE plpgsql STABLE AS $$
DECLARE
    v intake_scene;
BEGIN
    SELECT s.number_prefix, coalesce(p.version, 0), p.settings, k.active, k.on_scene, k.questions
    INTO v
    FROM tenants s LEFT JOIN categories k ON k.tenant = s.tenant AND k.code = p_category
    LEFT JOIN LATERAL (
        SELECT x.version, x.settings FROM policies x WHERE x.tenant = s.tenant AND x.valid_from <= p_now
        ORDER BY x.version DESC LIMIT 1) AS p ON true
    WHERE s.tenant = p_tenant;
    RETURN v;
END $$;

-- A citizen reports for themselves; staff who name nobody found it themselves.
CREATE FUNCTION reporter_drafted(INOUT c cases, p_me actor, p_reporter jsonb) LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_citizen boolean := c.created_role = 'citizen';
BEGIN
    c.reporter_name := coalesce(p_reporter ->> 'name', CASE WHEN v_citizen THEN nullif(p_me.name, '') END);
    c.reporter_phone := p_reporter ->> 'phone';
    IF v_citizen AND c.reporter_phone IS NULL THEN
        c.reporter_phone := (SELECT p.phone FROM people p WHERE p.tenant = c.tenant AND p.id = p_me.person_id);
    END IF;
    c.reporter_anonymous := coalesce((p_reporter ->> 'anonymous')::boolean, false);
    c.reporter_private := coalesce((p_reporter ->> 'private')::boolean, false);
    c.reporter_contactable := coalesce((p_reporter ->> 'contactable')::boolean,
        NOT c.reporter_anonymous AND (v_citizen OR c.reporter_phone IS NOT NULL));
    c.reporters := CASE WHEN v_citizen AND p_me.person_id IS NOT NULL THEN ARRAY[p_me.person_id] ELSE '{}' END;
END $$;

CREATE FUNCTION tags_of(p_tags jsonb) RETURNS text[] LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    IF coalesce(jsonb_typeof(p_tags), 'null') = 'null' THEN
        RETURN '{}';
    END IF;
    RETURN ARRAY(SELECT DISTINCT jsonb_array_elements_text(p_tags) ORDER BY 1);
END $$;

-- The row as intake would have it; what its references lead to is checked apart.
CREATE FUNCTION case_drafted(p_me actor, p_id uuid, p_now timestamptz, b jsonb, s intake_scene)
RETURNS cases LANGUAGE plpgsql STABLE AS $$
DECLARE
    c cases;
    v_role text := creating_role(p_me.bits);
BEGIN
    c.tenant := p_me.tenant;
    c.id := p_id;
    c.version := 1;
    c.state := 'received';
    c.kind := b ->> 'kind';
    c.category := b ->> 'category';
    c.title := b ->> 'title';
    c.description := b ->> 'description';
    c.level := 'ordinary';
    c.proposed_level := b ->> 'level';
    c.source := coalesce(b ->> 'source', CASE v_role WHEN 'citizen' THEN 'resident_app' WHEN 'grid_worker' THEN 'patrol'
        WHEN 'window_clerk' THEN 'window' ELSE 'other' END);
    c.tags := tags_of(b -> 'tags');
    c.answers := coalesce(nullif(b -> 'answers', 'null'), '{}');
    c.point := wgs84_point(b -> 'location');
    c.address := coalesce(b ->> 'address', b #>> '{location,address}');
    c.place_id := (b ->> 'place_id')::uuid;
    c := case_placed(c, b ->> 'area');
    c.created_by := p_me.person_id;
    c.created_role := v_role;
    c.created_org := p_me.org;
    c := reporter_drafted(c, p_me, b -> 'reporter');
    c.first_contact := CASE WHEN v_role NOT IN ('citizen', 'client') THEN p_me.person_id END;
    c.withdrawn := '{}';
    c.workers := '{}';
    c.organisations := '{}';
    c.open_orgs := '{}';
    c.tickets_issued := 0;
    c.tickets_open := 0;
    c.tickets_unsubmitted := 0;
    c.policy_version := s.policy_version;
    c.claimed_at := (b ->> 'claimed_at')::timestamptz;
    c.received_at := p_now;
    c.round := 1;
    c.round_started_at := p_now;
    c.round_suspended := '0';
    c.arrive_due_at := CASE WHEN s.on_scene THEN p_now + policy_minutes(s.policy, 'arrive_minutes') END;
    c.resolve_run := 1;
    c.resolve_due_at := p_now + policy_minutes(s.policy, 'ordinary_minutes');
    c.resolve_cause := 'level';
    c.plan_run := 1;
    c.plan_parties := '{}';
    c.fired := '{}';
    c.state_at := p_now;
    c.never_sampled := false;
    c.signed_round := 0;
    c.objected := false;
    c.rework_count := 0;
    c.urge_count := 0;
    c.callback_tries := 0;
    c.supervised := '{}';
    c.attachments_hung := 0;
    c.refs_known := 0;
    c.requests_pending := 0;
    c.event_seq := 0;
    c.updated_at := p_now;
    RETURN c;
END $$;
COMMENT ON FUNCTION case_drafted(actor, uuid, timestamptz, jsonb, intake_scene) IS 'A new case in memory.';

-- Whether the same call goes on with further steps.
CREATE FUNCTION create_goes_on(p_body jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 'true' IN (coalesce(p_body -> 'register', 'null'), coalesce(p_body -> 'start_source', 'null'), coalesce(p_body -> 'arrived', 'null'));

-- The further steps of a call, each with the body its own operation would have had.
CREATE FUNCTION create_steps(w work) RETURNS TABLE (action text, body jsonb) LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY SELECT s.action, s.body
    FROM (VALUES
        (1, (w.body -> 'register') = 'true', 'accept', '{}'::jsonb),
        (2, (w.body -> 'register') = 'true', 'register', jsonb_build_object('level', coalesce(w.body ->> 'level',
            (SELECT k.default_level FROM categories k WHERE k.tenant = (w.c).tenant AND k.code = (w.c).category), 'ordinary'))),
        (3, (w.body -> 'start_source') = 'true', 'start_source', '{}'::jsonb),
        (4, (w.body -> 'arrived') = 'true', 'arrive', jsonb_build_object(
            'point', coalesce(nullif(w.body -> 'point', 'null'), w.body -> 'location'), 'claimed_at', w.body -> 'claimed_at'))
    ) AS s (n, wanted, action, body)
    WHERE s.wanted ORDER BY s.n;
END $$;

-- Walks the steps in memory: where one refuses, the whole call does.
CREATE FUNCTION create_check_steps(INOUT w work) LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_step record;
    v_ahead work := w;
BEGIN
    FOR v_step IN SELECT * FROM create_steps(w) LOOP
        v_ahead.action := v_step.action;
        v_ahead.body := v_step.body;
        v_ahead := case_check(v_ahead);
        IF v_ahead.code IS NOT NULL THEN
            w := refused(w, v_ahead.code, v_ahead.pointer, v_ahead.detail);
            RETURN;
        END IF;
        v_ahead.c.state := CASE v_ahead.to_state WHEN '=' THEN (v_ahead.c).state ELSE v_ahead.to_state END;
        IF v_step.action = 'start_source' THEN
            v_ahead.c.handler := (w.me).person_id;
        END IF;
    END LOOP;
    IF (w.body -> 'arrived') = 'true' AND wgs84_point(coalesce(nullif(w.body -> 'point', 'null'), w.body -> 'location')) IS NULL THEN
        w := refused(w, 'required', '/point');
    END IF;
END $$;

CREATE FUNCTION create_check_references(INOUT w work, s intake_scene) LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF s.active IS NOT TRUE THEN
        w := refused(w, 'unknown_reference', '/category');
    END IF;
    IF w.code IS NULL AND w.body ? 'area' THEN
        w := area_known(w);
    END IF;
    IF w.code IS NULL AND w.body ? 'attachments' THEN
        w := attachments_known(w);
    END IF;
    IF w.code IS NULL AND w.body ? 'place_id' THEN
        w := place_known(w);
    END IF;
    IF w.code IS NULL AND NOT is_placed(w.c) THEN
        w := refused(w, 'place_missing', '/location');
    END IF;
    IF w.code IS NULL AND (s.questions <> '[]' OR w.body ? 'answers') THEN
        w := answers_known(w, s.questions);
    END IF;
END $$;

CREATE FUNCTION create_check(INOUT w work, s intake_scene) LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF w.body ? 'external_ref' THEN
        IF EXISTS (SELECT FROM external_refs e
            WHERE e.tenant = (w.c).tenant AND e.system = w.body #>> '{external_ref,system}'
                AND e.number = w.body #>> '{external_ref,number}') THEN
            w := refused(w, 'conflict', '/external_ref/number');
            RETURN;
        END IF;
    END IF;
    IF create_goes_on(w.body) THEN
        w := create_check_steps(w);
    END IF;
    IF w.code IS NULL THEN
        w := create_check_references(w, s);
    END IF;
END $$;
COMMENT ON FUNCTION create_check(work, intake_scene) IS 'The work, or why intake refuses; writes nothing.';

CREATE FUNCTION case_inserted(c cases) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO cases (tenant, id, serial, number, state, kind, category, title, description, proposed_level, source, tags,
        answers, point, address, place_id, area, community, created_by, created_role, created_org, reporter_name,
        reporter_phone, reporter_anonymous, reporter_private, reporter_contactable, reporters, first_contact, policy_version,
        claimed_at, received_at, round_started_at, arrive_due_at, resolve_due_at, overdue_at, clock_next_at, state_at,
        attachments_hung, refs_known, event_seq, updated_at)
    VALUES (c.tenant, c.id, c.serial, c.number, c.state, c.kind, c.category, c.title, c.description, c.proposed_level,
        c.source, c.tags, c.answers, c.point, c.address, c.place_id, c.area, c.community, c.created_by, c.created_role,
        c.created_org, c.reporter_name, c.reporter_phone, c.reporter_anonymous, c.reporter_private, c.reporter_contactable,
        c.reporters, c.first_contact, c.policy_version, c.claimed_at, c.received_at, c.round_started_at, c.arrive_due_at,
        c.resolve_due_at, c.overdue_at, c.clock_next_at, c.state_at, c.attachments_hung, c.refs_known, c.event_seq,
        c.updated_at);
END $$;

-- What hangs on a new case from the start.
CREATE FUNCTION create_written(INOUT w work) LANGUAGE plpgsql AS $$
DECLARE
    c cases;
    b jsonb := w.body;
BEGIN
    w.role := (w.c).created_role;
    w := case_settle(w, w.now);
    w := happened(w, 'create', NULL, 'received', 'public', NULL, jsonb_build_object(
        'source', (w.c).source, 'category', (w.c).category, 'proposed_level', (w.c).proposed_level));
    w.c.refs_known := (b #>> '{external_ref,system}' IS NOT NULL)::integer;
    w := attach(w, 'intake');
    c := w.c;
    PERFORM case_inserted(c);
    INSERT INTO case_texts (tenant, case_id, grams)
    VALUES (c.tenant, c.id, case_grams(c.title, c.description, c.address));
    IF c.created_role = 'citizen' OR coalesce(b -> 'reporter', 'null') <> 'null' THEN
        INSERT INTO case_reporters (tenant, case_id, n, person_id, name, phone, anonymous, private, contactable, at)
        VALUES (c.tenant, c.id, 1, c.reporters[1], c.reporter_name, c.reporter_phone, c.reporter_anonymous,
            c.reporter_private, c.reporter_contactable, w.now);
    END IF;
    IF b #>> '{external_ref,system}' IS NOT NULL THEN
        INSERT INTO external_refs (tenant, system, number, case_id, due_at)
        VALUES (c.tenant, b #>> '{external_ref,system}', b #>> '{external_ref,number}', c.id,
            (b #>> '{external_ref,due_at}')::timestamptz);
    END IF;
END $$;

CREATE FUNCTION create_done(INOUT w work) LANGUAGE plpgsql AS $$
DECLARE
    v_step record;
    v_body jsonb := w.body;
    m case_moves;
BEGIN
    w.old := w.c;
    FOR v_step IN SELECT * FROM create_steps(w) LOOP
        w.action := v_step.action;
        w.body := v_step.body;
        SELECT * INTO m FROM case_moves x WHERE x.state = (w.c).state AND x.action = v_step.action;
        w.role := acting_role(m.who, m.bits, case_bits(w.me, w.c));
        w := case_do(w);
    END LOOP;
    w.body := v_body;
END $$;

-- A citizen's first write makes the person, who is then this case's reporter. MS20241123-000123: the street's letters, the
-- local date, the serial modulo a million.
CREATE FUNCTION create_known(INOUT w work, s intake_scene) LANGUAGE plpgsql AS $$
DECLARE
    c cases := w.c;
BEGIN
    IF (w.me).person_id IS NULL THEN
        w.me := me_known(w.me);
        c.created_by := (w.me).person_id;
        c.reporters := ARRAY[(w.me).person_id];
    END IF;
    c.serial := nextval('case_serial');
    c.number := s.number_prefix || to_char(c.received_at AT TIME ZONE w.zone, 'YYYYMMDD') || '-'
        || lpad((c.serial % 1000000)::text, 6, '0');
    w.c := c;
END $$;

-- The work of an intake, done or refused.
CREATE FUNCTION case_taken_in(p_me actor, p_id uuid, p_now timestamptz, p_body jsonb) RETURNS work LANGUAGE plpgsql AS $$
DECLARE
    s intake_scene := intake_scene(p_me.tenant, p_body ->> 'category', p_now);
    w work := work_of(p_me, p_now, 'create', p_body,
        (case_drafted(p_me, p_id, p_now, p_body, s), NULL, s.policy)::scene);
BEGIN
    w := create_check(w, s);
    IF w.code IS NOT NULL THEN
        RETURN w;
    END IF;
    w := create_written(create_known(w, s));
    IF create_goes_on(p_body) THEN
        w := case_written(create_done(w));
    ELSE
        PERFORM events_written(w);
    END IF;
    RETURN w;
END $$;
COMMENT ON FUNCTION case_taken_in(actor, uuid, timestamptz, jsonb) IS 'The work of an intake, with the new case; or refused.';

-- Same category, near, open, recent: staff get the ids, a resident a count. The index cases_near cuts the map into rows, and
-- holds longitude and latitude in each: next to nothing outside of the box is read, nothing fetched.
CREATE FUNCTION duplicates_of(c cases, p_policy jsonb, p_now timestamptz) RETURNS uuid[] LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_metres double precision := setting(p_policy, 'duplicate_metres')::double precision;
    v_after timestamptz := p_now - days(p_policy, 'duplicate_days');
    v_lon double precision := st_x(c.point);
    v_lat double precision := st_y(c.point);
    -- Degrees: nowhere on the ellipsoid is one of them shorter than this.
    v_high double precision := v_metres / 110574;
    v_wide double precision := v_metres / (111319 * cos(radians(least(abs(v_lat) + v_high, 89.9))));
    v_rows integer[] := '{}'; -- of the map
BEGIN
    IF v_lon IS NULL THEN
        RETURN '{}';
    END IF;
    FOR v_row IN floor((v_lat - v_high) * 2000) .. floor((v_lat + v_high) * 2000) LOOP
        v_rows := v_rows || v_row;
    END LOOP;
    -- Twenty are enough to look at, whichever they are: where thousands report one thing, the last of them costs no more than the twentieth.
    RETURN ARRAY(
        SELECT n.id FROM (
            SELECT x.id, x.received_at FROM cases x
            WHERE x.tenant = c.tenant AND x.category = c.category AND x.ended IS NULL AND x.point IS NOT NULL
                AND floor(st_y(x.point) * 2000)::integer = ANY (v_rows)
                AND st_y(x.point) BETWEEN v_lat - v_high AND v_lat + v_high
                AND st_x(x.point) BETWEEN v_lon - v_wide AND v_lon + v_wide
                AND x.id <> c.id AND x.received_at > v_after AND metres(x.point, c.point) <= v_metres
            LIMIT 20) AS n
        ORDER BY n.received_at DESC);
END $$;
COMMENT ON FUNCTION duplicates_of(cases, jsonb, timestamptz) IS 'Ids of cases that may be the same, at most 20; the newest first.';
