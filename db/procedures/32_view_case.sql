-- A case as the API answers it. The columns with an underscore steer the reply; a refusal is a row with nothing else.

CREATE TYPE case_reply AS (
    _code text, _pointer text, _detail jsonb, _version bigint, _location text, _replayed boolean,
    id uuid, number text, state text, step text, kind text, category__code text, category__name text,
    title text, description text, level text, proposed_level text, registered boolean, source text,
    location__lon float8, location__lat float8, location__coord_sys text, location__address text,
    address text, place_id uuid, area__code text, area__name text, community__code text, community__name text,
    reporter__name text, reporter__phone text, reporter__anonymous boolean, reporter__private boolean,
    reporter__contactable boolean, tags text[], attachments json, external_refs json, answers jsonb,
    claimed_at timestamptz, received_at timestamptz, round integer, round_started_at timestamptz,
    handler__kind text, handler__id text, handler__name text,
    first_contact__kind text, first_contact__id text, first_contact__name text,
    first_handler__kind text, first_handler__id text, first_handler__name text,
    arrive_due_at timestamptz, arrived_at timestamptz, resolve_due_at timestamptz, resolved_at timestamptz,
    plan_due_at timestamptz, planned_at timestamptz, overdue boolean, overdue_clocks text[],
    plan__request_id uuid, plan__state text, plan__steps json, result text, reply text,
    rejection__code text, rejection__basis text, rejection__reason text,
    merged_into uuid, review_date date, ratings json, tickets json, requests json,
    rework_count integer, urge_count integer, callback_tries integer, duplicates__count integer, duplicates__ids uuid[],
    policy_version integer, updated_at timestamptz, version bigint, allowed_actions text[]
);

CREATE FUNCTION case_refusal(p_code text, p_pointer text DEFAULT NULL, p_detail jsonb DEFAULT NULL) RETURNS case_reply
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    v case_reply;
BEGIN
    v._code := p_code;
    v._pointer := p_pointer;
    v._detail := p_detail;
    RETURN v;
END $$;
COMMENT ON FUNCTION case_refusal(text, text, jsonb) IS 'A reply that only refuses';

-- What stands in the row itself.
CREATE FUNCTION case_view_row(INOUT v case_reply, c cases) LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    v._version := c.version;
    v.id := c.id;
    v.number := c.number;
    v.state := c.state;
    v.kind := c.kind;
    v.category__code := c.category;
    v.title := c.title;
    v.description := c.description;
    v.level := c.level;
    v.proposed_level := c.proposed_level;
    v.registered := c.registered_at IS NOT NULL;
    v.source := c.source;
    IF c.point IS NOT NULL THEN
        v.location__lon := ST_X(c.point);
        v.location__lat := ST_Y(c.point);
        v.location__coord_sys := 'wgs84';
        v.location__address := c.address;
    END IF;
    v.address := c.address;
    v.place_id := c.place_id;
    v.area__code := c.area;
    v.community__code := c.community;
    v.tags := c.tags;
    v.answers := c.answers;
    v.claimed_at := c.claimed_at;
    v.received_at := c.received_at;
    v.round := c.round;
    v.round_started_at := c.round_started_at;
    v.result := c.result;
    v.reply := c.reply;
    v.rejection__code := c.reject_code;
    v.rejection__basis := c.reject_basis;
    v.rejection__reason := c.reject_reason;
    v.merged_into := c.merged_into;
    v.review_date := c.review_date;
    v.rework_count := c.rework_count;
    v.urge_count := c.urge_count;
    v.callback_tries := CASE WHEN c.state = 'evaluating' THEN c.callback_tries END;
    v.policy_version := c.policy_version;
    v.updated_at := c.updated_at;
    v.version := c.version;
END $$;

CREATE FUNCTION case_view_clocks(INOUT v case_reply, c cases, p_now timestamptz) LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    v.arrive_due_at := c.arrive_due_at;
    v.arrived_at := c.arrived_at;
    v.resolve_due_at := c.resolve_due_at;
    v.resolved_at := c.resolved_at;
    v.plan_due_at := c.plan_due_at;
    v.planned_at := c.planned_at;
    v.overdue := coalesce(c.overdue_at < p_now, false);
    v.overdue_clocks := CASE WHEN v.overdue THEN case_overdue_clocks(c, p_now) ELSE '{}' END;
END $$;

CREATE FUNCTION case_view_names(INOUT v case_reply, c cases) LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    v.step := (SELECT s.step FROM case_states s WHERE s.state = c.state);
    v.category__name := (SELECT k.name FROM categories k WHERE k.tenant = c.tenant AND k.code = c.category);
    v.area__name := (SELECT a.name FROM areas a WHERE a.tenant = c.tenant AND a.code = c.area);
    v.community__name := (SELECT a.name FROM areas a WHERE a.tenant = c.tenant AND a.code = c.community);
END $$;

CREATE FUNCTION case_view_people(INOUT v case_reply, p_me actor, c cases) LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    r reporter_shown := reporter_of(p_me, c);
    p party;
BEGIN
    v.reporter__name := r.name;
    v.reporter__phone := r.phone;
    v.reporter__anonymous := r.anonymous;
    v.reporter__private := r.private;
    v.reporter__contactable := r.contactable;
    p := handler_party(p_me, c);
    v.handler__kind := p.kind;
    v.handler__id := p.id;
    v.handler__name := p.name;
    p := person_party(p_me, c.first_contact);
    v.first_contact__kind := p.kind;
    v.first_contact__id := p.id;
    v.first_contact__name := p.name;
    p := coalesce(organisation_party(c.tenant, c.first_handler_org), person_party(p_me, c.first_handler));
    v.first_handler__kind := p.kind;
    v.first_handler__id := p.id;
    v.first_handler__name := p.name;
END $$;

CREATE FUNCTION case_view_plan(INOUT v case_reply, p_me actor, c cases) LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    r requests := case_plan_request(p_me, c);
BEGIN
    IF r.id IS NOT NULL THEN
        v.plan__request_id := r.id;
        v.plan__state := r.state;
        v.plan__steps := plan_steps_json(p_me, r);
    END IF;
END $$;

CREATE FUNCTION case_view(p_me actor, p_case cases, p_now timestamptz) RETURNS case_reply
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    v case_reply;
    v_now timestamptz := coalesce(p_now, clock_timestamp());
BEGIN
    v := case_view_row(v, p_case);
    v := case_view_names(v, p_case);
    v := case_view_clocks(v, p_case, v_now);
    v := case_view_people(v, p_me, p_case);
    v.attachments := case_attachments_json(p_me, p_case);
    v.external_refs := case_refs_json(p_case);
    v := case_view_plan(v, p_me, p_case);
    v.ratings := case_ratings_json(p_me, p_case);
    v.tickets := case_tickets_json(p_me, p_case, v_now);
    v.requests := case_requests_json(p_me, p_case);
    v.allowed_actions := case_allowed_actions(p_me, p_case);
    RETURN v;
END $$;
COMMENT ON FUNCTION case_view(actor, cases, timestamptz) IS 'The case as this reader may see it, now';

CREATE FUNCTION case_get(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[],
    p_case_id uuid, p_now timestamptz)
RETURNS case_reply LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    v_me actor := me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
    v_case cases;
BEGIN
    IF v_me.refusal IS NOT NULL THEN
        RETURN case_refusal(v_me.refusal);
    END IF;
    SELECT * INTO v_case FROM cases c WHERE c.tenant = p_tenant AND c.id = p_case_id;
    IF NOT FOUND OR NOT case_in_sight(v_me, v_case) THEN
        RETURN case_refusal('not_found');
    END IF;
    RETURN case_view(v_me, v_case, p_now);
END $$;
SELECT delegate('case_get(text, text, text[], text[], text, text[], uuid, timestamptz)');
