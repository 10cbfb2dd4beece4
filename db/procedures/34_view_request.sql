-- A request as the API answers it: what one asks and another decides.

CREATE TYPE request_reply AS (
    _code text, _pointer text, _detail jsonb, _version bigint, _location text, _replayed boolean,
    id uuid, version bigint, kind text, case_id uuid, case_number text, ticket_id uuid, hazard_id uuid, state text, reason text,
    proposal jsonb, asked_by__kind text, asked_by__id text, asked_by__name text, asked_at timestamptz,
    due_at timestamptz, approvals json, decided_by__kind text, decided_by__id text, decided_by__name text,
    decided_at timestamptz, note text, sole_person boolean, decidable boolean, allowed_actions text[]
);

CREATE FUNCTION request_refusal(p_code text, p_pointer text DEFAULT NULL, p_detail jsonb DEFAULT NULL) RETURNS request_reply
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    v request_reply;
BEGIN
    v._code := p_code;
    v._pointer := p_pointer;
    v._detail := p_detail;
    RETURN v;
END $$;
COMMENT ON FUNCTION request_refusal(text, text, jsonb) IS 'A reply that only refuses';

CREATE FUNCTION approvals_json(p_me actor, p_approvals jsonb) RETURNS json LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN coalesce((
        SELECT json_agg(json_build_object('post', a.value ->> 'post',
            'by', person_party(p_me, (a.value ->> 'person_id')::uuid),
            'at', iso((a.value ->> 'at')::timestamptz)) ORDER BY a.n)
        FROM jsonb_array_elements(p_approvals) WITH ORDINALITY AS a (value, n)), '[]');
END $$;

CREATE FUNCTION request_view_people(INOUT v request_reply, p_me actor, r requests, p_case cases)
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    p party := doer_party(p_me, r.asked_by, r.asked_role, r.asked_org, sees_reporter(p_me, p_case));
BEGIN
    v.asked_by__kind := p.kind;
    v.asked_by__id := p.id;
    v.asked_by__name := p.name;
    IF r.decided_at IS NOT NULL THEN
        p := doer_party(p_me, r.decided_by, coalesce(r.decided_role, 'system'), NULL, sees_reporter(p_me, p_case));
        v.decided_by__kind := p.kind;
        v.decided_by__id := p.id;
        v.decided_by__name := p.name;
    END IF;
    v.approvals := approvals_json(p_me, r.approvals);
END $$;

CREATE FUNCTION request_view(p_me actor, p_request requests, p_case cases) RETURNS request_reply
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    v request_reply;
BEGIN
    v._version := p_request.version;
    v.id := p_request.id;
    v.version := p_request.version;
    v.kind := p_request.kind;
    v.case_id := p_request.case_id;
    v.case_number := p_case.number;
    v.ticket_id := p_request.ticket_id;
    v.hazard_id := p_request.hazard_id;
    v.state := p_request.state;
    v.reason := p_request.reason;
    -- What was joined to it are other reporters' words.
    v.proposal := CASE WHEN sees_staff(p_me)
        THEN others_tasks_left_out(p_me, p_request.proposal, tickets_in_sight(p_me, p_case)) ELSE '{}' END;
    v.asked_at := p_request.asked_at;
    v.due_at := p_request.due_at;
    v.decided_at := p_request.decided_at;
    v.note := p_request.note;
    v.sole_person := p_request.sole_person;
    v := request_view_people(v, p_me, p_request, p_case);
    v.allowed_actions := request_allowed_actions(p_me, p_request, p_case);
    v.decidable := 'approve' = ANY (v.allowed_actions);
    RETURN v;
END $$;
COMMENT ON FUNCTION request_view(actor, requests, cases) IS 'The request as this reader may see it, now';

CREATE FUNCTION request_get(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[],
    p_request_id uuid)
RETURNS request_reply LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    v_me actor := me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
    v_request requests;
    v_case cases;
BEGIN
    IF v_me.refusal IS NOT NULL THEN
        RETURN request_refusal(v_me.refusal);
    END IF;
    SELECT * INTO v_request FROM requests r WHERE r.tenant = p_tenant AND r.id = p_request_id;
    SELECT * INTO v_case FROM cases c WHERE c.tenant = p_tenant AND c.id = v_request.case_id;
    IF NOT coalesce(v_request.id IS NOT NULL AND request_in_sight(v_me, v_request, v_case), false) THEN
        RETURN request_refusal('not_found');
    END IF;
    RETURN request_view(v_me, v_request, v_case);
END $$;
SELECT delegate('request_get(text, text, text[], text[], text, text[], uuid)');
