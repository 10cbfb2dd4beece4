-- Guards, by the names that the tables of transitions give them. 409: what only the world can change. 403: the person.
-- 422: what needs the row, with the field it is about.

CREATE FUNCTION days(p_policy jsonb, p_name text) RETURNS interval LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN setting(p_policy, p_name)::integer * interval '1 day';

-- The reporters in whose name the caller may rate: their own, or for a supervisor who called, any that has not rated.
CREATE FUNCTION rater(w work) RETURNS integer LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT min(r.n) FROM case_reporters r
        WHERE r.tenant = (w.c).tenant AND r.case_id = (w.c).id AND r.withdrawn_at IS NULL
            AND (w.action = 'callback' AND r.contactable AND NOT r.anonymous OR w.action = 'rate' AND r.person_id = (w.me).person_id)
            AND NOT EXISTS (
                SELECT FROM ratings g
                WHERE g.tenant = r.tenant AND g.case_id = r.case_id AND g.round = (w.c).round AND g.reporter = r.n));
END $$;
COMMENT ON FUNCTION rater(work) IS 'case_reporters.n of the reporter whose rating this is; null when all have rated.';

CREATE FUNCTION pending(w work, p_kind text) RETURNS uuid LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT r.id FROM requests r
        WHERE r.tenant = (w.c).tenant AND r.case_id = (w.c).id AND r.kind = p_kind AND r.state = 'pending'
            AND r.ticket_id IS NOT DISTINCT FROM CASE WHEN p_kind IN ('return', 'delay') THEN (w.t).id END);
END $$;
COMMENT ON FUNCTION pending(work, text) IS 'The request of a kind that waits for a decision on this case or ticket.';

CREATE FUNCTION leads_in(p_tickets jsonb) RETURNS integer LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN (SELECT count(*)::integer FROM jsonb_array_elements(coalesce(p_tickets, '[]')) AS t WHERE t.value ->> 'role' = 'lead');
END $$;

CREATE FUNCTION lead_is_open(c cases) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM tickets t
        WHERE t.tenant = c.tenant AND t.id = c.lead_ticket AND t.state NOT IN ('closed', 'returned', 'recalled'));
END $$;

CREATE FUNCTION urged_lately(w work) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM case_history e
        WHERE e.tenant = (w.c).tenant AND e.case_id = (w.c).id AND e.action = 'urge'
            AND e.person_id = (w.me).person_id AND e.at > w.now - policy_minutes(w.policy, 'urge_minutes'));
END $$;

CREATE FUNCTION plan_step(w work) RETURNS plan_steps LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT s FROM plan_steps s
        WHERE s.tenant = (w.c).tenant AND s.case_id = (w.c).id AND s.request_id = (w.c).plan_request
            AND s.step_id = (w.body ->> 'step_id')::uuid);
END $$;

-- 409: true when the world stands as the action needs it.
CREATE FUNCTION guard_world(w work, p_guard text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE
    c cases := w.c;
BEGIN
    RETURN CASE p_guard
        WHEN 'object_once' THEN NOT c.objected
        WHEN 'object_window' THEN w.now <= c.state_at + days(w.policy, 'object_days')
        WHEN 'rate_once' THEN rater(w) IS NOT NULL OR NOT (w.me).person_id = ANY (c.reporters)
        WHEN 'rate_window' THEN coalesce(w.now <= c.evaluating_at + days(w.policy, 'rate_days'), false)
        WHEN 'rater_left' THEN rater(w) IS NOT NULL
        WHEN 'urge_hourly' THEN NOT urged_lately(w)
        WHEN 'no_open_ticket' THEN c.tickets_open = 0
        -- Without an open ticket the lead, if one is left, is closed.
        WHEN 'lead_closed' THEN c.tickets_open = 0 AND c.lead_ticket IS NOT NULL
        WHEN 'lead_free' THEN leads_in(w.body -> 'tickets') = 0 OR NOT lead_is_open(c)
        WHEN 'plan_carried_out' THEN c.level <> 'major' OR c.plan_request IS NOT NULL AND c.plan_parties = '{}'
        WHEN 'plan_in_force' THEN c.plan_request IS NOT NULL
        WHEN 'step_left' THEN coalesce((plan_step(w)).done_at, (plan_step(w)).waived_at) IS NULL
        WHEN 'major' THEN c.level = 'major'
        WHEN 'plan_once' THEN pending(w, 'plan') IS NULL
        WHEN 'merge_target' THEN merge_target_fits(w)
        WHEN 'recall_suspended' THEN c.state <> 'suspended' OR (w.t).role = 'assist'
        ELSE guard_request(w, p_guard)
    END;
END $$;
COMMENT ON FUNCTION guard_world(work, text) IS 'Guards of stage 409.';

-- 403: true when this person may, though the role and the relation would do.
CREATE FUNCTION guard_person(w work, p_guard text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE
    c cases := w.c;
BEGIN
    RETURN CASE p_guard
        WHEN 'stays_within' THEN w.role = 'dispatcher' OR coalesce((case_edited(w)).area = ANY ((w.me).areas), false)
        WHEN 'level_allowed' THEN w.role = 'dispatcher' OR w.body ->> 'level' = 'ordinary'
        WHEN 'step_mine' THEN (plan_step(w)).step_id IS NULL
            OR addresses(w.me, c, w.role) @> ARRAY[(plan_step(w)).who_kind || ':' || (plan_step(w)).who_id]
        WHEN 'reclass_leader' THEN 'leader' = ANY ((w.me).roles)
            OR NOT coalesce(least(c.resolve_due_at, c.plan_due_at) < w.now, false)
        WHEN 'caller_apart' THEN c.handler IS DISTINCT FROM (w.me).person_id OR NOT EXISTS (
            SELECT FROM people p
            WHERE p.tenant = c.tenant AND p.active AND 'supervisor' = ANY (p.roles) AND p.id <> (w.me).person_id)
    END;
END $$;
COMMENT ON FUNCTION guard_person(work, text) IS 'Guards of stage 403.';

CREATE FUNCTION guard_near(INOUT w work) LANGUAGE plpgsql STABLE AS $$
DECLARE
    c cases := w.c;
    v_point geometry := wgs84_point(w.body -> 'point');
    v_accuracy double precision := coalesce((w.body #>> '{point,accuracy}')::double precision, 0);
BEGIN
    w := work_category(w);
    IF NOT w.on_scene OR c.point IS NULL THEN
        RETURN;
    ELSIF v_point IS NULL THEN
        w := refused(w, 'required', '/point');
    ELSIF metres(v_point, c.point) > setting(w.policy, 'check_metres')::double precision
        + least(v_accuracy, setting(w.policy, 'check_accuracy_metres')::double precision) THEN
        w := refused(w, 'too_far', '/point');
    END IF;
END $$;

-- Where no ticket is worked on again, naming some would be a mistake that nobody notices.
CREATE FUNCTION guard_no_tickets(INOUT w work) LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF coalesce(w.body -> 'rework_tickets', '[]') NOT IN ('[]', 'null') THEN
        w := refused(w, 'invalid_value', '/rework_tickets');
    ELSIF coalesce(w.body -> 'tickets', '[]') NOT IN ('[]', 'null') THEN
        w := refused(w, 'invalid_value', '/tickets');
    END IF;
END $$;

-- After feedback the work goes back to tickets: the lead is opened again, or a new one is named, and only one of both.
CREATE FUNCTION guard_rework(INOUT w work) LANGUAGE plpgsql STABLE AS $$
DECLARE
    c cases := w.c;
    v_again jsonb := coalesce(w.body -> 'rework_tickets', '[]');
    v_bad integer;
    v_leads integer := leads_in(w.body -> 'tickets');
BEGIN
    IF w.variant = 'pass' OR c.state_before = 'source_handling' THEN
        w := guard_no_tickets(w);
        RETURN;
    END IF;
    SELECT min(a.n) INTO v_bad
    FROM jsonb_array_elements(v_again) WITH ORDINALITY AS a (ticket, n)
    WHERE NOT EXISTS (
        SELECT FROM tickets t
        WHERE t.tenant = c.tenant AND t.case_id = c.id AND t.id = (a.ticket ->> 'ticket_id')::uuid AND t.state = 'closed')
        OR EXISTS (
            SELECT FROM jsonb_array_elements(v_again) WITH ORDINALITY AS b (ticket, n)
            WHERE b.n < a.n AND (b.ticket ->> 'ticket_id')::uuid = (a.ticket ->> 'ticket_id')::uuid);
    IF v_bad IS NOT NULL THEN
        w := refused(w, 'unknown_reference', format('/rework_tickets/%s/ticket_id', v_bad - 1));
        RETURN;
    END IF;
    v_leads := v_leads + (SELECT count(DISTINCT a.value ->> 'ticket_id') FROM jsonb_array_elements(v_again) AS a
        WHERE (a.value ->> 'ticket_id')::uuid = c.lead_ticket);
    IF v_leads <> 1 THEN
        w := refused(w, 'lead_not_named', '/rework_tickets');
    END IF;
END $$;

CREATE FUNCTION guard_lead_named(INOUT w work) LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_leads integer := leads_in(w.body -> 'tickets');
BEGIN
    IF v_leads > 1 OR v_leads = 0 AND (w.c).lead_ticket IS NULL THEN
        w := refused(w, 'lead_not_named', '/tickets');
    END IF;
END $$;

CREATE FUNCTION step_party_known(w work, p_who jsonb) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN CASE p_who ->> 'kind'
        WHEN 'organisation' THEN p_who ->> 'id' = ANY ((w.c).open_orgs)
        WHEN 'role' THEN p_who ->> 'id' IN ('leader', 'dispatcher') OR p_who ->> 'id' = 'handler' AND (w.c).handler IS NOT NULL
        WHEN 'person' THEN p_who ->> 'id' = (w.c).handler::text OR EXISTS (
            SELECT FROM people p WHERE p.tenant = (w.c).tenant AND p.id::text = p_who ->> 'id' AND p.active
                AND p.roles && ARRAY['leader', 'dispatcher'])
        ELSE false END;
END $$;

CREATE FUNCTION guard_plan_steps(INOUT w work, p_guard text) LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_bad integer;
BEGIN
    SELECT min(s.n) INTO v_bad
    FROM jsonb_array_elements(w.body -> 'steps') WITH ORDINALITY AS s (step, n)
    WHERE CASE p_guard WHEN 'plan_parties' THEN NOT coalesce(step_party_known(w, s.step -> 'who'), false)
        ELSE (s.step ->> 'due_at')::timestamptz <= w.now END;
    IF v_bad IS NOT NULL AND p_guard = 'plan_parties' THEN
        w := refused(w, 'unknown_reference', format('/steps/%s/who', v_bad - 1));
    ELSIF v_bad IS NOT NULL THEN
        w := refused(w, 'not_in_future', format('/steps/%s/due_at', v_bad - 1));
    END IF;
END $$;

CREATE FUNCTION guard_photo(INOUT w work) LANGUAGE plpgsql STABLE AS $$
BEGIN
    w := work_category(w);
    IF w.photo_required AND coalesce(w.body -> 'attachments', '[]') IN ('[]', 'null') THEN
        w := refused(w, 'photo_missing', '/attachments');
    END IF;
END $$;

-- 422: the work, refused with the field when the row does not bear it.
CREATE FUNCTION guard_row(INOUT w work, p_guard text) LANGUAGE plpgsql STABLE AS $$
BEGIN
    CASE p_guard
        WHEN 'photo' THEN w := guard_photo(w);
        WHEN 'check_near' THEN w := guard_near(w);
        WHEN 'rework_named' THEN w := guard_rework(w);
        WHEN 'lead_named' THEN w := guard_lead_named(w);
        WHEN 'organisations_known' THEN w := organisations_known(w);
        WHEN 'plan_parties', 'plan_future' THEN w := guard_plan_steps(w, p_guard);
        WHEN 'reason' THEN
            IF coalesce(trim(w.body ->> 'reason'), '') = '' THEN
                w := refused(w, 'required', '/reason');
            END IF;
        WHEN 'lead_reply' THEN
            IF (w.t).role = 'lead' AND coalesce(trim(w.body ->> 'reply'), '') = '' THEN
                w := refused(w, 'required', '/reply');
            END IF;
        WHEN 'step_open' THEN
            IF (plan_step(w)).step_id IS NULL THEN
                w := refused(w, 'unknown_reference', '/step_id');
            END IF;
        ELSE w := guard_row_more(w, p_guard);
    END CASE;
END $$;
COMMENT ON FUNCTION guard_row(work, text) IS 'Guards of stage 422.';
