-- The list of requests, newest first: with state=pending and decidable=true the work list of whoever decides.

CREATE TYPE request_item AS (
    _code text, _item boolean, _cursor text, _total bigint,
    id uuid, version bigint, kind text, case_id uuid, case_number text, ticket_id uuid, hazard_id uuid, state text, reason text,
    proposal jsonb, asked_by__kind text, asked_by__id text, asked_by__name text, asked_at timestamptz,
    due_at timestamptz, approvals json, decided_by__kind text, decided_by__id text, decided_by__name text,
    decided_at timestamptz, note text, sole_person boolean, decidable boolean, allowed_actions text[]
);

CREATE TYPE request_filter AS (state text[], kind text[], "case" uuid[], ticket uuid[], hazard uuid[], decidable boolean);

CREATE FUNCTION request_item_steer(p_code text, p_total bigint) RETURNS request_item
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    v request_item;
BEGIN
    v._code := p_code;
    v._item := false;
    v._total := p_total;
    RETURN v;
END $$;

-- Conditions that an index or a look at the row can answer ($1 who asks, $2 the filters).
CREATE FUNCTION request_where(p_me actor, p request_filter) RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN concat_ws(E'\n    AND ',
        'r.tenant = ($1).tenant',
        CASE WHEN p.state IS NOT NULL THEN 'r.state = ANY (($2).state)' END,
        CASE WHEN p.kind IS NOT NULL THEN 'r.kind = ANY (($2).kind)' END,
        CASE WHEN p."case" IS NOT NULL THEN 'r.case_id = ANY (($2)."case")' END,
        CASE WHEN p.ticket IS NOT NULL THEN 'r.ticket_id = ANY (($2).ticket)' END,
        CASE WHEN p.hazard IS NOT NULL THEN 'r.hazard_id = ANY (($2).hazard)' END,
        CASE WHEN p.decidable THEN 'r.state = ''pending''' END,
        CASE WHEN p_me.scope IS NOT NULL OR NOT sees_all(p_me) THEN 'request_in_sight($1, r, c)' END,
        CASE WHEN p.decidable IS NOT NULL THEN 'request_decidable($1, r, c) = ($2).decidable' END);
END $$;

CREATE FUNCTION request_page(p_me actor, p request_filter, p_cursor text, p_limit integer) RETURNS SETOF request_item
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY EXECUTE format(
        'SELECT NULL::text, true, place_of((k.r).asked_at, (k.r).id), NULL::bigint,
            v.id, v.version, v.kind, v.case_id, v.case_number, v.ticket_id, v.hazard_id, v.state, v.reason, v.proposal,
            v.asked_by__kind, v.asked_by__id, v.asked_by__name, v.asked_at, v.due_at, v.approvals,
            v.decided_by__kind, v.decided_by__id, v.decided_by__name, v.decided_at, v.note, v.sole_person,
            v.decidable, v.allowed_actions
        FROM (SELECT r, c FROM requests r LEFT JOIN cases c ON c.tenant = r.tenant AND c.id = r.case_id
            WHERE %s%s ORDER BY r.asked_at DESC, r.id DESC LIMIT $5) AS k
        CROSS JOIN LATERAL request_view($1, k.r, k.c) AS v',
        request_where(p_me, p), CASE WHEN p_cursor IS NOT NULL THEN ' AND (r.asked_at, r.id) < ($3, $4)' END)
    USING p_me, p, place_key(p_cursor), place_id(p_cursor), p_limit;
END $$;

CREATE FUNCTION request_count(p_me actor, p request_filter) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_count bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM (SELECT FROM requests r LEFT JOIN cases c ON c.tenant = r.tenant AND c.id = r.case_id
        WHERE %s LIMIT 10001) AS k', request_where(p_me, p))
    INTO v_count USING p_me, p;
    RETURN v_count;
END $$;

CREATE FUNCTION request_list(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[],
    p_filter request_filter, p_cursor text, p_limit integer, p_count text)
RETURNS SETOF request_item LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_me actor := me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
BEGIN
    IF v_me.refusal IS NOT NULL THEN
        RETURN NEXT request_item_steer(v_me.refusal, NULL);
        RETURN;
    END IF;
    RETURN QUERY SELECT * FROM request_page(v_me, p_filter, p_cursor, p_limit);
    IF p_count = 'exact' THEN
        RETURN NEXT request_item_steer(NULL, request_count(v_me, p_filter));
    END IF;
END $$;
SELECT delegate('request_list(text, text, text[], text[], text, text[], request_filter, text, integer, text)');
