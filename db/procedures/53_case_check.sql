-- 核查 and 评价: the draw, the check, the rating, and what a bad rating sets off.

-- Drawn once a round by a hash of case and round: the same case always has the same luck.
CREATE FUNCTION drawn_for_check(w work) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
RETURN (w.c).level = 'major' OR (w.c).never_sampled
    OR ('x' || left(encode(sha256(((w.c).id::text || '/' || (w.c).round)::bytea), 'hex'), 4))::bit(16)::integer
        < coalesce((setting(w.policy, 'check_share') ->> (w.c).source)::numeric, 100) * 655.36;
COMMENT ON FUNCTION drawn_for_check(work) IS 'Whether this round is checked.';

CREATE FUNCTION sampled(INOUT w work) LANGUAGE plpgsql AS $$
BEGIN
    IF NOT drawn_for_check(w) THEN
        INSERT INTO checks (tenant, case_id, id, round, pass, sampled_out, at, role)
        VALUES ((w.c).tenant, (w.c).id, uuid7(), (w.c).round, true, true, w.now, 'system');
        w := passed(w, 'check_sampled_out', 'system', NULL, '{}');
    END IF;
END $$;

-- Nobody to ask: no reporter, or each anonymous, not to be called, or the handler.
CREATE FUNCTION rater_exists(c cases) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM case_reporters r
        WHERE r.tenant = c.tenant AND r.case_id = c.id AND r.withdrawn_at IS NULL
            AND NOT r.anonymous AND r.contactable AND (r.person_id IS NULL OR r.person_id IS DISTINCT FROM c.handler));
END $$;
COMMENT ON FUNCTION rater_exists(cases) IS 'A reporter who can be asked.';

CREATE FUNCTION passed(INOUT w work, p_action text, p_role text, p_note text, p_data jsonb) LANGUAGE plpgsql AS $$
DECLARE
    v_role text := w.role;
BEGIN
    w.role := p_role;
    w.c.state_before := NULL;
    IF rater_exists(w.c) THEN
        w.c.evaluating_at := w.now;
        w.c.callback_tries := 0;
        w := case_to(w, p_action, 'evaluating', p_note, p_data);
    ELSE
        w.c.evaluating_at := NULL;
        w.c.closed_at := w.now;
        w.c.closed_how := 'unrated';
        w := case_to(w, p_action, 'closed', p_note, p_data || '{"closed": "unrated"}');
    END IF;
    w.role := v_role;
END $$;
COMMENT ON FUNCTION passed(work, text, text, text, jsonb) IS
    'The case, its work found good: evaluating, or closed unrated.';

-- Back to where the work came from. The clock never stopped.
CREATE FUNCTION failed(INOUT w work, p_data jsonb) LANGUAGE plpgsql AS $$
DECLARE
    v_back text := (w.c).state_before;
    v_again jsonb;
BEGIN
    PERFORM false_closure_held(w, 'check', w.body ->> 'reason');
    w.c.resolved_at := NULL;
    w.c.rework_count := (w.c).rework_count + 1;
    w.c.never_sampled := true;
    w.c.state_before := NULL;
    w := case_to(w, 'check', v_back, w.body ->> 'reason', p_data);
    IF v_back = 'handling' THEN
        FOR v_again IN SELECT value FROM jsonb_array_elements(coalesce(w.body -> 'rework_tickets', '[]')) LOOP
            w := ticket_reopened(w, (v_again ->> 'ticket_id')::uuid, coalesce(v_again ->> 'reason', w.body ->> 'reason'));
        END LOOP;
        IF coalesce(w.body -> 'tickets', '[]') <> '[]' THEN
            w := tickets_issued(w, 'everyday', w.body -> 'tickets', w.body ->> 'reason', NULL);
        END IF;
        w := tickets_counted(w);
    END IF;
END $$;
COMMENT ON FUNCTION failed(work, jsonb) IS 'The case, its work found wanting: with tickets or the handler again.';

CREATE FUNCTION do_check(INOUT w work) LANGUAGE plpgsql AS $$
DECLARE
    v_point geometry := wgs84_point(w.body -> 'point');
    v_pass boolean := (w.body ->> 'pass')::boolean;
    v_data jsonb := jsonb_build_object('pass', v_pass, 'sole_person', CASE WHEN w.sole THEN true END);
    v_distance double precision := metres(v_point, (w.c).point);
BEGIN
    INSERT INTO checks (tenant, case_id, id, round, pass, sole_person, reason, at, person_id, role, point, accuracy, distance)
    VALUES ((w.c).tenant, (w.c).id, uuid7(), (w.c).round, v_pass, w.sole, w.body ->> 'reason', w.now, (w.me).person_id,
        w.role, v_point, (w.body #>> '{point,accuracy}')::double precision, v_distance);
    IF v_pass THEN
        w := passed(w, 'check', w.role, w.body ->> 'reason', v_data);
    ELSE
        w := failed(w, v_data);
    END IF;
    w := attach(w, 'check');
    IF w.sole THEN
        PERFORM held_to_account(w, 'sole_person', 'supervisor', jsonb_build_object('action', 'check'));
    END IF;
END $$;

-- The first rating closes the case. A bad one opens, or joins, a request to reopen: that reporter's.
CREATE FUNCTION rated(INOUT w work, p_callback boolean) LANGUAGE plpgsql AS $$
DECLARE
    v_reporter integer := rater(w);
    b jsonb := w.body;
BEGIN
    INSERT INTO ratings (tenant, case_id, round, reporter, person_id, callback, rated_by, rated_at, contacted, solved, satisfied, comment)
    SELECT r.tenant, r.case_id, (w.c).round, r.n, r.person_id, p_callback, (w.me).person_id, w.now,
        (b ->> 'contacted')::boolean, b ->> 'solved', (b ->> 'satisfied')::integer, b ->> 'comment'
    FROM case_reporters r
    WHERE r.tenant = (w.c).tenant AND r.case_id = (w.c).id AND r.n = v_reporter;
    w.touched := true;
    IF (w.c).state = 'evaluating' THEN
        w.c.closed_at := w.now;
        w.c.closed_how := 'rated';
    END IF;
    w := case_to(w, 'rate', 'closed', b ->> 'comment', b - 'comment');
    IF b ->> 'solved' = 'no' OR (b ->> 'satisfied')::integer <= 2 THEN
        w := reopening_wanted(w, v_reporter);
    END IF;
END $$;
COMMENT ON FUNCTION rated(work, boolean) IS 'The case with one reporter''s rating.';

CREATE FUNCTION reopening_wanted(INOUT w work, p_reporter integer) LANGUAGE plpgsql AS $$
DECLARE
    v_role text := w.role;
    v_wish jsonb := jsonb_build_object('reporter', p_reporter, 'rating', w.body);
BEGIN
    w.role := 'system';
    IF pending(w, 'reopen') IS NOT NULL THEN
        w := request_joined(w, pending(w, 'reopen'), v_wish);
    ELSE
        w := request_opened(w, 'reopen', w.body ->> 'comment', jsonb_build_object('joined', jsonb_build_array(v_wish)), p_reporter);
        w := case_to(w, 'request', '=', NULL, jsonb_build_object('kind', 'reopen'), (w.r).id);
    END IF;
    w.role := v_role;
END $$;

CREATE FUNCTION held_to_account(w work, p_kind text, p_role text, p_facts jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO accountability (tenant, id, kind, case_id, ticket_id, request_id, organisation, person_id, role, found_at, facts)
    VALUES ((w.c).tenant, uuid7(), p_kind, (w.c).id, (w.t).id, (w.r).id, (w.t).organisation,
        CASE WHEN p_kind = 'sole_person' THEN (w.me).person_id END, p_role, w.now, p_facts)
    ON CONFLICT DO NOTHING;
END $$;
COMMENT ON FUNCTION held_to_account(work, text, text, jsonb) IS 'A row for whoever reviews who has to answer for what.';
