-- 责任追究: who has to answer for what, how it looks, who sees it and who decides.

-- Whose work it was that stands or stood as done: the lead's organisation after feedback, else the handler.
CREATE FUNCTION worker_address(w work) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_last text := (
        SELECT e.action FROM case_history e
        WHERE e.tenant = (w.c).tenant AND e.case_id = (w.c).id AND e.action IN ('feedback', 'source_done', 'retake')
        ORDER BY e.seq DESC LIMIT 1);
BEGIN
    IF (w.c).lead_org IS NOT NULL AND ((w.c).state IN ('whistled', 'handling') OR v_last = 'feedback') THEN
        RETURN 'organisation:' || (w.c).lead_org;
    END IF;
    RETURN coalesce('person:' || (w.c).handler, 'role:dispatcher');
END $$;
COMMENT ON FUNCTION worker_address(work) IS 'Kind and id of whose work it is or was';

CREATE FUNCTION whistler_address(w work) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN coalesce((
        SELECT 'person:' || e.person_id FROM case_history e
        WHERE e.tenant = (w.c).tenant AND e.case_id = (w.c).id AND e.action = 'whistle'
        ORDER BY e.seq DESC LIMIT 1), 'role:dispatcher');
END $$;

-- A row against a party, in the transaction in which it happens.
CREATE FUNCTION held(w work, p_kind text, p_against text, p_facts jsonb, p_at timestamptz, p_request uuid DEFAULT NULL)
RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    v_id uuid := uuid7();
    v_kind text := split_part(p_against, ':', 1);
    v_who text := split_part(p_against, ':', 2);
BEGIN
    INSERT INTO accountability (tenant, id, kind, case_id, ticket_id, request_id, organisation, person_id, role, found_at, facts)
    VALUES ((w.c).tenant, v_id, p_kind, (w.c).id, (w.t).id, p_request, CASE WHEN v_kind = 'organisation' THEN v_who END,
        CASE WHEN v_kind = 'person' THEN v_who::uuid END, CASE WHEN v_kind = 'role' THEN v_who END, p_at,
        jsonb_strip_nulls(p_facts))
    ON CONFLICT DO NOTHING;
    RETURN v_id;
END $$;
COMMENT ON FUNCTION held(work, text, text, jsonb, timestamptz, uuid) IS 'Puts on record what a party has to answer for';

CREATE FUNCTION breach_held(w work, m clock_moment, p_at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM held(w, 'breach', handler_address(w), jsonb_build_object('subject', coalesce((w.t).id, (w.c).id), 'clock', m.clock,
        'run', m.run, 'round', (w.c).round, 'due_at', iso(m.due_at), 'breached_at', iso(p_at)), p_at);
END $$;

CREATE FUNCTION false_closure_held(w work, p_by text, p_reason text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_facts jsonb := jsonb_build_object('by', p_by, 'round', (w.c).round, 'reason', p_reason);
BEGIN
    w.t := NULL;
    PERFORM held(w, 'false_closure', worker_address(w), v_facts, w.now);
END $$;
COMMENT ON FUNCTION false_closure_held(work, text, text) IS 'Work reported done was found not to be: by a check or a reopening';

CREATE TYPE account_shown AS (
    id uuid, version bigint, kind text, state text, case_id uuid, case_number text, ticket_id uuid, request_id uuid,
    against__kind text, against__id text, against__name text, found_at timestamptz, facts jsonb, result text, note text,
    decided_by__kind text, decided_by__id text, decided_by__name text, decided_at timestamptz, appeal_until timestamptz,
    appeal_reason text, appealed_by__kind text, appealed_by__id text, appealed_by__name text, appealed_at timestamptz,
    appeal_result text, appeal_note text, appeal_decided_by__kind text, appeal_decided_by__id text,
    appeal_decided_by__name text, appeal_decided_at timestamptz, sole_person boolean, allowed_actions text[]
);

CREATE TYPE account_reply AS (
    _code text, _pointer text, _detail jsonb, _version bigint, _location text, _replayed boolean, shown account_shown
);

CREATE TYPE account_item AS (_code text, _item boolean, _cursor text, _total bigint, shown account_shown);

CREATE TYPE account_filter AS (state text[], kind text[], organisation text[], person uuid, "case" uuid, decidable boolean);

-- The person named; else anybody of the organisation; else whoever holds the role.
CREATE FUNCTION is_concerned(p_person uuid, p_org text, p_roles text[], a accountability) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(CASE
    WHEN (a).person_id IS NOT NULL THEN (a).person_id = p_person
    WHEN (a).organisation IS NOT NULL THEN (a).organisation = p_org
    ELSE (a).role = ANY (p_roles) END, false);
COMMENT ON FUNCTION is_concerned(uuid, text, text[], accountability) IS 'Whether it is this person who has to answer';

CREATE FUNCTION account_in_sight(p_me actor, a accountability) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
RETURN ((a).id IS NOT NULL AND ((p_me).roles && '{supervisor,leader,auditor}'
    OR is_concerned((p_me).person_id, (p_me).org, (p_me).roles, a))) IS TRUE;
COMMENT ON FUNCTION account_in_sight(actor, accountability) IS 'Whether the row exists for this caller';

-- Supervisors decide; on what concerns all supervisors, and beside them on appeals, a leader.
CREATE FUNCTION account_deciders(a accountability, p_action text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN (a).person_id IS NULL AND (a).organisation IS NULL AND (a).role = 'supervisor' AND (a).kind <> 'sole_person'
        THEN ARRAY['leader']
    WHEN p_action = 'decide_appeal' THEN ARRAY['supervisor', 'leader']
    ELSE ARRAY['supervisor'] END;

-- Whom it concerns does not decide, and on an appeal not who decided first.
CREATE FUNCTION account_barred(p_person uuid, p_org text, p_roles text[], a accountability, p_action text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN is_concerned(p_person, p_org, p_roles, a)
    OR (p_action = 'decide_appeal' AND ((a).decided_by = p_person OR (a).appealed_by = p_person) IS TRUE);

-- By what the database says of the caller: a token that says less makes nobody impartial.
CREATE FUNCTION account_bars(p_me actor, a accountability, p_action text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM people p
        WHERE p.tenant = a.tenant AND p.id = p_me.person_id
            AND account_barred(p.id, p.organisation_code, p.roles, a, p_action));
END $$;

CREATE FUNCTION account_refuses(p_me actor, a accountability, p_action text) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN CASE
        WHEN p_action = 'appeal' THEN
            CASE WHEN NOT is_concerned(p_me.person_id, p_me.org, p_me.roles, a) THEN 'not_handler' END
        WHEN NOT p_me.roles && account_deciders(a, p_action) THEN 'not_decider'
        WHEN account_bars(p_me, a, p_action) AND EXISTS (
            SELECT FROM people p
            WHERE p.tenant = a.tenant AND p.active AND p.id <> p_me.person_id AND p.roles && account_deciders(a, p_action)
                AND NOT account_barred(p.id, p.organisation_code, p.roles, a, p_action)) THEN 'own_request' END;
END $$;
COMMENT ON FUNCTION account_refuses(actor, accountability, text) IS 'Why the caller may not; null: may, as the only one if need be';

CREATE FUNCTION account_policy(a accountability) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN policy_of(a.tenant, (SELECT c.policy_version FROM cases c WHERE c.tenant = a.tenant AND c.id = a.case_id));
END $$;

CREATE FUNCTION account_appeal_until(a accountability) RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN CASE WHEN a.result = 'held' THEN
        a.decided_at + days(account_policy(a), 'appeal_days') END;
END $$;

CREATE FUNCTION account_actions(p_me actor, a accountability) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_action text := CASE a.state WHEN 'open' THEN 'decide' WHEN 'appealed' THEN 'decide_appeal'
        WHEN 'decided' THEN CASE WHEN a.result = 'held' THEN 'appeal' END END;
BEGIN
    RETURN CASE WHEN v_action IS NULL OR 'auditor' = ANY (p_me.roles) AND cardinality(p_me.roles) = 1
            OR account_refuses(p_me, a, v_action) IS NOT NULL THEN '{}'
        ELSE ARRAY[v_action] END;
END $$;

CREATE FUNCTION account_people(INOUT v account_shown, p_me actor, a accountability) LANGUAGE plpgsql STABLE AS $$
DECLARE
    p party := named_party(p_me,
        CASE WHEN a.person_id IS NOT NULL THEN 'person' WHEN a.organisation IS NOT NULL THEN 'organisation' ELSE 'role' END,
        coalesce(a.person_id::text, a.organisation, a.role));
BEGIN
    v.against__kind := p.kind;
    v.against__id := p.id;
    v.against__name := p.name;
    p := person_party(p_me, a.decided_by);
    v.decided_by__kind := p.kind;
    v.decided_by__id := p.id;
    v.decided_by__name := p.name;
    p := person_party(p_me, a.appealed_by);
    v.appealed_by__kind := p.kind;
    v.appealed_by__id := p.id;
    v.appealed_by__name := p.name;
    p := person_party(p_me, a.appeal_decided_by);
    v.appeal_decided_by__kind := p.kind;
    v.appeal_decided_by__id := p.id;
    v.appeal_decided_by__name := p.name;
END $$;

CREATE FUNCTION account_view(p_me actor, a accountability) RETURNS account_shown LANGUAGE plpgsql STABLE AS $$
DECLARE
    v account_shown;
BEGIN
    v := account_people(jsonb_populate_record(v, to_jsonb(a)), p_me, a);
    v.case_number := (SELECT c.number FROM cases c WHERE c.tenant = a.tenant AND c.id = a.case_id);
    v.appeal_until := account_appeal_until(a);
    v.allowed_actions := account_actions(p_me, a);
    RETURN v;
END $$;
COMMENT ON FUNCTION account_view(actor, accountability) IS 'The row as this reader may see it';
