-- Webhooks as the API answers them. Administrators keep those of the whole street; people of a department those of their
-- own organisation, whatever it is asked to do.

CREATE TYPE webhook_shown AS (
    id uuid, version bigint, url text, event_types text[], organisation__code text, organisation__name text, description text,
    active boolean, disabled_reason text, disabled_at timestamptz, retired_at timestamptz, failures integer,
    paused_until timestamptz, last_success_at timestamptz, last_failure_at timestamptz, secret text,
    secret_made_at timestamptz, old_secret_until timestamptz, created_by__kind text, created_by__id text,
    created_by__name text, created_at timestamptz, updated_at timestamptz, allowed_actions text[]
);

CREATE TYPE webhook_reply AS (
    _code text, _pointer text, _detail jsonb, _version bigint, _location text, _replayed boolean, shown webhook_shown
);

CREATE TYPE webhook_item AS (_code text, _item boolean, _cursor text, _total bigint, shown webhook_shown);

CREATE TYPE webhook_filter AS (organisation text[], active boolean, retired boolean);

-- A webhook knows no areas: a token for some of them only would hear of the others by it.
CREATE FUNCTION webhook_me(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[])
RETURNS actor LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_me actor := me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
BEGIN
    IF v_me.refusal IS NULL AND (v_me.scope IS NOT NULL OR NOT 'admin' = ANY (v_me.roles) AND v_me.org IS NULL) THEN
        v_me.refusal := 'insufficient_role';
    END IF;
    RETURN v_me;
END $$;
COMMENT ON FUNCTION webhook_me(text, text, text[], text[], text, text[]) IS 'The caller, who may keep webhooks, or why not';

CREATE FUNCTION webhook_in_sight(p_me actor, w webhooks) RETURNS boolean LANGUAGE sql STABLE
RETURN ((w).id IS NOT NULL AND ('admin' = ANY ((p_me).roles)
    OR ('department' = ANY ((p_me).roles) AND (w).organisation_code = (p_me).org))) IS TRUE;
COMMENT ON FUNCTION webhook_in_sight(actor, webhooks) IS 'Whether the webhook exists for this caller';

CREATE FUNCTION webhook_view(p_me actor, w webhooks, p_secret text) RETURNS webhook_shown LANGUAGE plpgsql STABLE AS $$
DECLARE
    v webhook_shown;
    v_now timestamptz := clock_timestamp();
    p party := person_party(p_me, w.created_by);
BEGIN
    v := jsonb_populate_record(v, to_jsonb(w));
    v.organisation__code := w.organisation_code;
    v.organisation__name := organisation_name(w.tenant, w.organisation_code);
    v.created_by__kind := p.kind;
    v.created_by__id := p.id;
    v.created_by__name := p.name;
    v.paused_until := CASE WHEN w.paused_until > v_now THEN w.paused_until END;
    v.secret := p_secret;
    v.secret_made_at := (SELECT s.made_at FROM webhook_secrets s
        WHERE s.tenant = w.tenant AND s.webhook_id = w.id ORDER BY s.n DESC LIMIT 1);
    v.old_secret_until := (SELECT max(s.valid_until) FROM webhook_secrets s
        WHERE s.tenant = w.tenant AND s.webhook_id = w.id AND s.valid_until > v_now);
    v.allowed_actions := CASE WHEN w.retired_at IS NULL
        THEN ARRAY['edit', 'rotate_secret', 'retire', 'ping', 'redeliver'] ELSE '{}' END;
    RETURN v;
END $$;
COMMENT ON FUNCTION webhook_view(actor, webhooks, text) IS 'The webhook; its secret only when it was just made';

CREATE FUNCTION webhook_refusal(p_code text, p_pointer text DEFAULT NULL, p_detail jsonb DEFAULT NULL) RETURNS webhook_reply
LANGUAGE sql IMMUTABLE
RETURN ROW(p_code, p_pointer, p_detail, NULL, NULL, NULL, NULL)::webhook_reply;

CREATE FUNCTION webhook_answered(p_me actor, p_webhook uuid, p_replayed boolean, p_secret text DEFAULT NULL)
RETURNS webhook_reply LANGUAGE plpgsql STABLE AS $$
DECLARE
    w webhooks;
BEGIN
    SELECT * INTO w FROM webhooks x WHERE x.tenant = p_me.tenant AND x.id = p_webhook;
    IF NOT webhook_in_sight(p_me, w) THEN
        RETURN webhook_refusal('not_found');
    END IF;
    RETURN ROW(NULL, NULL, NULL, w.version, '/v1/webhooks/' || w.id, p_replayed, webhook_view(p_me, w, p_secret))::webhook_reply;
END $$;

CREATE FUNCTION webhook_get(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[],
    p_webhook uuid)
RETURNS webhook_reply LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_me actor := webhook_me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
BEGIN
    IF v_me.refusal IS NOT NULL THEN
        RETURN webhook_refusal(v_me.refusal);
    END IF;
    RETURN webhook_answered(v_me, p_webhook, false);
END $$;
SELECT delegate('webhook_get(text, text, text[], text[], text, text[], uuid)');

CREATE FUNCTION webhooks_found(p_me actor, p webhook_filter) RETURNS SETOF webhooks LANGUAGE sql STABLE AS $$
    SELECT w.* FROM webhooks w
    WHERE w.tenant = p_me.tenant AND webhook_in_sight(p_me, w)
        AND (p.organisation IS NULL OR w.organisation_code = ANY (p.organisation))
        AND (p.active IS NULL OR w.active = p.active) AND (w.retired_at IS NOT NULL) = coalesce(p.retired, false)
$$;

CREATE FUNCTION webhook_list(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[],
    p_filter webhook_filter, p_cursor text, p_limit integer, p_count text)
RETURNS SETOF webhook_item LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_me actor := webhook_me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
BEGIN
    IF v_me.refusal IS NOT NULL THEN
        RETURN NEXT ROW(v_me.refusal, false, NULL, NULL, NULL)::webhook_item;
        RETURN;
    END IF;
    RETURN QUERY
        SELECT NULL::text, true, (x.f).id::text, NULL::bigint, webhook_view(v_me, x.f, NULL)
        FROM (SELECT f FROM webhooks_found(v_me, p_filter) AS f
            WHERE p_cursor IS NULL OR f.id < p_cursor::uuid ORDER BY f.id DESC LIMIT p_limit) AS x;
    IF p_count = 'exact' THEN
        RETURN NEXT ROW(NULL, false, NULL,
            (SELECT count(*) FROM (SELECT FROM webhooks_found(v_me, p_filter) LIMIT 10001) AS x), NULL)::webhook_item;
    END IF;
END $$;
SELECT delegate('webhook_list(text, text, text[], text[], text, text[], webhook_filter, text, integer, text)');

-- History

CREATE TYPE webhook_event_item AS (
    _code text, _item boolean, _cursor text, _total bigint,
    seq integer, action text, at timestamptz, actor__kind text, actor__id text, actor__name text, data jsonb
);

CREATE FUNCTION webhook_event_view(p_me actor, e webhook_events) RETURNS webhook_event_item LANGUAGE plpgsql STABLE AS $$
DECLARE
    v webhook_event_item;
    p party := coalesce(person_party(p_me, e.person_id), role_party('system'));
BEGIN
    v := jsonb_populate_record(v, to_jsonb(e));
    v._item := true;
    v._cursor := e.seq;
    v.actor__kind := p.kind;
    v.actor__id := p.id;
    v.actor__name := p.name;
    RETURN v;
END $$;

CREATE FUNCTION webhook_event_steer(p_code text, p_total bigint) RETURNS webhook_event_item LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v webhook_event_item;
BEGIN
    v._code := p_code;
    v._item := false;
    v._total := p_total;
    RETURN v;
END $$;

CREATE FUNCTION webhook_event_list(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text,
    p_areas text[], p_webhook uuid, p_cursor text, p_limit integer, p_count text)
RETURNS SETOF webhook_event_item LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_me actor := webhook_me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
    w webhooks;
BEGIN
    SELECT * INTO w FROM webhooks x WHERE x.tenant = p_tenant AND x.id = p_webhook;
    IF v_me.refusal IS NOT NULL OR NOT webhook_in_sight(v_me, w) THEN
        RETURN NEXT webhook_event_steer(coalesce(v_me.refusal, 'not_found'), NULL);
        RETURN;
    END IF;
    RETURN QUERY SELECT v.* FROM (
        SELECT e FROM webhook_events e
        WHERE e.tenant = p_tenant AND e.webhook_id = p_webhook AND (p_cursor IS NULL OR e.seq < p_cursor::integer)
        ORDER BY e.seq DESC LIMIT p_limit) AS page
    CROSS JOIN LATERAL webhook_event_view(v_me, page.e) AS v;
    IF p_count = 'exact' THEN
        RETURN NEXT webhook_event_steer(NULL, (SELECT count(*) FROM (SELECT FROM webhook_events e
            WHERE e.tenant = p_tenant AND e.webhook_id = p_webhook LIMIT 10001) AS x));
    END IF;
END $$;
SELECT delegate('webhook_event_list(text, text, text[], text[], text, text[], uuid, text, integer, text)');
