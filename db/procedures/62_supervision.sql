-- 督办: by the system in stages, by leaders and supervisors at any time; the addressee answers.

-- Who has it in hand, for reminders: the lead's organisation, the handler, else whoever dispatches.
CREATE FUNCTION handler_address(w work) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE
    WHEN (w.t).id IS NOT NULL THEN 'organisation:' || (w.t).organisation
    WHEN (w.c).state IN ('whistled', 'handling') AND (w.c).lead_org IS NOT NULL THEN 'organisation:' || (w.c).lead_org
    WHEN (w.c).handler IS NOT NULL THEN 'person:' || (w.c).handler
    ELSE 'role:dispatcher' END;
COMMENT ON FUNCTION handler_address(work) IS 'Kind and id of the handler of the case or of w.t.';

-- The head of the unit that has it in hand.
CREATE FUNCTION head_address(w work) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_handler text := handler_address(w);
    v_org text := CASE split_part(v_handler, ':', 1)
        WHEN 'organisation' THEN split_part(v_handler, ':', 2)
        WHEN 'person' THEN (SELECT p.organisation_code FROM people p
            WHERE p.tenant = (w.c).tenant AND p.id = (w.c).handler) END;
BEGIN
    RETURN coalesce((
        SELECT 'person:' || p.id FROM people p
        WHERE p.tenant = (w.c).tenant AND p.organisation_code = v_org AND p.head AND p.active
        ORDER BY p.id LIMIT 1), 'role:dispatcher');
END $$;

CREATE FUNCTION stage_address(w work, m clock_moment) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN CASE
        WHEN m.clock IN ('arrive', 'sign') THEN 'role:dispatcher'
        WHEN m.stage < 100 THEN handler_address(w)
        WHEN m.stage = 100 THEN head_address(w)
        ELSE 'role:leader' END;
END $$;

CREATE FUNCTION supervision_raised(INOUT w work, p_address text, p_at timestamptz, p_opinion text, p_reply_due timestamptz,
    p_stage integer, p_clock text, p_run integer)
LANGUAGE plpgsql AS $$
DECLARE
    v_id uuid := uuid7();
    v_now timestamptz := w.now;
    v_system boolean := w.role = 'system';
    v_data jsonb := jsonb_build_object('supervision_id', v_id, 'addressee', p_address, 'stage', p_stage, 'clock', p_clock,
        'reply_due_at', iso(p_reply_due));
BEGIN
    INSERT INTO supervisions (tenant, id, case_id, ticket_id, stage, clock, run, addressee_kind, addressee, opinion, raised_at,
        raised_by, raised_role, reply_due_at)
    VALUES ((w.c).tenant, v_id, (w.c).id, (w.t).id, p_stage, p_clock, p_run, split_part(p_address, ':', 1),
        split_part(p_address, ':', 2), p_opinion, p_at, CASE WHEN NOT v_system THEN (w.me).person_id END, w.role, p_reply_due);
    w.now := p_at;
    IF (w.t).id IS NULL THEN
        IF p_address <> ALL ((w.c).supervised) THEN
            w.c.supervised := (w.c).supervised || p_address;
        END IF;
        w := happened(w, 'supervise', (w.c).state, (w.c).state, 'staff', p_opinion, v_data);
    ELSE
        w.t.supervised := true;
        w := happened(w, 'supervise', (w.t).state, (w.t).state, 'staff', p_opinion, v_data, NULL, (w.t).id);
    END IF;
    w.now := v_now;
    w.c.updated_at := greatest((w.c).updated_at, (w.old).updated_at);
END $$;
COMMENT ON FUNCTION supervision_raised(work, text, timestamptz, text, timestamptz, integer, text, integer) IS
    'The work with a supervision of the case or of w.t.';

CREATE FUNCTION stage_raised(INOUT w work, m clock_moment, p_at timestamptz) LANGUAGE plpgsql AS $$
DECLARE
    v_role text := w.role;
BEGIN
    w.role := 'system';
    w := supervision_raised(w, stage_address(w, m), p_at, NULL, NULL, m.stage, m.clock, m.run);
    w.role := v_role;
END $$;

CREATE FUNCTION do_supervise(INOUT w work) LANGUAGE plpgsql AS $$
BEGIN
    w := supervision_raised(w,
        coalesce((w.body #>> '{addressee,kind}') || ':' || (w.body #>> '{addressee,id}'), handler_address(w)),
        w.now, w.body ->> 'opinion', (w.body ->> 'reply_due_at')::timestamptz, NULL, NULL, NULL);
END $$;

-- Nobody named: whoever has it in hand.
CREATE FUNCTION addressee_known(INOUT w work) LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_id text := w.body #>> '{addressee,id}';
BEGIN
    IF NOT (CASE w.body #>> '{addressee,kind}'
        WHEN 'person' THEN EXISTS (
            SELECT FROM people p WHERE p.tenant = (w.c).tenant AND p.id::text = v_id AND p.active)
        WHEN 'organisation' THEN v_id = ANY ((w.c).organisations)
        WHEN 'role' THEN v_id IN ('leader', 'dispatcher') OR v_id = 'handler' AND (w.c).handler IS NOT NULL
        ELSE true END) THEN
        w := refused(w, 'unknown_reference', '/addressee/id');
    END IF;
END $$;

CREATE FUNCTION supervision_waits(w work) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM supervisions s
        WHERE s.tenant = (w.c).tenant AND s.case_id = (w.c).id AND s.id = (w.body ->> 'supervision_id')::uuid
            AND s.ticket_id IS NOT DISTINCT FROM (w.t).id AND s.replied_at IS NULL
            AND (s.ticket_id IS NOT NULL
                OR addresses(w.me, w.c, w.role) @> ARRAY[s.addressee_kind || ':' || s.addressee]));
END $$;
COMMENT ON FUNCTION supervision_waits(work) IS 'Whether the supervision that is answered waits for this person.';

CREATE FUNCTION do_reply_supervision(INOUT w work) LANGUAGE plpgsql AS $$
BEGIN
    UPDATE supervisions s SET reply = w.body ->> 'text', replied_at = w.now, replied_by = (w.me).person_id
    WHERE s.tenant = (w.c).tenant AND s.id = (w.body ->> 'supervision_id')::uuid;
    IF (w.t).id IS NULL THEN
        w.c.supervised := ARRAY(
            SELECT DISTINCT s.addressee_kind || ':' || s.addressee FROM supervisions s
            WHERE s.tenant = (w.c).tenant AND s.case_id = (w.c).id AND s.ticket_id IS NULL AND s.replied_at IS NULL);
        w := case_to(w, 'reply_supervision', '=', w.body ->> 'text', w.body - 'text');
    ELSE
        w.t.supervised := EXISTS (
            SELECT FROM supervisions s
            WHERE s.tenant = (w.c).tenant AND s.case_id = (w.c).id AND s.ticket_id = (w.t).id AND s.replied_at IS NULL);
        w := ticket_to(w, 'reply_supervision', '=', w.body ->> 'text', w.body - 'text');
    END IF;
END $$;
