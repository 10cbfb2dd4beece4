-- A hazard as the API answers it.

CREATE TYPE hazard_shown AS (
    id uuid, version bigint, state text, colour text, same_day_fixable boolean, capacity integer, capacity_unknown boolean,
    category__code text, category__name text, description text, place__id uuid, place__name text, place__address text,
    area__code text, area__name text, community__code text, community__name text, found_at timestamptz,
    found_by__kind text, found_by__id text, found_by__name text, responsible__name text, responsible__phone text,
    responsible__organisation__code text, responsible__organisation__name text, due_at timestamptz, overdue boolean,
    nodes json, photos_before json, photos_after json, colour_history json, started_at timestamptz, started_by__kind text,
    started_by__id text, started_by__name text, rectified_at timestamptz, submitted_by__kind text, submitted_by__id text,
    submitted_by__name text, result text, verified_at timestamptz, verified_by__kind text, verified_by__id text,
    verified_by__name text, sole_person boolean, rework_count integer, case_id uuid, requests json, created_at timestamptz,
    updated_at timestamptz, allowed_actions text[], askable_requests text[]
);

CREATE TYPE hazard_reply AS (
    _code text, _pointer text, _detail jsonb, _version bigint, _location text, _replayed boolean, shown hazard_shown
);

CREATE TYPE hazard_item AS (_code text, _item boolean, _cursor text, _total bigint, shown hazard_shown);

CREATE FUNCTION hazard_refusal(p_code text, p_pointer text DEFAULT NULL, p_detail jsonb DEFAULT NULL) RETURNS hazard_reply
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ROW(p_code, p_pointer, p_detail, NULL, NULL, NULL, NULL)::hazard_reply;

-- p_node: of a node only; NULL: of the hazard itself.
CREATE FUNCTION hazard_photos_json(h hazards, p_stage text, p_node uuid DEFAULT NULL) RETURNS json
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN coalesce((
        SELECT json_agg(json_build_object('id', a.id, 'content_type', a.content_type, 'size', a.size) ORDER BY x.event_seq, a.id)
        FROM hazard_attachments x JOIN attachments a ON a.tenant = x.tenant AND a.id = x.attachment_id
        WHERE x.tenant = h.tenant AND x.hazard_id = h.id AND x.stage = p_stage AND x.node_id IS NOT DISTINCT FROM p_node), '[]');
END $$;

CREATE FUNCTION hazard_nodes_json(p_me actor, h hazards) RETURNS json LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN coalesce((
        SELECT json_agg(json_build_object('node_id', n.node_id, 'title', n.title, 'due_at', iso(n.due_at),
            'done_at', iso(n.done_at), 'done_by', CASE WHEN n.done_by IS NOT NULL THEN person_party(p_me, n.done_by) END,
            'note', n.note, 'photos', hazard_photos_json(h, 'node', n.node_id)) ORDER BY n.due_at, n.node_id)
        FROM hazard_nodes n
        WHERE n.tenant = h.tenant AND n.hazard_id = h.id AND n.superseded_at IS NULL), '[]');
END $$;

-- Each colour it had, from when, and what gave it.
CREATE FUNCTION hazard_colours(h hazards) RETURNS TABLE (colour text, at timestamptz, cause text) LANGUAGE plpgsql
STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN QUERY
    SELECT e.colour, e.at, e.cause FROM (
        SELECT x.seq, x.colour, x.at, coalesce(x.data ->> 'cause', x.action) AS cause, lag(x.colour) OVER (ORDER BY x.seq) AS before
        FROM hazard_events x WHERE x.tenant = h.tenant AND x.hazard_id = h.id) AS e
    WHERE e.colour IS DISTINCT FROM e.before ORDER BY e.seq;
END $$;

CREATE FUNCTION hazard_colours_json(h hazards) RETURNS json LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN (SELECT json_agg(json_build_object('colour', c.colour, 'at', iso(c.at), 'cause', c.cause)) FROM hazard_colours(h) AS c);
END $$;

CREATE FUNCTION hazard_requests_json(p_me actor, h hazards) RETURNS json LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF h.requests_pending = 0 THEN
        RETURN '[]';
    END IF;
    RETURN (
        SELECT coalesce(json_agg(json_build_object('id', r.id, 'kind', r.kind, 'state', r.state, 'asked_at', iso(r.asked_at),
            'decidable', request_decidable(p_me, r, NULL)) ORDER BY r.asked_at, r.id), '[]')
        FROM requests r WHERE r.tenant = h.tenant AND r.hazard_id = h.id AND r.state = 'pending');
END $$;

CREATE FUNCTION hazard_view_people(INOUT v hazard_shown, p_me actor, h hazards) LANGUAGE plpgsql STABLE AS $$
DECLARE
    p party := doer_party(p_me, h.found_by, h.found_role, h.found_org, false);
BEGIN
    v.found_by__kind := p.kind;
    v.found_by__id := p.id;
    v.found_by__name := p.name;
    p := person_party(p_me, h.started_by);
    v.started_by__kind := p.kind;
    v.started_by__id := p.id;
    v.started_by__name := p.name;
    p := CASE WHEN h.submitted_by IS NULL AND h.rectified_at IS NOT NULL THEN role_party('system')
        ELSE person_party(p_me, h.submitted_by) END;
    v.submitted_by__kind := p.kind;
    v.submitted_by__id := p.id;
    v.submitted_by__name := p.name;
    p := person_party(p_me, h.verified_by);
    v.verified_by__kind := p.kind;
    v.verified_by__id := p.id;
    v.verified_by__name := p.name;
    IF masks_staff(p_me) THEN
        v.responsible__name := mask_name(h.responsible_name);
        v.responsible__phone := mask_phone(h.responsible_phone);
    ELSE
        v.responsible__name := h.responsible_name;
        v.responsible__phone := h.responsible_phone;
    END IF;
END $$;

CREATE FUNCTION hazard_view_names(INOUT v hazard_shown, h hazards) LANGUAGE plpgsql STABLE AS $$
BEGIN
    SELECT p.id, p.name, p.address, k.code, k.name, a.code, a.name, c.code, c.name
    INTO v.place__id, v.place__name, v.place__address, v.category__code, v.category__name, v.area__code, v.area__name,
        v.community__code, v.community__name
    FROM places p
    JOIN categories k ON k.tenant = p.tenant AND k.code = h.category
    JOIN areas a ON a.tenant = p.tenant AND a.code = h.area
    JOIN areas c ON c.tenant = p.tenant AND c.code = h.community
    WHERE p.tenant = h.tenant AND p.id = h.place_id;
    v.responsible__organisation__code := h.responsible_org;
    v.responsible__organisation__name := organisation_name(h.tenant, h.responsible_org);
END $$;

-- What a list and an export show as well.
CREATE FUNCTION hazard_row(p_me actor, h hazards, p_now timestamptz) RETURNS hazard_shown LANGUAGE plpgsql STABLE AS $$
DECLARE
    v hazard_shown;
BEGIN
    v := jsonb_populate_record(v, to_jsonb(h));
    v := hazard_view_names(hazard_view_people(v, p_me, h), h);
    v.overdue := hazard_overdue(h, p_now);
    -- A property company sees no case.
    v.case_id := CASE WHEN sees_staff(p_me) THEN h.case_id END;
    RETURN v;
END $$;

CREATE FUNCTION hazard_view(p_me actor, h hazards, p_now timestamptz) RETURNS hazard_shown LANGUAGE plpgsql STABLE AS $$
DECLARE
    v hazard_shown := hazard_row(p_me, h, p_now);
    v_bits bigint := hazard_bits(p_me, h);
BEGIN
    v.nodes := hazard_nodes_json(p_me, h);
    v.photos_before := hazard_photos_json(h, 'before');
    v.photos_after := hazard_photos_json(h, 'after');
    v.colour_history := hazard_colours_json(h);
    v.requests := hazard_requests_json(p_me, h);
    v.allowed_actions := offered('hazard', h.state, v_bits);
    v.askable_requests := hazard_asks(h, v_bits);
    RETURN v;
END $$;
COMMENT ON FUNCTION hazard_view(actor, hazards, timestamptz) IS 'The hazard as this reader may see it';

CREATE FUNCTION hazard_of(p_tenant text, p_hazard uuid) RETURNS hazards LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT h FROM hazards h WHERE h.tenant = p_tenant AND h.id = p_hazard);
END $$;

CREATE FUNCTION hazard_answered(p_me actor, p_hazard uuid, p_replayed boolean, p_now timestamptz) RETURNS hazard_reply
LANGUAGE plpgsql STABLE AS $$
DECLARE
    h hazards := hazard_of(p_me.tenant, p_hazard);
BEGIN
    IF NOT hazard_in_sight(p_me, h) THEN
        RETURN hazard_refusal('not_found');
    END IF;
    RETURN ROW(NULL, NULL, NULL, h.version, '/v1/hazards/' || h.id, p_replayed,
        hazard_view(p_me, h, coalesce(p_now, clock_timestamp())))::hazard_reply;
END $$;

CREATE FUNCTION hazard_get(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[],
    p_now timestamptz, p_hazard uuid)
RETURNS hazard_reply LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_me actor := me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
BEGIN
    IF v_me.refusal IS NOT NULL THEN
        RETURN hazard_refusal(v_me.refusal);
    END IF;
    RETURN hazard_answered(v_me, p_hazard, false, p_now);
END $$;
SELECT delegate('hazard_get(text, text, text[], text[], text, text[], timestamptz, uuid)');
