-- A case goes up in another: reporters, references and arrivals go along; its own clocks and breaches stay where they are.

CREATE FUNCTION merge_target(w work) RETURNS cases LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT c FROM cases c WHERE c.tenant = (w.c).tenant AND c.id = (w.body ->> 'into')::uuid AND case_in_sight(w.me, c));
END $$;

-- A target that is not there is not the world's fault: it is refused later, as a reference.
CREATE FUNCTION merge_target_fits(w work) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_target cases := merge_target(w);
BEGIN
    RETURN v_target.id IS NULL OR v_target.id <> (w.c).id
        AND (v_target.state = 'suspended' OR (SELECT s.working FROM case_states s WHERE s.state = v_target.state));
END $$;

-- Who had taken themselves off the target and has reported again is back in their place, with what they say now.
CREATE FUNCTION reporters_back(INOUT v work, p_from cases, p_coming uuid[]) LANGUAGE plpgsql AS $$
DECLARE
    v_first case_reporters;
    v_back uuid[] := ARRAY(SELECT unnest((v.c).withdrawn) INTERSECT SELECT unnest(p_coming));
BEGIN
    IF v_back = '{}' THEN
        RETURN;
    END IF;
    UPDATE case_reporters r SET withdrawn_at = NULL, name = f.name, phone = f.phone, anonymous = f.anonymous,
        private = f.private, contactable = f.contactable
    FROM case_reporters f
    WHERE r.tenant = p_from.tenant AND r.case_id = (v.c).id AND r.person_id = ANY (v_back) AND r.withdrawn_at IS NOT NULL
        AND f.tenant = p_from.tenant AND f.case_id = p_from.id AND f.person_id = r.person_id AND f.withdrawn_at IS NULL;
    v.c.withdrawn := ARRAY(SELECT unnest((v.c).withdrawn) EXCEPT SELECT unnest(v_back));
    SELECT * INTO v_first FROM case_reporters r
    WHERE r.tenant = p_from.tenant AND r.case_id = (v.c).id AND r.withdrawn_at IS NULL ORDER BY r.n LIMIT 1;
    IF v_first.person_id = ANY (v_back) THEN
        v := reporter_shown(v, v_first);
    END IF;
END $$;

CREATE FUNCTION reporters_moved(INOUT v work, p_from cases) LANGUAGE plpgsql AS $$
DECLARE
    v_coming uuid[] := ARRAY(SELECT unnest(p_from.reporters) EXCEPT SELECT unnest(p_from.withdrawn));
    v_last integer := (SELECT coalesce(max(r.n), 0) FROM case_reporters r
        WHERE r.tenant = p_from.tenant AND r.case_id = (v.c).id);
BEGIN
    v := reporters_back(v, p_from, v_coming);
    INSERT INTO case_reporters (tenant, case_id, n, person_id, name, phone, anonymous, private, contactable, from_case, at)
    SELECT r.tenant, (v.c).id, v_last + row_number() OVER (ORDER BY r.n), r.person_id, r.name, r.phone, r.anonymous,
        r.private, r.contactable, coalesce(r.from_case, r.case_id), r.at
    FROM case_reporters r
    WHERE r.tenant = p_from.tenant AND r.case_id = p_from.id AND r.withdrawn_at IS NULL
        AND (r.person_id IS NULL OR r.person_id <> ALL ((v.c).reporters));
    v.c.reporters := ARRAY(SELECT unnest((v.c).reporters) UNION SELECT unnest(v_coming) ORDER BY 1);
    IF (v.c).reporter_name IS NULL AND (v.c).reporter_phone IS NULL AND v_last = 0 THEN
        v.c.reporter_name := p_from.reporter_name;
        v.c.reporter_phone := p_from.reporter_phone;
        v.c.reporter_anonymous := p_from.reporter_anonymous;
        v.c.reporter_private := p_from.reporter_private;
        v.c.reporter_contactable := p_from.reporter_contactable;
    END IF;
END $$;

CREATE FUNCTION arrivals_moved(INOUT v work, p_from cases) LANGUAGE plpgsql AS $$
BEGIN
    UPDATE arrivals a SET case_id = (v.c).id, from_case = coalesce(a.from_case, p_from.id)
    WHERE a.tenant = p_from.tenant AND a.case_id = p_from.id;
    v.c.arrived_at := (SELECT min(a.at) FROM arrivals a WHERE a.tenant = p_from.tenant AND a.case_id = (v.c).id);
    v.c.workers := ARRAY(SELECT unnest((v.c).workers)
        UNION SELECT a.person_id FROM arrivals a WHERE a.tenant = p_from.tenant AND a.case_id = (v.c).id);
    INSERT INTO case_workers (tenant, person_id, received_at, case_id)
    SELECT DISTINCT a.tenant, a.person_id, (v.c).received_at, a.case_id FROM arrivals a
    WHERE a.tenant = p_from.tenant AND a.case_id = (v.c).id AND a.role IN ('grid_worker', 'community')
    ON CONFLICT DO NOTHING;
END $$;

-- The earlier of both was the first to come in: in its first round the target's clocks start from there.
CREATE FUNCTION target_merged(INOUT v work, p_from cases) LANGUAGE plpgsql AS $$
BEGIN
    v := reporters_moved(v, p_from);
    v := arrivals_moved(v, p_from);
    UPDATE external_refs e SET case_id = (v.c).id WHERE e.tenant = p_from.tenant AND e.case_id = p_from.id;
    v.c.refs_known := (v.c).refs_known + p_from.refs_known;
    UPDATE cases c SET merged_into = (v.c).id, version = c.version + 1
    WHERE c.tenant = p_from.tenant AND c.merged_into = p_from.id;
    v := case_to(v, 'merge', '=', v.body ->> 'reason', jsonb_build_object('from', p_from.id));
    IF p_from.received_at < (v.c).received_at THEN
        UPDATE case_workers w SET received_at = p_from.received_at
        WHERE w.tenant = p_from.tenant AND w.person_id = ANY ((v.c).workers) AND w.received_at = (v.c).received_at
            AND w.case_id = (v.c).id;
        v.c.received_at := p_from.received_at;
        IF (v.c).round = 1 THEN
            v.c.round_started_at := p_from.received_at;
            v := level_dues(v, 'merge');
        END IF;
    END IF;
END $$;

CREATE FUNCTION do_merge(INOUT w work) LANGUAGE plpgsql AS $$
DECLARE
    v work := work_on(w.me, w.now, 'merge', w.body, merge_target(w));
BEGIN
    v.role := w.role;
    v := settle_before(v);
    w.c.merged_into := (v.c).id;
    w := case_to(w, 'merge', 'merged', w.body ->> 'reason', jsonb_build_object('into', (v.c).id));
    v := target_merged(v, w.c);
    w.c.refs_known := 0;
    v.touched := true;
    v := case_written(v);
END $$;
