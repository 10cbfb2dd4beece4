-- The list of cases: which (36), then what each shows, joined once for the whole page.

CREATE TYPE case_item AS (
    _code text, _item boolean, _cursor text, _total bigint,
    id uuid, number text, version bigint, state text, step text, kind text, category__code text, category__name text,
    title text, description text, level text, registered boolean, source text,
    location__lon float8, location__lat float8, location__coord_sys text, location__address text, address text,
    area__code text, area__name text, community__code text, community__name text,
    reporter__name text, reporter__phone text, reporter__anonymous boolean, reporter__private boolean,
    reporter__contactable boolean, tags text[], received_at timestamptz, round integer,
    handler__kind text, handler__id text, handler__name text,
    arrive_due_at timestamptz, arrived_at timestamptz, resolve_due_at timestamptz, resolved_at timestamptz,
    plan_due_at timestamptz, planned_at timestamptz, overdue boolean, overdue_clocks text[],
    rework_count integer, updated_at timestamptz, allowed_actions text[]
);

-- A row that only steers: a refusal, a total, where a feed rests.
CREATE FUNCTION case_item_steer(p_code text, p_cursor text, p_total bigint) RETURNS case_item
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    v case_item;
BEGIN
    v._code := p_code;
    v._item := false;
    v._cursor := p_cursor;
    v._total := p_total;
    RETURN v;
END $$;

-- OFFSET 0 keeps the planner from writing a composite out again for each of its members.
CREATE FUNCTION case_items(p_me actor, p_keys page_keys, p_now timestamptz) RETURNS SETOF case_item
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_citizen uuid := CASE WHEN 'citizen' = ANY (p_me.roles) THEN p_me.person_id END;
BEGIN
    RETURN QUERY
    SELECT NULL, true, k.cursor, NULL::bigint,
        c.id, c.number, c.version, c.state, s.step, c.kind, c.category, y.name,
        c.title, c.description, c.level, c.registered_at IS NOT NULL, c.source,
        ST_X(c.point), ST_Y(c.point), CASE WHEN c.point IS NOT NULL THEN 'wgs84' END,
        CASE WHEN c.point IS NOT NULL THEN c.address END, c.address,
        c.area, a.name, c.community, m.name,
        (r.shown).name, (r.shown).phone, (r.shown).anonymous, (r.shown).private, (r.shown).contactable,
        c.tags, c.received_at, c.round, (h.party).kind, (h.party).id, (h.party).name,
        c.arrive_due_at, c.arrived_at, c.resolve_due_at, c.resolved_at, c.plan_due_at, c.planned_at,
        coalesce(c.overdue_at < p_now, false),
        CASE WHEN c.overdue_at < p_now THEN case_overdue_clocks(c, p_now) ELSE '{}' END,
        c.rework_count, c.updated_at, case_allowed_actions(p_me, c)
    FROM unnest(p_keys.ids, p_keys.cursors) WITH ORDINALITY AS k (id, cursor, n)
    JOIN cases c ON c.tenant = p_me.tenant AND c.id = k.id
    LEFT JOIN case_states s ON s.state = c.state
    LEFT JOIN categories y ON y.tenant = c.tenant AND y.code = c.category
    LEFT JOIN areas a ON a.tenant = c.tenant AND a.code = c.area
    LEFT JOIN areas m ON m.tenant = c.tenant AND m.code = c.community
    LEFT JOIN organisations l ON l.tenant = c.tenant AND l.code = c.lead_org
    LEFT JOIN people p ON p.tenant = c.tenant AND p.id = c.handler
    LEFT JOIN organisations o ON o.tenant = c.tenant AND o.code = p.organisation_code
    LEFT JOIN LATERAL (
        SELECT own.* FROM case_reporters own
        WHERE v_citizen IS NOT NULL AND own.tenant = c.tenant AND own.case_id = c.id AND own.person_id = v_citizen
            AND own.withdrawn_at IS NULL
        ORDER BY own.n LIMIT 1) AS own ON true
    CROSS JOIN LATERAL (SELECT CASE
        WHEN own.n IS NOT NULL
            THEN ROW(own.name, own.phone, own.anonymous, own.private, own.contactable)::reporter_shown
        WHEN has_reporter(c)
            THEN reporter_masked(sees_reporter(p_me, c), c.reporter_name, c.reporter_phone, c.reporter_anonymous,
                c.reporter_private, c.reporter_contactable) END AS shown
        OFFSET 0) AS r
    CROSS JOIN LATERAL (SELECT CASE
        WHEN c.state NOT IN ('whistled', 'handling')
            THEN staff_party(p_me, p.id, p.name, p.roles[1], p.organisation_code, o.name)
        WHEN c.lead_org IS NOT NULL THEN ROW('organisation', c.lead_org, coalesce(l.name, c.lead_org))::party
        END AS party
        OFFSET 0) AS h
    ORDER BY k.n;
END $$;

CREATE FUNCTION case_list(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[],
    p_filter case_filter, p_updated_after timestamptz, p_sort text, p_cursor text, p_limit integer, p_count text,
    p_now timestamptz)
RETURNS SETOF case_item LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_me actor := me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_filter case_filter;
    v_feed feed_mode := feed_mode(p_tenant, p_updated_after, p_cursor);
    v_keys page_keys;
BEGIN
    IF coalesce(v_me.refusal, v_feed.refusal) IS NOT NULL THEN
        RETURN NEXT case_item_steer(coalesce(v_me.refusal, v_feed.refusal), NULL, NULL);
        RETURN;
    END IF;
    v_filter := case_filter_spelt(p_tenant, p_filter);
    IF v_feed.on_feed THEN
        v_keys := case_feed_page(v_me, v_filter, v_feed.after, p_limit, v_now);
    ELSE
        v_keys := case_page(v_me, v_filter, p_sort, p_cursor, p_limit, v_now);
    END IF;
    RETURN QUERY SELECT * FROM case_items(v_me, v_keys, v_now);
    IF p_count = 'exact' OR v_keys.resting IS NOT NULL THEN
        RETURN NEXT case_item_steer(NULL, v_keys.resting,
            CASE WHEN p_count = 'exact' THEN case_count(v_me, v_filter, v_now) END);
    END IF;
END $$;
SELECT delegate('case_list(text, text, text[], text[], text, text[], case_filter, timestamptz, text, text, integer, text, timestamptz)');
