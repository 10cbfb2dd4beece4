-- Guards and effects of the kinds of request beyond plan and emergency review.

-- The rating behind a system's request to reopen counts as the reporter's one request.
CREATE FUNCTION reopening_asked(w work) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM requests r
        JOIN case_reporters p ON p.tenant = r.tenant AND p.case_id = r.case_id AND p.person_id = (w.me).person_id
        WHERE r.tenant = (w.c).tenant AND r.case_id = (w.c).id AND r.kind = 'reopen' AND r.closure = (w.c).round
            AND (r.reporter = p.n OR r.proposal -> 'joined' @> jsonb_build_array(jsonb_build_object('reporter', p.n))));
END $$;

CREATE FUNCTION return_window_open(w work) RETURNS boolean LANGUAGE sql STABLE
RETURN (w.t).kind <> 'emergency' AND w.now <= add_working_time((w.c).tenant, w.zone, (w.t).issued_at,
    policy_minutes(w.policy, 'return_working_minutes'), working_hours(w.policy));

-- 409 guards of requests: what must hold when it is asked, and most of it when it is decided.
CREATE FUNCTION guard_request(w work, p_guard text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE
    c cases := w.c;
BEGIN
    RETURN CASE p_guard
        WHEN 'reopen_once' THEN NOT reopening_asked(w)
        WHEN 'reopen_window' THEN w.now <= c.closed_at + days(w.policy, 'reopen_days')
        WHEN 'due_ahead' THEN coalesce(coalesce(c.resolve_due_at, c.plan_due_at) >= w.now, true)
        WHEN 'finish_ahead' THEN coalesce((w.t).finish_due_at >= w.now, false)
        WHEN 'delay_count' THEN (w.t).delays < 2
        WHEN 'returnable' THEN NOT (w.t).final
        WHEN 'return_window' THEN return_window_open(w)
        WHEN 'retake_free' THEN coalesce(w.body ->> 'retake', '') = '' OR others_closed(w)
    END;
END $$;

CREATE FUNCTION others_closed(w work) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN NOT EXISTS (
        SELECT FROM tickets t JOIN ticket_states s USING (state)
        WHERE t.tenant = (w.c).tenant AND t.case_id = (w.c).id AND t.id <> (w.t).id AND s.open);
END $$;

-- A grid worker or community person who answers for the area of the case.
CREATE FUNCTION may_handle(c cases, p_person text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM people p
        WHERE p.tenant = c.tenant AND p.id::text = p_person AND p.active
            AND p.roles && ARRAY['grid_worker', 'community']
            AND (SELECT a.path FROM areas a WHERE a.tenant = c.tenant AND a.code = c.area) && areas_held(p, p.roles));
END $$;
COMMENT ON FUNCTION may_handle(cases, text) IS 'Whether somebody could be the handler of the case.';

-- What takes the place of a lead that goes back: exactly one of a new ticket, an open assist, a handler at the source.
CREATE FUNCTION guard_replacement(INOUT w work) LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_given text[] := ARRAY(SELECT k FROM jsonb_object_keys(jsonb_strip_nulls(w.body)) AS k
        WHERE k IN ('new_lead', 'promote', 'retake'));
BEGIN
    IF (w.t).role <> 'lead' THEN
        RETURN;
    ELSIF cardinality(v_given) <> 1 THEN
        w := refused(w, 'lead_not_named', '/new_lead');
    ELSIF w.body ? 'retake' AND NOT may_handle(w.c, w.body ->> 'retake') THEN
        w := refused(w, 'unknown_reference', '/retake');
    ELSIF w.body ->> 'promote' IS NOT NULL AND NOT EXISTS (
        SELECT FROM tickets t JOIN ticket_states s USING (state)
        WHERE t.tenant = (w.c).tenant AND t.case_id = (w.c).id AND t.id::text = w.body ->> 'promote'
            AND t.role = 'assist' AND s.open) THEN
        w := refused(w, 'unknown_reference', '/promote');
    ELSIF w.body ->> 'new_lead' IS NOT NULL AND NOT EXISTS (
        SELECT FROM organisations o
        WHERE o.tenant = (w.c).tenant AND o.code = w.body #>> '{new_lead,organisation}' AND o.active) THEN
        w := refused(w, 'unknown_reference', '/new_lead/organisation');
    END IF;
END $$;

CREATE FUNCTION guard_dates(INOUT w work, p_guard text) LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_date date := (w.body ->> 'review_date')::date;
    v_today date := (w.now AT TIME ZONE w.zone)::date;
    v_until timestamptz := (w.body ->> 'until')::timestamptz;
BEGIN
    IF p_guard = 'review_date' THEN
        IF v_date IS NULL OR v_date - v_today NOT BETWEEN 1 AND setting(w.policy, 'suspend_days')::integer THEN
            w := refused(w, CASE WHEN v_date IS NULL THEN 'required' ELSE 'out_of_range' END, '/review_date');
        END IF;
    ELSIF v_until IS NULL OR v_until <= (w.t).finish_due_at
        OR (w.t).role = 'assist' AND coalesce(v_until > (w.c).resolve_due_at, false) THEN
        w := refused(w, CASE WHEN v_until IS NULL THEN 'required' ELSE 'out_of_range' END, '/until');
    END IF;
END $$;

CREATE FUNCTION guard_row_more(INOUT w work, p_guard text) LANGUAGE plpgsql STABLE AS $$
BEGIN
    CASE p_guard
        WHEN 'replacement' THEN w := guard_replacement(w);
        WHEN 'review_date', 'delay_to' THEN w := guard_dates(w, p_guard);
        WHEN 'handler_known' THEN
            IF NOT may_handle(w.c, w.body ->> 'handler') OR w.body ->> 'handler' = (w.c).handler::text THEN
                w := refused(w, 'unknown_reference', '/handler');
            END IF;
        WHEN 'addressee_known' THEN w := addressee_known(w);
        WHEN 'verifier_known' THEN
            IF NOT verifier_fits(w.c, w.body ->> 'grid_worker') THEN
                w := refused(w, 'unknown_reference', '/grid_worker');
            END IF;
        WHEN 'supervision_open' THEN
            IF NOT supervision_waits(w) THEN
                w := refused(w, 'unknown_reference', '/supervision_id');
            END IF;
        WHEN 'place_kept' THEN w := place_kept(w);
        WHEN 'merge_known' THEN
            IF (merge_target(w)).id IS NULL THEN
                w := refused(w, 'unknown_reference', '/into');
            END IF;
        WHEN 'callback_answers' THEN
            IF (w.body -> 'reached') = 'true' AND NOT w.body ?& ARRAY['contacted', 'solved', 'satisfied'] THEN
                w := refused(w, 'required', '/' || CASE WHEN NOT w.body ? 'contacted' THEN 'contacted'
                    WHEN NOT w.body ? 'solved' THEN 'solved' ELSE 'satisfied' END);
            END IF;
    END CASE;
END $$;

CREATE FUNCTION verifier_fits(c cases, p_person text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM people p
        WHERE p.tenant = c.tenant AND p.id::text = p_person AND p.active AND 'grid_worker' = ANY (p.roles)
            AND c.area = ANY (areas_held(p, '{grid_worker}')));
END $$;

-- The answer that an approval carries, laid over what was proposed.
CREATE FUNCTION decided_body(w work) RETURNS jsonb LANGUAGE sql STABLE
RETURN (w.r).proposal || jsonb_strip_nulls(w.body);

-- What of the guards is looked at again at the decision: the window of a return was its asker's.
CREATE FUNCTION request_check_world(INOUT w work) LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_again CONSTANT text[] := '{due_ahead,finish_ahead,delay_count,returnable,reopen_window,lead_free}';
    v_posts text[] := posts_held((w.c).tenant);
    v_mine text[] := (w.me).posts;
    v_work work := w;
BEGIN
    IF w.action <> 'approve' THEN
        RETURN;
    END IF;
    v_work.body := decided_body(w);
    v_work := check_world(v_work, ARRAY(
        SELECT g FROM request_kinds k, unnest(k.guards) AS g
        WHERE k.kind = (w.r).kind AND k.subject <> 'hazard' AND g = ANY (v_again))
        || CASE WHEN (w.r).kind = 'return' AND (w.t).role = 'lead' THEN '{retake_free}'::text[] ELSE '{}' END);
    IF v_work.code IS NOT NULL THEN
        w := refused(w, v_work.code, v_work.pointer, v_work.detail);
    ELSIF (w.r).kind = 'hard_whistle' AND v_mine && v_posts AND NOT EXISTS (
        SELECT FROM unnest(v_mine) AS m WHERE m = ANY (v_posts) AND NOT (w.r).approvals @> jsonb_build_array(jsonb_build_object('post', m))) THEN
        w := refused(w, 'already_done');
    END IF;
END $$;

-- A field that means nothing to this kind is a mistake of the caller's.
CREATE FUNCTION kind_fields(INOUT w work, p_kind text, p_always text[]) LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_alien text;
BEGIN
    SELECT min(f.name) INTO v_alien FROM jsonb_object_keys(w.body) AS f (name)
    WHERE f.name <> ALL (p_always) AND f.name <> ALL (CASE p_kind
        WHEN 'whistle' THEN '{tickets}' WHEN 'hard_whistle' THEN '{tickets}'
        WHEN 'suspend' THEN '{review_date}' WHEN 'delay' THEN '{until}'
        WHEN 'reopen' THEN CASE WHEN w.action = 'approve' THEN '{tickets,rework_tickets,handler}' ELSE '{}' END
        WHEN 'return' THEN CASE WHEN w.action = 'approve' THEN '{new_lead,promote,retake}' ELSE '{basis}' END
        ELSE '{}' END::text[]);
    IF v_alien IS NOT NULL THEN
        w := refused(w, 'invalid_value', '/' || v_alien);
    END IF;
END $$;
COMMENT ON FUNCTION kind_fields(work, text, text[]) IS 'The work, refused where the body has a field of another kind of request.';

CREATE FUNCTION request_check_row(INOUT w work) LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_work work;
BEGIN
    w := kind_fields(w, (w.r).kind, '{note}');
    IF w.code IS NOT NULL THEN
        RETURN;
    END IF;
    v_work := w;
    v_work.body := decided_body(w);
    CASE (w.r).kind
        WHEN 'whistle', 'hard_whistle' THEN v_work := check_row(v_work, '{lead_named,organisations_known}');
        WHEN 'return' THEN v_work := check_row(v_work, '{replacement}');
        WHEN 'suspend' THEN v_work := check_row(v_work, '{review_date}');
        WHEN 'delay' THEN v_work := check_row(v_work, '{delay_to}');
        WHEN 'reopen' THEN v_work := reopen_check(v_work);
        ELSE RETURN;
    END CASE;
    w := refused(w, v_work.code, v_work.pointer, v_work.detail);
END $$;

-- Exactly one of: tickets as in a failed check, or a handler at the source.
CREATE FUNCTION reopen_check(INOUT w work) LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_tickets boolean := coalesce(w.body -> 'rework_tickets', '[]') <> '[]' OR coalesce(w.body -> 'tickets', '[]') <> '[]';
BEGIN
    IF v_tickets = (w.body ->> 'handler' IS NOT NULL) THEN
        w := refused(w, 'lead_not_named', '/handler');
    ELSIF v_tickets THEN
        w.c.state_before := 'handling';
        w := check_row(w, '{rework_named,organisations_known}');
    ELSIF NOT may_handle(w.c, w.body ->> 'handler') THEN
        w := refused(w, 'unknown_reference', '/handler');
    END IF;
END $$;

-- A hard whistle is blown when every post that somebody holds has approved; one approval counts for all posts of a person.
CREATE FUNCTION approvals_with_mine(w work) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (w.r).approvals || coalesce((
        SELECT jsonb_agg(jsonb_build_object('post', p.post, 'person_id', (w.me).person_id, 'at', iso(w.now)) ORDER BY p.post)
        FROM unnest((w.me).posts) AS p (post)
        WHERE p.post = ANY (posts_held((w.c).tenant))
            AND NOT (w.r).approvals @> jsonb_build_array(jsonb_build_object('post', p.post))), '[]');
END $$;

CREATE FUNCTION approval_completes(w work) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (w.r).kind <> 'hard_whistle' OR NOT EXISTS (
        SELECT FROM unnest(posts_held((w.c).tenant)) AS h (post)
        WHERE NOT approvals_with_mine(w) @> jsonb_build_array(jsonb_build_object('post', h.post)));
END $$;

CREATE FUNCTION approval_noted(INOUT w work) LANGUAGE plpgsql AS $$
BEGIN
    w.r.approvals := approvals_with_mine(w);
    UPDATE requests r SET approvals = (w.r).approvals WHERE r.tenant = (w.r).tenant AND r.id = (w.r).id;
    w := happened(w, 'approve', (w.c).state, (w.c).state, 'staff', w.body ->> 'note',
        jsonb_build_object('kind', (w.r).kind, 'complete', false), (w.r).id);
END $$;
COMMENT ON FUNCTION approval_noted(work) IS 'An approval that is not the last: the request''s version stays.';

CREATE FUNCTION delay_granted(INOUT w work) LANGUAGE plpgsql AS $$
DECLARE
    v_until timestamptz := (decided_body(w) ->> 'until')::timestamptz;
BEGIN
    PERFORM due_changed(w, (w.t).id, 'finish', (w.t).finish_run, (w.t).finish_due_at, v_until, 'delay');
    w.t.finish_due_at := v_until;
    w.t.delays := (w.t).delays + 1;
    -- The street has to wait for its lead.
    IF (w.t).role = 'lead' AND (w.c).resolve_due_at >= w.now AND v_until > (w.c).resolve_due_at THEN
        w := resolve_due_to(w, v_until, 'delay', 'delay');
    END IF;
END $$;

CREATE FUNCTION return_granted(INOUT w work) LANGUAGE plpgsql AS $$
DECLARE
    v_whistle uuid := (w.t).whistle_id;
    v_lead boolean := (w.t).role = 'lead';
    v_kind text := (w.t).kind;
BEGIN
    w.t.final := true;
    w := ticket_to(w, 'return', 'returned', NULL, '{}', (w.r).id);
    w := ticket_written(w);
    UPDATE whistles x SET returned = true WHERE x.tenant = (w.c).tenant AND x.id = v_whistle;
    UPDATE tickets t SET final = true, version = t.version + 1
    WHERE t.tenant = (w.c).tenant AND t.whistle_id = v_whistle AND NOT t.final;
    w := tickets_counted(w);
    IF v_lead THEN
        w.body := decided_body(w);
        w := lead_taken_over(w, v_whistle, v_kind);
    END IF;
END $$;

-- A lead went back: a new ticket of the same whistle, an open assist, or somebody at the source takes its place.
CREATE FUNCTION lead_taken_over(INOUT w work, p_whistle uuid, p_kind text) LANGUAGE plpgsql AS $$
DECLARE
    v_role text := w.role;
    v_went_back tickets := w.t;
    v_went_back_old tickets := w.t_old;
BEGIN
    IF w.body ->> 'new_lead' IS NOT NULL THEN
        w := ticket_issued(w, p_whistle, p_kind, (w.body -> 'new_lead') || '{"role": "lead"}'
            || CASE WHEN w.body #>> '{new_lead,task}' IS NULL THEN jsonb_build_object('task', v_went_back.task) ELSE '{}' END);
    ELSIF w.body ->> 'promote' IS NOT NULL THEN
        w := ticket_loaded(w, (w.body ->> 'promote')::uuid);
        w.role := 'system';
        w.t.role := 'lead';
        w := ticket_to(w, 'promote', '=');
        w := ticket_written(w);
    ELSE
        w.role := 'system';
        w.c.handler := (w.body ->> 'retake')::uuid;
        w := case_to(w, 'retake', 'source_handling', NULL, jsonb_build_object('handler', w.body -> 'retake'));
    END IF;
    w.role := v_role;
    w.t := v_went_back;
    w.t_old := v_went_back_old;
    w := tickets_counted(w);
END $$;

-- Taken back while the case is suspended, it leads back to where it was asked, and the ticket waits on.
CREATE FUNCTION return_kept(INOUT w work, p_final boolean) LANGUAGE plpgsql AS $$
DECLARE
    v_suspended boolean := (w.t).state = 'suspended';
    v_to text := CASE WHEN v_suspended THEN '=' ELSE (w.t).state_before END;
BEGIN
    w.t.final := (w.t).final OR p_final;
    w.t.state_before := CASE WHEN v_suspended THEN split_part((w.t).state_before, ':', 2) END;
    w := ticket_to(w, 'keep', v_to, NULL, '{}', (w.r).id);
END $$;

CREATE FUNCTION request_approved_more(INOUT w work) LANGUAGE plpgsql AS $$
DECLARE
    v_body jsonb := decided_body(w);
BEGIN
    CASE (w.r).kind
        WHEN 'whistle' THEN w := whistle_blown(w, 'everyday', v_body -> 'tickets', (w.r).reason, (w.r).id);
        WHEN 'hard_whistle' THEN
            w.r.approvals := approvals_with_mine(w);
            UPDATE requests r SET approvals = (w.r).approvals WHERE r.tenant = (w.r).tenant AND r.id = (w.r).id;
            w := whistle_blown(w, 'hard', v_body -> 'tickets', (w.r).reason, (w.r).id);
        WHEN 'suspend' THEN w := case_suspended(w, (v_body ->> 'review_date')::date);
        WHEN 'void' THEN w := case_voided(w);
        WHEN 'reopen' THEN w := case_reopened(w, v_body);
        WHEN 'return' THEN w := return_granted(w);
        WHEN 'delay' THEN w := delay_granted(w);
    END CASE;
END $$;

CREATE FUNCTION request_refused_more(INOUT w work) LANGUAGE plpgsql AS $$
BEGIN
    IF (w.r).kind = 'return' THEN
        w := return_kept(w, (w.r).state = 'declined');
    END IF;
END $$;
