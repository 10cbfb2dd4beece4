-- What the clocks leave behind, as staff read it: due times that passed unmet, and due times that moved. Rows never change.

CREATE TYPE breach_item AS (
    _code text, _item boolean, _cursor text, _total bigint,
    case_id uuid, case_number text, ticket_id uuid, organisation__code text, organisation__name text, clock text, run integer,
    round integer, due_at timestamptz, breached_at timestamptz
);

CREATE TYPE breach_filter AS (clock text[], organisation text[], area text[], "case" uuid[], first date, past date);

CREATE FUNCTION breach_steer(p_code text, p_total bigint) RETURNS breach_item LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    v breach_item;
BEGIN
    v._code := p_code;
    v._item := false;
    v._total := p_total;
    RETURN v;
END $$;

-- Of the case itself, and of tickets: all, or a department's own. What lies above, p_tickets, is what tickets_in_sight says.
CREATE FUNCTION clock_row_in_sight(p_me actor, p_case uuid, p_subject uuid, p_organisation text, p_tickets text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN p_tickets = 'all' OR p_tickets = 'own' AND p_subject <> p_case AND p_organisation = (p_me).org;
COMMENT ON FUNCTION clock_row_in_sight(actor, uuid, uuid, text, text) IS 'Whether a breach or a changed due of a case in sight is shown';

CREATE FUNCTION breach_view(b breaches, p_number text, p_organisation text) RETURNS breach_item LANGUAGE sql STABLE PARALLEL SAFE
RETURN ROW(NULL, true, place_of((b).breached_at, (b).subject) || '|' || (b).clock || '|' || (b).run, NULL, (b).case_id, p_number,
    CASE WHEN (b).subject <> (b).case_id THEN (b).subject END, (b).organisation, coalesce(p_organisation, (b).organisation), (b).clock,
    (b).run, (b).round, (b).due, (b).breached_at)::breach_item;

CREATE FUNCTION case_breach_list(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[],
    p_case_id uuid, p_cursor text, p_limit integer, p_count text)
RETURNS SETOF breach_item LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    v_me actor := me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
    v_case cases;
    v_tickets text;
    v_seen breaches[];
BEGIN
    IF v_me.refusal IS NOT NULL THEN
        RETURN NEXT breach_steer(v_me.refusal, NULL);
        RETURN;
    END IF;
    SELECT * INTO v_case FROM cases c WHERE c.tenant = p_tenant AND c.id = p_case_id;
    IF NOT FOUND OR NOT staff_sees_case(v_me, v_case) THEN
        RETURN NEXT breach_steer('not_found', NULL);
        RETURN;
    END IF;
    v_tickets := tickets_in_sight(v_me, v_case);
    v_seen := ARRAY(
        SELECT b FROM breaches b
        WHERE b.tenant = p_tenant AND b.case_id = p_case_id AND clock_row_in_sight(v_me, b.case_id, b.subject, b.organisation, v_tickets));
    RETURN QUERY
    SELECT v.* FROM (
        SELECT s AS b FROM unnest(v_seen) AS s
        WHERE p_cursor IS NULL OR (s.breached_at, s.subject, s.clock, s.run)
            > (place_key(p_cursor), place_id(p_cursor), split_part(p_cursor, '|', 3), split_part(p_cursor, '|', 4)::integer)
        ORDER BY s.breached_at, s.subject, s.clock, s.run LIMIT p_limit) AS k
    CROSS JOIN LATERAL breach_view(k.b, v_case.number, organisation_name(p_tenant, (k.b).organisation)) AS v;
    IF p_count = 'exact' THEN
        RETURN NEXT breach_steer(NULL, cardinality(v_seen));
    END IF;
END $$;
SELECT delegate('case_breach_list(text, text, text[], text[], text, text[], uuid, text, integer, text)');

-- The street's, newest first.
CREATE FUNCTION breaches_found(p_me actor, p breach_filter, p_cursor text, p_limit integer) RETURNS SETOF breaches
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    v_areas text[] := areas_below(p_me.tenant, p.area);
BEGIN
    RETURN QUERY
    SELECT b.* FROM breaches b JOIN cases c ON c.tenant = p_me.tenant AND c.id = b.case_id
    WHERE b.tenant = p_me.tenant AND within_scope(p_me, c.area)
        AND (p.clock IS NULL OR b.clock = ANY (p.clock)) AND (p.organisation IS NULL OR b.organisation = ANY (p.organisation))
        AND (p."case" IS NULL OR b.case_id = ANY (p."case")) AND (v_areas IS NULL OR c.area = ANY (v_areas))
        AND (p.first IS NULL OR b.breached_at >= p.first::timestamp AT TIME ZONE p_me.zone)
        AND (p.past IS NULL OR b.breached_at < p.past::timestamp AT TIME ZONE p_me.zone)
        AND (p_cursor IS NULL OR (b.breached_at, b.subject, b.clock, b.run)
            < (place_key(p_cursor), place_id(p_cursor), split_part(p_cursor, '|', 3), split_part(p_cursor, '|', 4)::integer))
    ORDER BY b.breached_at DESC, b.subject DESC, b.clock DESC, b.run DESC LIMIT p_limit;
END $$;

CREATE FUNCTION breach_list(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[],
    p_filter breach_filter, p_cursor text, p_limit integer, p_count text)
RETURNS SETOF breach_item LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_me actor := me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
BEGIN
    IF v_me.refusal IS NOT NULL THEN
        RETURN NEXT breach_steer(v_me.refusal, NULL);
        RETURN;
    END IF;
    RETURN QUERY
    SELECT v.* FROM breaches_found(v_me, p_filter, p_cursor, p_limit) AS b
    JOIN cases c ON c.tenant = p_tenant AND c.id = b.case_id
    CROSS JOIN LATERAL breach_view(b, c.number, organisation_name(p_tenant, b.organisation)) AS v
    ORDER BY b.breached_at DESC, b.subject DESC, b.clock DESC, b.run DESC;
    IF p_count = 'exact' THEN
        RETURN NEXT breach_steer(NULL, (SELECT count(*) FROM breaches_found(v_me, p_filter, NULL, 10001)));
    END IF;
END $$;
SELECT delegate('breach_list(text, text, text[], text[], text, text[], breach_filter, text, integer, text)');

CREATE TYPE deadline_change_item AS (
    _code text, _item boolean, _cursor text, _total bigint,
    id uuid, case_id uuid, ticket_id uuid, clock text, run integer, old_due_at timestamptz, new_due_at timestamptz, cause text,
    changed_at timestamptz, changed_by__kind text, changed_by__id text, changed_by__name text, role text
);

CREATE FUNCTION deadline_change_steer(p_code text, p_total bigint) RETURNS deadline_change_item
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    v deadline_change_item;
BEGIN
    v._code := p_code;
    v._item := false;
    v._total := p_total;
    RETURN v;
END $$;

CREATE FUNCTION deadline_change_view(p_me actor, d deadline_changes, p_sees_reporter boolean) RETURNS deadline_change_item
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    p party := doer_party(p_me, d.person_id, d.role, NULL, p_sees_reporter);
BEGIN
    RETURN ROW(NULL, true, place_of(d.changed_at, d.id), NULL, d.id, d.case_id, CASE WHEN d.subject <> d.case_id THEN d.subject END, d.clock,
        d.run, d.old_due, d.new_due, d.cause, d.changed_at, p.kind, p.id, p.name, d.role)::deadline_change_item;
END $$;

CREATE FUNCTION case_deadline_change_list(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text,
    p_areas text[], p_case_id uuid, p_cursor text, p_limit integer, p_count text)
RETURNS SETOF deadline_change_item LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    v_me actor := me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
    v_case cases;
    v_tickets text;
    v_seen deadline_changes[];
BEGIN
    IF v_me.refusal IS NOT NULL THEN
        RETURN NEXT deadline_change_steer(v_me.refusal, NULL);
        RETURN;
    END IF;
    SELECT * INTO v_case FROM cases c WHERE c.tenant = p_tenant AND c.id = p_case_id;
    IF NOT FOUND OR NOT staff_sees_case(v_me, v_case) THEN
        RETURN NEXT deadline_change_steer('not_found', NULL);
        RETURN;
    END IF;
    v_tickets := tickets_in_sight(v_me, v_case);
    v_seen := ARRAY(
        SELECT d FROM deadline_changes d LEFT JOIN tickets t ON t.tenant = p_tenant AND t.id = d.subject
        WHERE d.tenant = p_tenant AND d.case_id = p_case_id AND clock_row_in_sight(v_me, d.case_id, d.subject, t.organisation, v_tickets));
    RETURN QUERY
    SELECT v.* FROM (
        SELECT s AS d FROM unnest(v_seen) AS s
        WHERE p_cursor IS NULL OR (s.changed_at, s.id) > (place_key(p_cursor), place_id(p_cursor))
        ORDER BY s.changed_at, s.id LIMIT p_limit) AS k
    CROSS JOIN LATERAL deadline_change_view(v_me, k.d, sees_reporter(v_me, v_case)) AS v;
    IF p_count = 'exact' THEN
        RETURN NEXT deadline_change_steer(NULL, cardinality(v_seen));
    END IF;
END $$;
SELECT delegate('case_deadline_change_list(text, text, text[], text[], text, text[], uuid, text, integer, text)');
