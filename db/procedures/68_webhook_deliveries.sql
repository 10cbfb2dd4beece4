-- Webhooks: the log of what was sent, sending it again, and the test ping.

CREATE TYPE webhook_delivery_shown AS (
    id uuid, webhook_id uuid, type text, state text, case_id uuid, ticket_id uuid, created_at timestamptz,
    next_attempt_at timestamptz, ended_at timestamptz, attempt_count integer, last_status integer, last_error text,
    attempts json, payload json
);

CREATE TYPE webhook_delivery_reply AS (
    _code text, _pointer text, _detail jsonb, _location text, _replayed boolean, shown webhook_delivery_shown
);

CREATE TYPE webhook_delivery_item AS (
    _code text, _item boolean, _cursor text, _total bigint, shown webhook_delivery_shown
);

CREATE TYPE webhook_delivery_filter AS (state text[], type text[], ticket uuid);

CREATE FUNCTION webhook_attempts_json(m webhook_messages) RETURNS json LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT coalesce(json_agg(json_build_object('n', a.n, 'at', iso(a.at), 'status', a.status, 'error', a.error,
            'duration_ms', a.duration_ms) ORDER BY a.n), '[]')
        FROM webhook_attempts a WHERE a.tenant = m.tenant AND a.message_id = m.id);
END $$;

-- p_whole: with every try and what is sent; a list leaves both out.
CREATE FUNCTION webhook_delivery_view(m webhook_messages, p_whole boolean) RETURNS webhook_delivery_shown
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v webhook_delivery_shown;
BEGIN
    v.id := m.id;
    v.webhook_id := m.webhook_id;
    v.type := m.type;
    v.state := m.state;
    v.case_id := m.case_id;
    v.ticket_id := m.ticket_id;
    v.created_at := m.created_at;
    v.next_attempt_at := CASE WHEN m.head THEN m.not_before END;
    v.ended_at := m.ended_at;
    v.attempt_count := m.attempts;
    SELECT a.status, a.error INTO v.last_status, v.last_error FROM webhook_attempts a
    WHERE a.tenant = m.tenant AND a.message_id = m.id ORDER BY a.n DESC LIMIT 1;
    IF p_whole THEN
        v.attempts := webhook_attempts_json(m);
        v.payload := m.body::json;
    END IF;
    RETURN v;
END $$;

CREATE FUNCTION webhook_delivery_refusal(p_code text, p_detail jsonb DEFAULT NULL) RETURNS webhook_delivery_reply
LANGUAGE sql IMMUTABLE
RETURN ROW(p_code, NULL, p_detail, NULL, NULL, NULL)::webhook_delivery_reply;

CREATE FUNCTION webhook_delivery_answered(p_me actor, p_message uuid, p_replayed boolean) RETURNS webhook_delivery_reply
LANGUAGE plpgsql STABLE AS $$
DECLARE
    m webhook_messages;
    w webhooks;
BEGIN
    SELECT * INTO m FROM webhook_messages x WHERE x.tenant = p_me.tenant AND x.id = p_message;
    SELECT * INTO w FROM webhooks x WHERE x.tenant = p_me.tenant AND x.id = m.webhook_id;
    IF NOT webhook_in_sight(p_me, w) THEN
        RETURN webhook_delivery_refusal('not_found');
    END IF;
    RETURN ROW(NULL, NULL, NULL, '/v1/webhooks/' || w.id || '/deliveries/' || m.id, p_replayed,
        webhook_delivery_view(m, true))::webhook_delivery_reply;
END $$;

CREATE FUNCTION webhook_delivery_get(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text,
    p_areas text[], p_webhook uuid, p_message uuid)
RETURNS webhook_delivery_reply LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_me actor := webhook_me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
BEGIN
    IF v_me.refusal IS NOT NULL THEN
        RETURN webhook_delivery_refusal(v_me.refusal);
    ELSIF NOT EXISTS (SELECT FROM webhook_messages m
        WHERE m.tenant = p_tenant AND m.id = p_message AND m.webhook_id = p_webhook) THEN
        RETURN webhook_delivery_refusal('not_found');
    END IF;
    RETURN webhook_delivery_answered(v_me, p_message, false);
END $$;
SELECT delegate('webhook_delivery_get(text, text, text[], text[], text, text[], uuid, uuid)');

CREATE FUNCTION webhook_deliveries_found(p_tenant text, p_webhook uuid, p webhook_delivery_filter)
RETURNS SETOF webhook_messages LANGUAGE sql STABLE AS $$
    SELECT m.* FROM webhook_messages m
    WHERE m.tenant = p_tenant AND m.webhook_id = p_webhook AND (p.state IS NULL OR m.state = ANY (p.state))
        AND (p.type IS NULL OR m.type = ANY (p.type)) AND (p.ticket IS NULL OR m.ticket_id = p.ticket)
$$;

CREATE FUNCTION webhook_delivery_list(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text,
    p_areas text[], p_webhook uuid, p_filter webhook_delivery_filter, p_cursor text, p_limit integer, p_count text)
RETURNS SETOF webhook_delivery_item LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_me actor := webhook_me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
    w webhooks;
BEGIN
    SELECT * INTO w FROM webhooks x WHERE x.tenant = p_tenant AND x.id = p_webhook;
    IF v_me.refusal IS NOT NULL OR NOT webhook_in_sight(v_me, w) THEN
        RETURN NEXT ROW(coalesce(v_me.refusal, 'not_found'), false, NULL, NULL, NULL)::webhook_delivery_item;
        RETURN;
    END IF;
    RETURN QUERY
        SELECT NULL::text, true, (x.f).id::text, NULL::bigint, webhook_delivery_view(x.f, false)
        FROM (SELECT f FROM webhook_deliveries_found(p_tenant, p_webhook, p_filter) AS f
            WHERE p_cursor IS NULL OR f.id < p_cursor::uuid ORDER BY f.id DESC LIMIT p_limit) AS x;
    IF p_count = 'exact' THEN
        RETURN NEXT ROW(NULL, false, NULL, (SELECT count(*) FROM (
            SELECT FROM webhook_deliveries_found(p_tenant, p_webhook, p_filter) LIMIT 10001) AS x), NULL)::webhook_delivery_item;
    END IF;
END $$;
SELECT delegate(
    'webhook_delivery_list(text, text, text[], text[], text, text[], uuid, webhook_delivery_filter, text, integer, text)');

-- Once more from the first step of the schedule, under the same id. One that stands before others of its ticket is sent
-- before them again; what is under way is not called back.
CREATE FUNCTION webhook_again(p_tenant text, p_webhook uuid, p_messages uuid[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_now timestamptz := clock_timestamp();
    v_lane uuid;
BEGIN
    UPDATE webhook_messages m SET state = 'pending', head = false, tries = 0, first_tried_at = NULL, not_before = v_now,
        ended_at = NULL
    WHERE m.tenant = p_tenant AND m.id = ANY (p_messages);
    FOR v_lane IN
        SELECT DISTINCT m.lane FROM webhook_messages m WHERE m.tenant = p_tenant AND m.id = ANY (p_messages)
    LOOP
        PERFORM webhook_lane_led(p_tenant, p_webhook, v_lane);
    END LOOP;
    PERFORM pg_notify('whistled_webhooks', p_tenant);
END $$;
COMMENT ON FUNCTION webhook_again(text, uuid, uuid[]) IS 'Messages of a locked webhook wait to be sent again';

CREATE FUNCTION webhook_pinged(p_me actor, w webhooks, p_id uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_now timestamptz := clock_timestamp();
    v_body text := (SELECT row_to_json(x) FROM (SELECT 'webhook.ping' AS type, iso(v_now) AS "timestamp",
        json_build_object('webhook_id', w.id) AS data) AS x)::text;
BEGIN
    INSERT INTO webhook_messages (tenant, id, webhook_id, type, lane, position, body, head, created_at, not_before)
    VALUES (w.tenant, p_id, w.id, 'webhook.ping', p_id, feed_last(w.tenant), v_body, true, v_now, v_now);
    PERFORM pg_notify('whistled_webhooks', w.tenant);
END $$;

-- Why a ping or a redelivery may not be; NULL: it may.
CREATE FUNCTION webhook_send_refusal(p_action text, w webhooks) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
    c_pings CONSTANT integer := 5; -- that wait at the same time
BEGIN
    RETURN CASE
        WHEN w.retired_at IS NOT NULL THEN 'invalid_transition'
        WHEN p_action = 'ping' AND (SELECT count(*) FROM webhook_messages m
            WHERE m.tenant = w.tenant AND m.webhook_id = w.id AND m.head AND m.type = 'webhook.ping') >= c_pings
            THEN 'limit_reached' END;
END $$;

-- p_message: what is sent again; for a ping what is to be made.
CREATE FUNCTION webhook_send(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[],
    p_action text, p_key text, p_fingerprint text, p_now timestamptz, p_webhook uuid, p_message uuid, p_body jsonb)
RETURNS webhook_delivery_reply LANGUAGE plpgsql AS $$
DECLARE
    v_me actor := webhook_me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
    v_operation text := 'webhook_deliveries.' || p_action;
    v_key key_state;
    v_code text := v_me.refusal;
    w webhooks;
BEGIN
    IF v_code IS NOT NULL THEN
        RETURN webhook_delivery_refusal(v_code);
    END IF;
    v_key := key_begin(p_tenant, p_actor, v_operation, p_key, p_fingerprint);
    IF v_key.state = 'other' THEN
        RETURN webhook_delivery_refusal('idempotency_key_reused');
    ELSIF v_key.state = 'replay' THEN
        RETURN webhook_delivery_answered(v_me, v_key.object_id, true);
    END IF;
    w := webhook_locked(p_tenant, p_webhook);
    IF NOT webhook_in_sight(v_me, w) OR p_action = 'redeliver' AND NOT EXISTS (
        SELECT FROM webhook_messages m WHERE m.tenant = p_tenant AND m.id = p_message AND m.webhook_id = p_webhook) THEN
        RETURN webhook_delivery_refusal('not_found');
    END IF;
    v_code := webhook_send_refusal(p_action, w);
    IF v_code IS NOT NULL THEN
        RETURN webhook_delivery_refusal(v_code, CASE v_code WHEN 'invalid_transition' THEN webhook_retired_detail() END);
    ELSIF p_action = 'ping' THEN
        PERFORM webhook_pinged(v_me, w, p_message);
    ELSE
        PERFORM webhook_again(p_tenant, p_webhook, ARRAY[p_message]);
    END IF;
    PERFORM webhook_noted(v_me, p_webhook, p_action, p_body || jsonb_build_object('delivery_id', p_message),
        coalesce(p_now, clock_timestamp()));
    PERFORM key_remember(p_tenant, p_actor, v_operation, p_key, p_fingerprint, p_message);
    RETURN webhook_delivery_answered(v_me, p_message, false);
END $$;
SELECT delegate('webhook_send(text, text, text[], text[], text, text[], text, text, text, timestamptz, uuid, uuid, jsonb)');

-- A range: what ended between two times, oldest first, so many at a call.

CREATE TYPE webhook_range_reply AS (
    _code text, _pointer text, _detail jsonb, _replayed boolean, count integer, more boolean
);

CREATE FUNCTION webhook_range_refusal(p_code text, p_pointer text DEFAULT NULL, p_detail jsonb DEFAULT NULL)
RETURNS webhook_range_reply LANGUAGE sql IMMUTABLE
RETURN ROW(p_code, p_pointer, p_detail, NULL, NULL, NULL)::webhook_range_reply;

CREATE FUNCTION webhook_range_again(w webhooks, p_body jsonb) RETURNS webhook_range_reply LANGUAGE plpgsql AS $$
DECLARE
    c_most CONSTANT integer := 1000;
    v_states text[] := coalesce(ARRAY(SELECT jsonb_array_elements_text(p_body -> 'state')), '{}');
    v_ids uuid[];
BEGIN
    IF v_states = '{}' THEN
        v_states := '{failed}';
    END IF;
    v_ids := ARRAY(
        SELECT m.id FROM webhook_messages m
        WHERE m.tenant = w.tenant AND m.webhook_id = w.id AND m.state = ANY (v_states) AND m.type <> 'webhook.ping'
            AND m.created_at >= (p_body ->> 'from')::timestamptz AND m.created_at < (p_body ->> 'to')::timestamptz
        ORDER BY m.id LIMIT c_most + 1);
    PERFORM webhook_again(w.tenant, w.id, v_ids[:c_most]);
    RETURN ROW(NULL, NULL, NULL, false, least(cardinality(v_ids), c_most), cardinality(v_ids) > c_most)::webhook_range_reply;
END $$;

-- The history remembers how many they were, under the id that the key remembers.
CREATE FUNCTION webhook_range_replayed(w webhooks, p_id uuid) RETURNS webhook_range_reply LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_data jsonb := (SELECT e.data FROM webhook_events e
        WHERE e.tenant = w.tenant AND e.webhook_id = w.id AND e.data ->> 'id' = p_id::text);
BEGIN
    RETURN ROW(NULL, NULL, NULL, true, (v_data -> 'count')::integer, (v_data -> 'more')::boolean)::webhook_range_reply;
END $$;

CREATE FUNCTION webhook_redeliver(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[],
    p_id uuid, p_key text, p_fingerprint text, p_now timestamptz, p_webhook uuid, p_body jsonb)
RETURNS webhook_range_reply LANGUAGE plpgsql AS $$
DECLARE
    v_me actor := webhook_me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
    v_key key_state;
    v webhook_range_reply;
    w webhooks;
BEGIN
    IF v_me.refusal IS NOT NULL THEN
        RETURN webhook_range_refusal(v_me.refusal);
    END IF;
    v_key := key_begin(p_tenant, p_actor, 'webhooks.redeliver', p_key, p_fingerprint);
    IF v_key.state = 'other' THEN
        RETURN webhook_range_refusal('idempotency_key_reused');
    END IF;
    w := webhook_locked(p_tenant, p_webhook);
    IF NOT webhook_in_sight(v_me, w) THEN
        RETURN webhook_range_refusal('not_found');
    ELSIF v_key.state = 'replay' THEN
        RETURN webhook_range_replayed(w, v_key.object_id);
    ELSIF w.retired_at IS NOT NULL THEN
        RETURN webhook_range_refusal('invalid_transition', NULL, webhook_retired_detail());
    ELSIF (p_body ->> 'to')::timestamptz <= (p_body ->> 'from')::timestamptz THEN
        RETURN webhook_range_refusal('out_of_range', '/to');
    END IF;
    v := webhook_range_again(w, p_body);
    PERFORM webhook_noted(v_me, p_webhook, 'redeliver',
        p_body || jsonb_build_object('id', p_id, 'count', v.count, 'more', v.more), coalesce(p_now, clock_timestamp()));
    PERFORM key_remember(p_tenant, p_actor, 'webhooks.redeliver', p_key, p_fingerprint, p_id);
    RETURN v;
END $$;
SELECT delegate('webhook_redeliver(text, text, text[], text[], text, text[], uuid, text, text, timestamptz, uuid, jsonb)');
