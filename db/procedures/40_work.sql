-- What an action carries from its checks to its effects, and the small verbs of it: refuse, note an event, write it down.
-- Checks come first and touch this row in memory only; nothing is written before the last of them has passed.

CREATE TYPE work AS (
    me actor,
    now timestamptz,
    action text,
    variant text,
    to_state text,            -- where the table of transitions leads
    role text,                -- the role in which the person may do it
    body jsonb,
    policy jsonb,
    zone text,
    on_scene boolean,         -- of the category as it is now
    photo_required boolean,
    old cases,                -- as read under the lock
    c cases,                  -- as it will be
    t_old tickets,
    t tickets,
    r_old requests,
    r requests,
    events case_history[],
    touched boolean,          -- changed for its readers, though not in its own row
    next_at timestamptz,      -- earliest moment that the clocks of tickets and requests got by it
    sole boolean,             -- nobody else could have done it
    code text,                -- a refusal: code of errors.def, field, members of the problem
    pointer text,
    detail jsonb
);

-- What work on a case or a ticket begins with: found, and locked, by one look.
CREATE TYPE scene AS (
    c cases,
    t tickets,
    policy jsonb
);

CREATE FUNCTION refused(INOUT w work, p_code text, p_pointer text DEFAULT NULL, p_detail jsonb DEFAULT NULL)
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    w.code := p_code;
    w.pointer := p_pointer;
    w.detail := p_detail;
END $$;
COMMENT ON FUNCTION refused(work, text, text, jsonb) IS 'The work, refused.';

-- The row that a policy leaves out has the number that the source document or its practice gives.
CREATE FUNCTION policy_defaults() RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN jsonb '{
    "arrive_minutes": 5, "ordinary_minutes": 30, "complex_minutes": 240, "plan_minutes": 1440,
    "plan_again_minutes": 240, "reopen_working_days": 3,
    "emergency_sign_minutes": 10, "emergency_report_minutes": 30,
    "everyday_sign_minutes": 60, "everyday_contact_minutes": 1440, "everyday_report_days": 3, "everyday_finish_days": 3,
    "hard_sign_minutes": 60, "hard_contact_minutes": 1440, "hard_report_days": 3, "hard_finish_days": 5,
    "floor_sign_minutes": 10, "floor_contact_minutes": 60, "floor_report_minutes": 30, "floor_finish_minutes": 60,
    "working_hours": ["09:00", "12:00", "13:00", "17:00"],
    "return_working_minutes": 240, "return_decide_working_minutes": 30, "review_minutes": 1440,
    "object_days": 15, "reopen_days": 15, "rate_days": 7, "evaluate_days": 7, "suspend_days": 90,
    "urge_minutes": 60, "callback_minutes": 1440, "callback_tries": 3, "check_metres": 200, "check_accuracy_metres": 100, "check_share": {},
    "duplicate_metres": 50, "duplicate_days": 30, "stages": [80, 100, 120],
    "hint_cases": 3, "hint_metres": 200, "hint_days": 7, "appeal_days": 15,
    "hazard_people": 30, "hazard_days": 1,
    "satisfied_weights": {"1": 0, "2": 0, "3": 0.6, "4": 0.8, "5": 1},
    "score_weights": {"response": 30, "solve": 35, "satisfy": 35},
    "unreasonable_codes": ["false_report", "in_legal_process", "already_final"]
}';
COMMENT ON FUNCTION policy_defaults() IS 'What a policy''s settings may override.';

-- A policy in memory is what the street said itself; each number is asked for here, so that nobody merges forty for one.
CREATE FUNCTION setting(p_policy jsonb, p_name text) RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(p_policy -> p_name, policy_defaults() -> p_name);
COMMENT ON FUNCTION setting(jsonb, text) IS 'One number of a policy, its own or the default; NULL: no policy has this.';

CREATE FUNCTION policy_of(p_tenant text, p_version integer) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT p.settings FROM policies p WHERE p.tenant = p_tenant AND p.version = p_version);
END $$;
COMMENT ON FUNCTION policy_of(text, integer) IS 'What a version says; NULL of version 0, which is the defaults.';

CREATE FUNCTION policy_minutes(p_policy jsonb, p_name text) RETURNS interval LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN setting(p_policy, p_name)::double precision * interval '1 minute';

-- The category as it is now decides whether somebody must come and whether a photo is wanted; few actions ask.
CREATE FUNCTION work_category(INOUT w work) LANGUAGE plpgsql STABLE AS $$
BEGIN
    SELECT k.on_scene, k.photo_required INTO w.on_scene, w.photo_required
    FROM categories k WHERE k.tenant = (w.c).tenant AND k.code = (w.c).category;
END $$;

CREATE FUNCTION work_of(p_me actor, p_now timestamptz, p_action text, p_body jsonb, s scene) RETURNS work
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    w work;
BEGIN
    w.me := p_me;
    w.now := p_now;
    w.action := p_action;
    w.variant := '';
    w.body := p_body;
    w.old := s.c;
    w.c := s.c;
    w.t_old := s.t;
    w.t := s.t;
    w.policy := s.policy;
    w.zone := p_me.zone;
    w.events := '{}';
    w.sole := false;
    w.touched := false;
    RETURN w;
END $$;

CREATE FUNCTION work_on(p_me actor, p_now timestamptz, p_action text, p_body jsonb, p_case cases)
RETURNS work LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN work_of(p_me, p_now, p_action, p_body, (p_case, NULL, policy_of(p_case.tenant, p_case.policy_version))::scene);
END $$;
COMMENT ON FUNCTION work_on(actor, timestamptz, text, jsonb, cases) IS
    'The work of an action on a case that is locked.';

-- The system at work on a street: nobody, in its zone.
CREATE FUNCTION system_actor(p_tenant text) RETURNS actor LANGUAGE plpgsql STABLE AS $$
DECLARE
    v actor;
BEGIN
    v.tenant := p_tenant;
    v.zone := (SELECT s.zone FROM tenants s WHERE s.tenant = p_tenant);
    RETURN v;
END $$;

-- Appends an event. Its state before is not given but taken: the chain cannot break.
CREATE FUNCTION happened(INOUT w work, p_action text, p_from text, p_to text, p_shown text,
    p_note text DEFAULT NULL, p_data jsonb DEFAULT '{}', p_request uuid DEFAULT NULL, p_ticket uuid DEFAULT NULL)
LANGUAGE plpgsql AS $$
DECLARE
    e case_history;
    c cases := w.c;
BEGIN
    c.event_seq := c.event_seq + 1;
    c.updated_at := w.now;
    w.c := c;
    e.tenant := c.tenant;
    e.case_id := c.id;
    e.seq := c.event_seq;
    e.id := uuid7();
    e.ticket_id := p_ticket;
    e.request_id := p_request;
    e.action := p_action;
    e.from_state := p_from;
    e.to_state := p_to;
    e.round := c.round;
    e.at := w.now;
    e.role := w.role;
    IF w.role <> 'system' THEN
        e.person_id := (w.me).person_id;
        e.organisation := (w.me).org;
    END IF;
    e.visibility := p_shown;
    e.note := p_note;
    e.data := jsonb_strip_nulls(coalesce(p_data, '{}'));
    w.events := w.events || e;
END $$;
COMMENT ON FUNCTION happened(work, text, text, text, text, text, jsonb, uuid, uuid) IS 'The work with one more event.';

-- A case changes state here and nowhere else.
CREATE FUNCTION case_to(INOUT w work, p_action text, p_to text, p_note text DEFAULT NULL, p_data jsonb DEFAULT '{}',
    p_request uuid DEFAULT NULL)
LANGUAGE plpgsql AS $$
DECLARE
    v_from text := (w.c).state;
    v_to text := CASE WHEN p_to = '=' THEN v_from ELSE p_to END;
    v_shown text;
BEGIN
    SELECT t.shown INTO v_shown FROM case_transitions t WHERE t.action = p_action ORDER BY t.ordinal LIMIT 1;
    IF v_to IS DISTINCT FROM v_from THEN
        w.c.state := v_to;
        w.c.state_at := w.now;
    END IF;
    w := happened(w, p_action, v_from, v_to, coalesce(v_shown, 'staff'), p_note, p_data, p_request);
END $$;
COMMENT ON FUNCTION case_to(work, text, text, text, jsonb, uuid) IS 'The case, moved on, with its event.';

-- A ticket changes state here and nowhere else; w.t is the ticket.
CREATE FUNCTION ticket_to(INOUT w work, p_action text, p_to text, p_note text DEFAULT NULL, p_data jsonb DEFAULT '{}',
    p_request uuid DEFAULT NULL)
LANGUAGE plpgsql AS $$
DECLARE
    t tickets := w.t;
    v_from text := CASE WHEN p_action = 'issue' THEN NULL ELSE t.state END;
    v_to text := CASE WHEN p_to = '=' THEN t.state ELSE p_to END;
BEGIN
    IF v_to IS DISTINCT FROM t.state THEN
        t.state := v_to;
        t.state_at := w.now;
    END IF;
    t.updated_at := w.now;
    w.t := t;
    w := happened(w, p_action, v_from, v_to, 'staff', p_note, p_data, p_request, t.id);
END $$;
COMMENT ON FUNCTION ticket_to(work, text, text, text, jsonb, uuid) IS 'The ticket, moved on, with its event.';

-- For the problem of a 409: where it stands, and what this person could do instead.
CREATE FUNCTION wrong_state(INOUT w work) LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF (w.t).id IS NOT NULL THEN
        w := refused(w, 'invalid_transition', NULL, jsonb_build_object(
            'state', (w.t).state, 'allowed_actions', ticket_allowed_actions(w.me, w.t, w.c)));
    ELSE
        w := refused(w, 'invalid_transition', NULL, jsonb_build_object(
            'state', (w.c).state, 'allowed_actions', case_allowed_actions(w.me, w.c)));
    END IF;
END $$;

-- Some words of a public event are for the reporter, others are the street's own.
CREATE FUNCTION note_is_public(p_action text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN p_action IN ('create', 'reject', 'object', 'withdraw', 'merge', 'source_done', 'feedback', 'rate', 'comment', 'urge', 'void');
COMMENT ON FUNCTION note_is_public(text) IS
    'Whether the note of a public event of this action is shown to its reporters.';
