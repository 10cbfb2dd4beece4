-- Webhooks: made, changed, given another secret, retired. Every change locks the webhook's row, which the sender's writes
-- lock too; none of them locks a case.

CREATE FUNCTION webhook_noted(p_me actor, p_webhook uuid, p_action text, p_data jsonb, p_now timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    v_seq integer := 1 + coalesce((SELECT max(e.seq) FROM webhook_events e
        WHERE e.tenant = p_me.tenant AND e.webhook_id = p_webhook), 0);
BEGIN
    INSERT INTO webhook_events (tenant, webhook_id, seq, action, at, person_id, data)
    VALUES (p_me.tenant, p_webhook, v_seq, p_action, p_now, p_me.person_id, coalesce(p_data, '{}'));
END $$;
COMMENT ON FUNCTION webhook_noted(actor, uuid, text, jsonb, timestamptz) IS 'One more row of its history; its row is locked';

-- 32 bytes from the server's strong source. The former secret goes on signing beside it for the time of grace; one before
-- that does not.
CREATE FUNCTION webhook_secret_made(p_tenant text, p_webhook uuid, p_grace interval, p_now timestamptz) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    v_n integer := 1 + coalesce((SELECT max(s.n) FROM webhook_secrets s
        WHERE s.tenant = p_tenant AND s.webhook_id = p_webhook), 0);
    v_real timestamptz := clock_timestamp();
    v_secret text := 'whsec_' || encode(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())
        || uuid_send(gen_random_uuid())), 'base64');
BEGIN
    UPDATE webhook_secrets s SET valid_until = CASE WHEN s.valid_until IS NULL THEN v_real + p_grace ELSE least(s.valid_until, v_real) END
    WHERE s.tenant = p_tenant AND s.webhook_id = p_webhook;
    INSERT INTO webhook_secrets (tenant, webhook_id, n, secret, made_at) VALUES (p_tenant, p_webhook, v_n, v_secret, p_now);
    RETURN v_secret;
END $$;
COMMENT ON FUNCTION webhook_secret_made(text, uuid, interval, timestamptz) IS 'Another secret, in the clear this once';

CREATE FUNCTION webhook_locked(p_tenant text, p_webhook uuid) RETURNS webhooks LANGUAGE plpgsql AS $$
DECLARE
    w webhooks;
BEGIN
    SELECT * INTO w FROM webhooks x WHERE x.tenant = p_tenant AND x.id = p_webhook FOR UPDATE;
    RETURN w;
END $$;

CREATE FUNCTION webhook_retired_detail() RETURNS jsonb LANGUAGE sql IMMUTABLE
RETURN jsonb '{"state": "retired", "allowed_actions": []}';

-- The first of a lane goes, the others wait for its end.
CREATE FUNCTION webhook_lane_led(p_tenant text, p_webhook uuid, p_lane uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_first uuid := (SELECT m.id FROM webhook_messages m
        WHERE m.tenant = p_tenant AND m.webhook_id = p_webhook AND m.lane = p_lane AND m.state = 'pending'
        ORDER BY m.position, m.id LIMIT 1);
BEGIN
    UPDATE webhook_messages m SET head = (m.id = v_first)
    WHERE m.tenant = p_tenant AND m.webhook_id = p_webhook AND m.lane = p_lane AND m.state = 'pending'
        AND m.head <> (m.id = v_first);
END $$;
COMMENT ON FUNCTION webhook_lane_led(text, uuid, uuid) IS 'Makes the earliest message that waits the head of its lane';

-- Making one

-- Whose: an administrator's is the street's unless it names an organisation; a department's is its own.
CREATE FUNCTION webhook_owner_refusal(p_me actor, p_body jsonb) RETURNS webhook_reply LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_org text := p_body ->> 'organisation';
BEGIN
    RETURN CASE
        WHEN 'admin' = ANY (p_me.roles) THEN CASE WHEN v_org IS NOT NULL AND NOT EXISTS (
                SELECT FROM organisations o WHERE o.tenant = p_me.tenant AND o.code = v_org AND o.active)
            THEN webhook_refusal('unknown_reference', '/organisation') END
        WHEN p_body ? 'organisation' AND v_org IS DISTINCT FROM p_me.org
            THEN webhook_refusal('invalid_value', '/organisation') END;
END $$;

CREATE FUNCTION webhook_created(p_me actor, p_id uuid, p_body jsonb, p_now timestamptz) RETURNS webhook_reply
LANGUAGE plpgsql AS $$
DECLARE
    c_street CONSTANT integer := 50;
    c_organisation CONSTANT integer := 10;
    v_bad webhook_reply := webhook_owner_refusal(p_me, p_body);
    v_org text := CASE WHEN 'admin' = ANY (p_me.roles) THEN p_body ->> 'organisation' ELSE p_me.org END;
    v_secret text;
BEGIN
    IF v_bad._code IS NOT NULL THEN
        RETURN v_bad;
    END IF;
    -- One at a time in a street, or two would both be the last that there may be.
    PERFORM pg_advisory_xact_lock(hashtextextended(concat_ws(E'\x1f', 'webhooks', p_me.tenant), 0));
    IF (SELECT count(*) FROM webhooks w WHERE w.tenant = p_me.tenant AND w.organisation_code IS NOT DISTINCT FROM v_org
            AND w.retired_at IS NULL) >= (CASE WHEN v_org IS NULL THEN c_street ELSE c_organisation END) THEN
        RETURN webhook_refusal('limit_reached');
    END IF;
    INSERT INTO webhooks (tenant, id, url, event_types, organisation_code, description, active, from_position, created_by,
        created_at, updated_at)
    VALUES (p_me.tenant, p_id, p_body ->> 'url', ARRAY(SELECT jsonb_array_elements_text(p_body -> 'event_types')), v_org,
        p_body ->> 'description', coalesce((p_body -> 'active')::boolean, true), feed_last(p_me.tenant), p_me.person_id,
        p_now, p_now);
    v_secret := webhook_secret_made(p_me.tenant, p_id, '0', p_now);
    PERFORM webhook_noted(p_me, p_id, 'create', p_body, p_now);
    RETURN webhook_answered(p_me, p_id, false, v_secret);
END $$;

CREATE FUNCTION webhook_create(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[],
    p_id uuid, p_key text, p_fingerprint text, p_now timestamptz, p_body jsonb)
RETURNS webhook_reply LANGUAGE plpgsql AS $$
DECLARE
    v_me actor := webhook_me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
    v_key key_state;
    v webhook_reply;
BEGIN
    IF v_me.refusal IS NOT NULL THEN
        RETURN webhook_refusal(v_me.refusal);
    END IF;
    v_key := key_begin(p_tenant, p_actor, 'webhooks.create', p_key, p_fingerprint);
    IF v_key.state = 'other' THEN
        RETURN webhook_refusal('idempotency_key_reused');
    ELSIF v_key.state = 'replay' THEN
        RETURN webhook_answered(v_me, v_key.object_id, true);
    END IF;
    v := webhook_created(v_me, p_id, p_body, coalesce(p_now, clock_timestamp()));
    IF v._code IS NULL THEN
        PERFORM key_remember(p_tenant, p_actor, 'webhooks.create', p_key, p_fingerprint, p_id);
    END IF;
    RETURN v;
END $$;
SELECT delegate('webhook_create(text, text, text[], text[], text, text[], uuid, text, text, timestamptz, jsonb)');

-- Changing one

-- Switched on again it hears of what happens from then on, and what still waited is due at once.
CREATE FUNCTION webhook_switched_on(INOUT w webhooks) LANGUAGE plpgsql AS $$
DECLARE
    v_now timestamptz := clock_timestamp();
BEGIN
    w.active := true;
    w.disabled_at := NULL;
    w.disabled_reason := NULL;
    w.failures := 0;
    w.paused_until := NULL;
    w.from_position := feed_last(w.tenant);
    UPDATE webhook_messages m SET not_before = v_now
    WHERE m.tenant = w.tenant AND m.webhook_id = w.id AND m.head AND m.not_before > v_now;
END $$;

CREATE FUNCTION webhook_edited(INOUT w webhooks, p_body jsonb) LANGUAGE plpgsql AS $$
BEGIN
    w.url := coalesce(p_body ->> 'url', w.url);
    IF p_body ? 'event_types' THEN
        w.event_types := ARRAY(SELECT jsonb_array_elements_text(p_body -> 'event_types'));
    END IF;
    IF p_body ? 'description' THEN
        w.description := p_body ->> 'description';
    END IF;
    IF (p_body -> 'active')::boolean AND NOT w.active THEN
        w := webhook_switched_on(w);
    ELSIF NOT (p_body -> 'active')::boolean THEN
        w.active := false;
        w.disabled_at := NULL;
        w.disabled_reason := NULL;
    END IF;
END $$;

-- What waits for a retired one is never sent, and its secrets sign nothing any more.
CREATE FUNCTION webhook_ended(INOUT w webhooks, p_now timestamptz) LANGUAGE plpgsql AS $$
DECLARE
    v_now timestamptz := clock_timestamp();
BEGIN
    w.active := false;
    w.disabled_at := NULL;
    w.disabled_reason := NULL;
    w.retired_at := p_now;
    UPDATE webhook_messages m SET state = 'cancelled', head = false, ended_at = v_now
    WHERE m.tenant = w.tenant AND m.webhook_id = w.id AND m.state = 'pending';
    UPDATE webhook_secrets s SET valid_until = v_now
    WHERE s.tenant = w.tenant AND s.webhook_id = w.id AND (s.valid_until IS NULL OR s.valid_until > v_now);
END $$;

CREATE FUNCTION webhook_written(w webhooks) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE webhooks x SET version = w.version, url = w.url, event_types = w.event_types, description = w.description,
        active = w.active, disabled_at = w.disabled_at, disabled_reason = w.disabled_reason, retired_at = w.retired_at,
        from_position = w.from_position, failures = w.failures, last_success_at = w.last_success_at,
        last_failure_at = w.last_failure_at, paused_until = w.paused_until, updated_at = w.updated_at
    WHERE x.tenant = w.tenant AND x.id = w.id;
    PERFORM pg_notify('whistled_webhooks', w.tenant);
END $$;
COMMENT ON FUNCTION webhook_written(webhooks) IS 'The row, and a word to the sender';

-- Answers the secret when it made one.
CREATE FUNCTION webhook_done(p_me actor, w webhooks, p_action text, p_body jsonb, p_now timestamptz) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    v_new webhooks := w;
    v_secret text;
BEGIN
    CASE p_action
        WHEN 'edit' THEN v_new := webhook_edited(w, p_body);
        WHEN 'retire' THEN v_new := webhook_ended(w, p_now);
        WHEN 'rotate_secret' THEN
            v_secret := webhook_secret_made(w.tenant, w.id,
                coalesce((p_body ->> 'grace_s')::integer, 86400) * interval '1 second', p_now);
    END CASE;
    -- What changes nothing leaves neither a version nor a trace.
    IF v_new IS DISTINCT FROM w OR v_secret IS NOT NULL THEN
        v_new.version := w.version + 1;
        v_new.updated_at := p_now;
        PERFORM webhook_written(v_new);
        PERFORM webhook_noted(p_me, w.id, p_action, p_body, p_now);
    END IF;
    RETURN v_secret;
END $$;

CREATE FUNCTION webhook_act(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[],
    p_action text, p_key text, p_fingerprint text, p_if_match bigint[], p_now timestamptz, p_webhook uuid, p_body jsonb)
RETURNS webhook_reply LANGUAGE plpgsql AS $$
DECLARE
    v_me actor := webhook_me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
    v_key key_state;
    v_secret text;
    w webhooks;
BEGIN
    IF v_me.refusal IS NOT NULL THEN
        RETURN webhook_refusal(v_me.refusal);
    END IF;
    v_key := key_begin(p_tenant, p_actor, 'webhooks.' || p_action, p_key, p_fingerprint);
    IF v_key.state = 'other' THEN
        RETURN webhook_refusal('idempotency_key_reused');
    ELSIF v_key.state = 'replay' THEN
        RETURN webhook_answered(v_me, v_key.object_id, true);
    END IF;
    w := webhook_locked(p_tenant, p_webhook);
    IF NOT webhook_in_sight(v_me, w) THEN
        RETURN webhook_refusal('not_found');
    ELSIF is_stale(p_if_match, w.version) THEN
        RETURN webhook_refusal('precondition_failed', NULL, version_detail(w.version));
    ELSIF w.retired_at IS NOT NULL THEN
        RETURN webhook_refusal('invalid_transition', NULL, webhook_retired_detail());
    END IF;
    v_secret := webhook_done(v_me, w, p_action, p_body, coalesce(p_now, clock_timestamp()));
    PERFORM key_remember(p_tenant, p_actor, 'webhooks.' || p_action, p_key, p_fingerprint, p_webhook);
    RETURN webhook_answered(v_me, p_webhook, false, v_secret);
END $$;
SELECT delegate(
    'webhook_act(text, text, text[], text[], text, text[], text, text, text, bigint[], timestamptz, uuid, jsonb)');
