-- The list of supervisions, newest first: with state=open and mine=true what waits for a reply of the caller.

CREATE TYPE supervision_item AS (
    _code text, _item boolean, _cursor text, _total bigint,
    id uuid, case_id uuid, case_number text, ticket_id uuid, addressee__kind text, addressee__id text, addressee__name text,
    stage integer, clock text, opinion text, raised_at timestamptz, raised_by__kind text, raised_by__id text,
    raised_by__name text, raised_role text, reply_due_at timestamptz, reply text, replied_at timestamptz,
    replied_by__kind text, replied_by__id text, replied_by__name text, answerable boolean
);

CREATE TYPE supervision_filter AS (state text, "case" uuid[], ticket uuid[], mine boolean);

-- Addressed to the caller: as a person, for the organisation, in a role. What is about a ticket its department answers.
CREATE FUNCTION supervision_is_mine(p_me actor, s supervisions, c cases, t tickets) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN (s.ticket_id IS NOT NULL AND 'department' = ANY (p_me.roles) AND t.organisation = p_me.org) IS TRUE
        OR EXISTS (SELECT FROM unnest(p_me.roles) AS r (r)
            WHERE s.addressee_kind || ':' || s.addressee = ANY (addresses(p_me, c, r.r)));
END $$;

-- Whoever sees the ticket; of the case whoever sees all of it, and whom it addresses.
CREATE FUNCTION supervision_in_sight(p_me actor, s supervisions, c cases, t tickets) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    IF s.ticket_id IS NOT NULL THEN
        RETURN sees_staff(p_me) AND ticket_in_sight(p_me, t, c);
    END IF;
    RETURN staff_sees_case(p_me, c)
        AND (tickets_in_sight(p_me, c) = 'all' OR supervision_is_mine(p_me, s, c, t));
END $$;
COMMENT ON FUNCTION supervision_in_sight(actor, supervisions, cases, tickets) IS 'Whether the supervision exists for this caller';

CREATE FUNCTION supervision_view(p_me actor, s supervisions, c cases, t tickets) RETURNS supervision_item
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    v supervision_item;
    v_to party := named_party(p_me, s.addressee_kind, s.addressee);
    v_by party := person_party(p_me, s.raised_by);
    v_reply party := person_party(p_me, s.replied_by);
BEGIN
    v._item := true;
    v._cursor := place_of(s.raised_at, s.id);
    v.id := s.id;
    v.case_id := s.case_id;
    v.case_number := c.number;
    v.ticket_id := s.ticket_id;
    v.addressee__kind := v_to.kind;
    v.addressee__id := v_to.id;
    v.addressee__name := v_to.name;
    v.stage := s.stage;
    v.clock := s.clock;
    v.opinion := s.opinion;
    v.raised_at := s.raised_at;
    v.raised_by__kind := v_by.kind;
    v.raised_by__id := v_by.id;
    v.raised_by__name := v_by.name;
    v.raised_role := s.raised_role;
    v.reply_due_at := s.reply_due_at;
    v.reply := s.reply;
    v.replied_at := s.replied_at;
    v.replied_by__kind := v_reply.kind;
    v.replied_by__id := v_reply.id;
    v.replied_by__name := v_reply.name;
    v.answerable := s.replied_at IS NULL AND supervision_is_mine(p_me, s, c, t)
        AND 'reply_supervision' = ANY (CASE WHEN t.id IS NULL THEN case_allowed_actions(p_me, c)
            ELSE ticket_allowed_actions(p_me, t, c) END);
    RETURN v;
END $$;
COMMENT ON FUNCTION supervision_view(actor, supervisions, cases, tickets) IS 'The supervision as this reader may see it';

CREATE FUNCTION supervision_where(p_me actor, p supervision_filter) RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN concat_ws(E'\n    AND ',
        's.tenant = ($1).tenant',
        CASE p.state WHEN 'open' THEN 's.replied_at IS NULL' WHEN 'replied' THEN 's.replied_at IS NOT NULL' END,
        CASE WHEN p."case" IS NOT NULL THEN 's.case_id = ANY (($2)."case")' END,
        CASE WHEN p.ticket IS NOT NULL THEN 's.ticket_id = ANY (($2).ticket)' END,
        CASE WHEN p_me.scope IS NOT NULL OR NOT sees_all(p_me) THEN 'supervision_in_sight($1, s, c, t)' END,
        CASE WHEN p.mine IS NOT NULL THEN 'supervision_is_mine($1, s, c, t) = ($2).mine' END);
END $$;

CREATE FUNCTION supervision_page(p_me actor, p supervision_filter, p_cursor text, p_limit integer)
RETURNS SETOF supervision_item LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY EXECUTE format(
        'SELECT v.* FROM (SELECT s, c, t FROM supervisions s JOIN cases c ON c.tenant = s.tenant AND c.id = s.case_id
            LEFT JOIN tickets t ON t.tenant = s.tenant AND t.id = s.ticket_id
            WHERE %s%s ORDER BY s.raised_at DESC, s.id DESC LIMIT $5) AS k
        CROSS JOIN LATERAL supervision_view($1, k.s, k.c, k.t) AS v',
        supervision_where(p_me, p), CASE WHEN p_cursor IS NOT NULL THEN ' AND (s.raised_at, s.id) < ($3, $4)' END)
    USING p_me, p, place_key(p_cursor), place_id(p_cursor), p_limit;
END $$;

CREATE FUNCTION supervision_count(p_me actor, p supervision_filter) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_count bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM (SELECT FROM supervisions s JOIN cases c ON c.tenant = s.tenant AND c.id = s.case_id
        LEFT JOIN tickets t ON t.tenant = s.tenant AND t.id = s.ticket_id WHERE %s LIMIT 10001) AS k',
        supervision_where(p_me, p))
    INTO v_count USING p_me, p;
    RETURN v_count;
END $$;

CREATE FUNCTION supervision_list(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text,
    p_areas text[], p_filter supervision_filter, p_cursor text, p_limit integer, p_count text)
RETURNS SETOF supervision_item LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_me actor := me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
    v_steer supervision_item;
BEGIN
    v_steer._item := false;
    IF v_me.refusal IS NOT NULL THEN
        v_steer._code := v_me.refusal;
        RETURN NEXT v_steer;
        RETURN;
    END IF;
    RETURN QUERY SELECT * FROM supervision_page(v_me, p_filter, p_cursor, p_limit);
    IF p_count = 'exact' THEN
        v_steer._total := supervision_count(v_me, p_filter);
        RETURN NEXT v_steer;
    END IF;
END $$;
SELECT delegate('supervision_list(text, text, text[], text[], text, text[], supervision_filter, text, integer, text)');
