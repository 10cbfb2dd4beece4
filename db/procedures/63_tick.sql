-- The clock job's part: what time alone brings about, moment after moment, as if somebody had looked at each of them.

CREATE FUNCTION case_next_at(w work) RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN least((first_moment(w.policy, case_running(w.c), (w.c).fired)).at, case_timer(w), others_next_at(w.c));
END $$;
COMMENT ON FUNCTION case_next_at(work) IS 'The first moment of the case and of all that hangs on it; null: time brings nothing about.';

-- An undecided return is declined; a review nobody made is put on record, once, and stays to be made.
CREATE FUNCTION request_due_came(INOUT w work, p_request requests) LANGUAGE plpgsql AS $$
BEGIN
    w.r := p_request;
    IF p_request.kind = 'return' THEN
        w := ticket_loaded(w, p_request.ticket_id);
        w := request_to(w, 'decline', 'declined', NULL);
        w := ticket_saved(request_refused(w));
    ELSE
        PERFORM held_to_account(w, 'missed_review', 'leader', jsonb_build_object('due_at', iso(p_request.due_at)));
        UPDATE requests r SET clock_next_at = NULL WHERE r.tenant = p_request.tenant AND r.id = p_request.id;
    END IF;
    w.t := NULL;
    w.r := NULL;
END $$;

-- Everything of one case that is due at w.now.
CREATE FUNCTION case_moment(INOUT w work) LANGUAGE plpgsql AS $$
DECLARE
    v_request requests;
BEGIN
    w := settle_before(w);
    FOR v_request IN
        SELECT * FROM requests r
        WHERE r.tenant = (w.c).tenant AND r.case_id = (w.c).id AND r.state = 'pending' AND r.clock_next_at <= w.now
            -- What waits with a suspended case is decided after it.
            AND NOT (r.kind = 'return' AND (w.c).state = 'suspended')
        ORDER BY r.clock_next_at, r.id
    LOOP
        w := request_due_came(w, v_request);
    END LOOP;
    IF case_timer(w) <= w.now THEN
        w := CASE (w.c).state WHEN 'suspended' THEN case_resumed(w) ELSE auto_closed(w) END;
    END IF;
    w := case_written(w);
END $$;

CREATE FUNCTION case_ticked(p_tenant text, p_case uuid, p_now timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    v_case cases;
    v_system actor := system_actor(p_tenant);
    w work;
    v_at timestamptz;
    v_before timestamptz;
BEGIN
    LOOP
        SELECT * INTO v_case FROM cases c WHERE c.tenant = p_tenant AND c.id = p_case FOR UPDATE SKIP LOCKED;
        EXIT WHEN v_case.id IS NULL OR coalesce(v_case.clock_next_at > p_now, true);
        w := work_on(v_system, p_now, 'tick', '{}', v_case);
        v_at := case_next_at(w);
        IF coalesce(v_at > p_now, true) OR v_at = v_before THEN
            UPDATE cases c SET clock_next_at = v_at WHERE c.tenant = p_tenant AND c.id = p_case;
            RETURN true;
        END IF;
        v_before := v_at;
        w.now := greatest(v_at, v_case.state_at);
        w.role := 'system';
        w := case_moment(w);
    END LOOP;
    RETURN v_before IS NOT NULL;
END $$;
COMMENT ON FUNCTION case_ticked(text, uuid, timestamptz) IS
    'Whether time had something to do with the case. Locked cases are left for the next second.';

CREATE FUNCTION tenant_ticked(p_tenant text, p_now timestamptz, p_limit integer) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_case uuid;
    v_count bigint := 0;
BEGIN
    FOR v_case IN
        SELECT d.id FROM (
            SELECT c.id FROM cases c WHERE c.tenant = p_tenant AND c.clock_next_at <= p_now
            ORDER BY c.clock_next_at LIMIT p_limit) AS d
        ORDER BY d.id
    LOOP
        v_count := v_count + case_ticked(p_tenant, v_case, p_now)::integer;
    END LOOP;
    RETURN v_count + hazards_ticked(p_tenant, p_now, p_limit);
END $$;

-- Short transactions: a batch holds its cases' locks, and the next call goes on.
CREATE FUNCTION clock_tick(p_now timestamptz DEFAULT NULL) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_tenant text;
    v_count bigint := 0;
BEGIN
    FOR v_tenant IN SELECT t.tenant FROM tenants t WHERE t.active ORDER BY t.tenant LOOP
        v_count := v_count + tenant_ticked(v_tenant, v_now, 100);
    END LOOP;
    RETURN v_count;
END $$;
COMMENT ON FUNCTION clock_tick(timestamptz) IS
    'Breaches, reminders and timers that are due by now; answers how many cases and hazards it moved: call again until it is 0.';
