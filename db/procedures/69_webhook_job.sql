-- Webhooks: what the sender does in the database. One instance of the fleet sends; each of its writes names its epoch. What it
-- has under way it knows in its memory alone: when it is killed, the next one finds those messages due as they were, and sends
-- them again under their ids.

-- So many at a time to one receiver; one alone while it fails, and all those that fail together at most half of all.
CREATE FUNCTION webhook_lanes() RETURNS integer LANGUAGE sql IMMUTABLE RETURN 8;

-- After the nth failed try; NULL: that was the last.
CREATE FUNCTION webhook_pause(p_tries integer) RETURNS interval LANGUAGE sql IMMUTABLE
RETURN ('{5 seconds,5 minutes,30 minutes,2 hours,5 hours,10 hours,14 hours,20 hours,24 hours}'::interval[])[p_tries];
COMMENT ON FUNCTION webhook_pause(integer) IS 'The schedule of Standard Webhooks: ten tries in about three days';

-- From the feed to messages

-- Any other state says that the department saw the ticket, or need not any more.
CREATE FUNCTION ticket_may_be_unseen(p_state text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN p_state IN ('issued', 'send_failed', 'return_requested', 'suspended');

-- Of these positions, whose cases have ids from p_least to p_most, which event goes to which webhook. A case's events go to an
-- organisation that saw the case when they happened and still sees it; an organisation that is retired hears of nothing.
CREATE FUNCTION webhook_matches(p_tenant text, p_after bigint, p_upto bigint, p_least uuid, p_most uuid)
RETURNS TABLE (webhook_id uuid, own boolean, "position" bigint, type text, e case_history, c cases, t tickets)
LANGUAGE sql STABLE AS $$
    WITH found AS MATERIALIZED (
        SELECT x.position, x.organisations, webhook_type(e) AS type, e, c, t
        FROM feed x
        JOIN case_history e ON e.tenant = x.tenant AND e.case_id = x.case_id AND e.seq = x.event_seq
            AND e.case_id BETWEEN p_least AND p_most
        JOIN cases c ON c.tenant = x.tenant AND c.id = x.case_id
        LEFT JOIN tickets t ON t.tenant = x.tenant AND t.id = x.ticket_id
        WHERE x.tenant = p_tenant AND x.position > p_after AND x.position <= p_upto
    )
    SELECT w.id, w.organisation_code IS NOT NULL, f.position, f.type, f.e, f.c, f.t
    FROM found f
    JOIN webhooks w ON w.tenant = p_tenant AND w.active AND f.position > w.from_position
        AND w.event_types && webhook_names(f.type)
        AND (w.organisation_code IS NULL
            OR w.organisation_code = CASE WHEN (f.e).ticket_id IS NOT NULL THEN (f.t).organisation END
            OR (f.e).ticket_id IS NULL AND w.organisation_code = ANY (f.organisations)
                AND w.organisation_code = ANY ((f.c).organisations))
    LEFT JOIN organisations g ON g.tenant = p_tenant AND g.code = w.organisation_code
    WHERE f.type IS NOT NULL AND g.active IS NOT FALSE
$$;

-- One statement, so that what is read and what is written are the same rows. An event that has its message already, should
-- positions ever be read twice, takes no place in its lane. Each is looked for by its key, as in stream_page.
CREATE FUNCTION webhook_messages_made(p_tenant text, p_after bigint, p_upto bigint) RETURNS integer LANGUAGE plpgsql
SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    v_now timestamptz := clock_timestamp();
    v_span id_span := feed_span(p_tenant, p_after, p_upto);
    v_made integer;
BEGIN
    WITH matches AS MATERIALIZED (
        SELECT DISTINCT ON (x.webhook_id, (x.e).case_id, (x.e).seq) x.*
        FROM webhook_matches(p_tenant, p_after, p_upto, v_span.least, v_span.most) AS x
        WHERE NOT EXISTS (
            SELECT FROM webhook_messages m
            WHERE m.tenant = p_tenant AND m.webhook_id = x.webhook_id AND m.case_id = (x.e).case_id AND m.event_seq = (x.e).seq)
        ORDER BY x.webhook_id, (x.e).case_id, (x.e).seq, x.position
    ), bodies AS MATERIALIZED (
        SELECT DISTINCT ON (x.position) x.position, webhook_body(x.type, x.e, x.c, x.t) AS body
        FROM matches x ORDER BY x.position
    ), lined AS (
        SELECT x.*, b.body, coalesce((x.e).ticket_id, (x.e).case_id) AS lane,
            row_number() OVER (PARTITION BY x.webhook_id, coalesce((x.e).ticket_id, (x.e).case_id) ORDER BY x.position) AS n
        FROM matches x JOIN bodies b ON b.position = x.position
    ), ways AS (
        INSERT INTO webhook_tickets (tenant, ticket_id, case_id, organisation)
        SELECT DISTINCT p_tenant, (x.t).id, (x.c).id, (x.t).organisation
        FROM matches x WHERE x.type = 'ticket.issued' AND x.own AND ticket_may_be_unseen((x.t).state)
        ON CONFLICT (tenant, ticket_id) DO NOTHING
    )
    INSERT INTO webhook_messages (tenant, id, webhook_id, type, lane, position, case_id, event_seq, ticket_id, body, head,
        created_at, not_before)
    SELECT p_tenant, uuid7(v_now), l.webhook_id, l.type, l.lane, l.position, (l.e).case_id, (l.e).seq, (l.e).ticket_id, l.body,
        l.n = 1 AND NOT EXISTS (
            SELECT FROM webhook_messages m
            WHERE m.tenant = p_tenant AND m.webhook_id = l.webhook_id AND m.lane = l.lane AND m.state = 'pending'),
        v_now, v_now
    FROM lined l ORDER BY l.position
    ON CONFLICT (tenant, webhook_id, case_id, event_seq) DO NOTHING;
    GET DIAGNOSTICS v_made = ROW_COUNT;
    RETURN v_made;
END $$;

-- Positions are dense and given by one drainer, so nothing below the last one can still appear. A street without an active
-- webhook is passed over, and read from where the first of them begins.
CREATE FUNCTION webhook_tenant_read(p_tenant text, p_limit integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    v_last bigint := feed_last(p_tenant);
    v_from bigint;
    v_upto bigint;
    v_made integer;
BEGIN
    -- In the order of ids, as whoever else locks several; whoever changes one waits until it is known what it hears of.
    PERFORM FROM webhooks w WHERE w.tenant = p_tenant AND w.active ORDER BY w.id FOR NO KEY UPDATE;
    INSERT INTO webhook_progress (tenant, position) VALUES (p_tenant, 0) ON CONFLICT (tenant) DO NOTHING;
    SELECT greatest(p.position, (SELECT min(w.from_position) FROM webhooks w WHERE w.tenant = p_tenant AND w.active))
    INTO v_from FROM webhook_progress p WHERE p.tenant = p_tenant FOR UPDATE;
    v_upto := least(v_last, v_from + p_limit);
    IF v_upto <= v_from THEN
        RETURN 0;
    END IF;
    v_made := webhook_messages_made(p_tenant, v_from, v_upto);
    DELETE FROM webhook_tickets x USING tickets t
    WHERE x.tenant = p_tenant AND t.tenant = p_tenant AND t.id = x.ticket_id
        AND NOT ticket_may_be_unseen(t.state) AND t.id IN (SELECT f.ticket_id FROM feed f
            WHERE f.tenant = p_tenant AND f.position > v_from AND f.position <= v_upto);
    UPDATE webhook_progress p SET position = v_upto WHERE p.tenant = p_tenant;
    RETURN v_upto - v_from;
END $$;

CREATE FUNCTION webhook_read(p_holder text, p_epoch bigint, p_limit integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    v_tenant text;
    v_read integer := 0;
BEGIN
    IF NOT lease_holds('messages', p_holder, p_epoch) THEN
        RETURN NULL;
    END IF;
    FOR v_tenant IN
        SELECT f.tenant FROM feed_positions f LEFT JOIN webhook_progress p ON p.tenant = f.tenant
        WHERE f.last_position > coalesce(p.position, 0)
            AND EXISTS (SELECT FROM webhooks w WHERE w.tenant = f.tenant AND w.active AND w.from_position < f.last_position)
        ORDER BY f.tenant
    LOOP
        v_read := v_read + webhook_tenant_read(v_tenant, p_limit);
    END LOOP;
    RETURN v_read;
END $$;
COMMENT ON FUNCTION webhook_read(text, bigint, integer) IS
    'Makes messages of up to p_limit positions of each street; how many positions, NULL when the lease is lost';

-- What is to be sent now

CREATE TYPE webhook_due AS (tenant text, id uuid, webhook_id uuid, attempt integer, url text, body text, secrets text);

-- Of one receiver, so many; pings also while it is switched off or wants to be left alone. p_lanes: those with something
-- under way.
CREATE FUNCTION webhook_next(p_tenant text, p_webhook uuid, p_open boolean, p_now timestamptz, p_limit integer, p_lanes uuid[])
RETURNS SETOF webhook_messages LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF p_limit <= 0 THEN
        RETURN;
    ELSIF p_open THEN
        RETURN QUERY SELECT m.* FROM webhook_messages m
            WHERE m.tenant = p_tenant AND m.webhook_id = p_webhook AND m.head AND m.not_before <= p_now AND m.lane <> ALL (p_lanes)
            ORDER BY m.not_before, m.id LIMIT p_limit;
    ELSE
        RETURN QUERY SELECT m.* FROM webhook_messages m
            WHERE m.tenant = p_tenant AND m.webhook_id = p_webhook AND m.head AND m.type = 'webhook.ping' AND m.lane <> ALL (p_lanes)
            LIMIT p_limit;
    END IF;
END $$;

-- p_tenants, p_ids: what is under way. p_most: room for so many more, of p_all at a time.
CREATE FUNCTION webhook_claim(p_holder text, p_epoch bigint, p_tenants text[], p_ids uuid[], p_most integer, p_all integer)
RETURNS SETOF webhook_due LANGUAGE plpgsql AS $$
DECLARE
    v_now timestamptz := clock_timestamp();
BEGIN
    IF NOT lease_holds('messages', p_holder, p_epoch) THEN
        RETURN;
    END IF;
    RETURN QUERY
    WITH flying AS MATERIALIZED (
        SELECT m.tenant, m.webhook_id, m.lane FROM unnest(p_tenants, p_ids) AS f (tenant, id)
        JOIN webhook_messages m ON m.tenant = f.tenant AND m.id = f.id
    ), receivers AS MATERIALIZED (
        SELECT w.tenant, w.id, w.url, w.failures > 0 AS failing, coalesce(f.n, 0) AS under_way,
            w.active AND (w.paused_until IS NULL OR w.paused_until <= v_now) AS open
        FROM webhooks w
        LEFT JOIN (SELECT x.tenant, x.webhook_id, count(*) AS n FROM flying x GROUP BY 1, 2) AS f
            ON f.tenant = w.tenant AND f.webhook_id = w.id
        WHERE w.retired_at IS NULL AND EXISTS (SELECT FROM tenants t WHERE t.tenant = w.tenant AND t.active)
    ), due AS (
        SELECT r.failing, r.url, m.*,
            r.under_way + row_number() OVER (PARTITION BY r.tenant, r.id ORDER BY m.not_before, m.id) AS place,
            row_number() OVER (PARTITION BY r.failing ORDER BY m.not_before, m.id) AS n
        FROM receivers r CROSS JOIN LATERAL webhook_next(r.tenant, r.id, r.open, v_now,
            greatest(CASE WHEN r.failing THEN 1 ELSE webhook_lanes() END - r.under_way, 0)::integer,
            ARRAY(SELECT f.lane FROM flying f WHERE f.tenant = r.tenant AND f.webhook_id = r.id)) AS m
    )
    SELECT d.tenant, d.id, d.webhook_id, d.attempts + 1, d.url, d.body, (SELECT string_agg(s.secret, ' ' ORDER BY s.n DESC)
        FROM webhook_secrets s WHERE s.tenant = d.tenant AND s.webhook_id = d.webhook_id
            AND (s.valid_until IS NULL OR s.valid_until > v_now))
    FROM due d
    WHERE NOT d.failing OR d.n <= greatest(p_all / 2, 1) - (SELECT sum(r.under_way) FROM receivers r WHERE r.failing)
    -- Everybody's first before anybody's second: who is slow does not take the room of who is quick.
    ORDER BY d.failing, d.place, d.not_before, d.id LIMIT p_most;
END $$;
COMMENT ON FUNCTION webhook_claim(text, bigint, text[], uuid[], integer, integer) IS
    'Messages to be sent now, those under way left out; none when the lease is lost';

-- What became of it

CREATE TYPE webhook_outcome AS (
    tenant text,
    id uuid,
    attempt integer,       -- as it was claimed
    at timestamptz,
    status integer,        -- NULL: no answer
    error text,            -- NULL: delivered
    duration_ms integer,
    retry_after_s integer  -- NULL: the receiver did not say
);

CREATE FUNCTION webhook_disabled(INOUT w webhooks, p_reason text) LANGUAGE plpgsql AS $$
DECLARE
    v_now timestamptz := clock_timestamp();
    v_system actor;
BEGIN
    IF NOT w.active THEN
        RETURN;
    END IF;
    w.active := false;
    w.disabled_at := v_now;
    w.disabled_reason := p_reason;
    w.version := w.version + 1;
    w.updated_at := v_now;
    v_system.tenant := w.tenant;
    PERFORM webhook_noted(v_system, w.id, 'disable', jsonb_build_object('reason', p_reason), v_now);
END $$;
COMMENT ON FUNCTION webhook_disabled(webhooks, text) IS 'The webhook, switched off by the service';

-- The last hundred tries of a message are kept.
CREATE FUNCTION webhook_tried(INOUT m webhook_messages, o webhook_outcome) LANGUAGE plpgsql AS $$
DECLARE
    c_kept CONSTANT integer := 100;
BEGIN
    m.attempts := m.attempts + 1;
    m.first_tried_at := coalesce(m.first_tried_at, o.at);
    INSERT INTO webhook_attempts (tenant, message_id, n, at, status, error, duration_ms)
    VALUES (m.tenant, m.id, m.attempts, o.at, o.status, o.error, o.duration_ms);
    IF m.attempts > c_kept THEN
        DELETE FROM webhook_attempts a WHERE a.tenant = m.tenant AND a.message_id = m.id AND a.n = m.attempts - c_kept;
    END IF;
END $$;

-- Later than the schedule when the receiver wants it, but not by more than a day. With a little chance in it, so that what
-- failed together does not come back together.
CREATE FUNCTION webhook_next_try(m webhook_messages, o webhook_outcome) RETURNS timestamptz LANGUAGE plpgsql AS $$
DECLARE
    v_now timestamptz := clock_timestamp();
    v_pause interval := webhook_pause(m.tries) * (0.9 + random() * 0.2);
BEGIN
    RETURN v_now + greatest(v_pause, CASE WHEN o.retry_after_s > 0 THEN least(o.retry_after_s, 86400) * interval '1 second' END);
END $$;

-- The last try of a message that no other one of this webhook outlived: nobody is there.
CREATE FUNCTION webhook_failed(INOUT w webhooks, INOUT m webhook_messages, o webhook_outcome) LANGUAGE plpgsql AS $$
DECLARE
    v_now timestamptz := clock_timestamp();
BEGIN
    w.failures := w.failures + 1;
    w.last_failure_at := v_now;
    m.tries := m.tries + 1;
    IF o.status IN (429, 503) AND o.retry_after_s > 0 THEN
        w.paused_until := v_now + least(o.retry_after_s, 3600) * interval '1 second';
    END IF;
    IF m.state = 'pending' AND (o.status = 410 OR m.type = 'webhook.ping' OR webhook_pause(m.tries) IS NULL) THEN
        m.state := 'failed';
        m.ended_at := v_now;
    ELSIF m.state = 'pending' THEN
        m.not_before := webhook_next_try(m, o);
    END IF;
    IF o.status = 410 THEN
        w := webhook_disabled(w, 'gone');
    ELSIF m.state = 'failed' AND m.type <> 'webhook.ping'
        AND (w.last_success_at IS NULL OR w.last_success_at < m.first_tried_at) THEN
        w := webhook_disabled(w, 'exhausted');
    END IF;
END $$;

CREATE FUNCTION webhook_arrived(INOUT w webhooks, INOUT m webhook_messages) LANGUAGE plpgsql AS $$
DECLARE
    v_now timestamptz := clock_timestamp();
BEGIN
    w.failures := 0;
    w.last_success_at := v_now;
    w.paused_until := NULL;
    IF m.state = 'pending' THEN
        m.state := 'delivered';
        m.ended_at := v_now;
    END IF;
END $$;

-- Whether the department has the ticket now. Its state follows in webhook_tickets_settled.
CREATE FUNCTION webhook_ticket_told(w webhooks, m webhook_messages, o webhook_outcome) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_now timestamptz := clock_timestamp();
BEGIN
    IF m.type <> 'ticket.issued' OR w.organisation_code IS NULL THEN
        RETURN;
    ELSIF o.error IS NULL THEN
        DELETE FROM webhook_tickets x WHERE x.tenant = m.tenant AND x.ticket_id = m.ticket_id AND x.failed_at IS NULL;
        UPDATE webhook_tickets x SET delivered_at = v_now WHERE x.tenant = m.tenant AND x.ticket_id = m.ticket_id;
    ELSE
        UPDATE webhook_tickets x SET tries = greatest(x.tries, m.tries)
        WHERE x.tenant = m.tenant AND x.ticket_id = m.ticket_id;
    END IF;
END $$;

-- Answers why the webhook was switched off by it, if it was. What was written before, and the answer lost, is not written again.
CREATE FUNCTION webhook_settled(o webhook_outcome) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    w webhooks;
    m webhook_messages;
    v_was boolean;
    v record;
BEGIN
    w := webhook_locked(o.tenant, (SELECT x.webhook_id FROM webhook_messages x WHERE x.tenant = o.tenant AND x.id = o.id));
    SELECT * INTO m FROM webhook_messages x WHERE x.tenant = o.tenant AND x.id = o.id;
    IF m.attempts >= o.attempt THEN
        RETURN NULL;
    END IF;
    v_was := w.active;
    m := webhook_tried(m, o);
    IF o.error IS NULL THEN
        v := webhook_arrived(w, m);
    ELSE
        v := webhook_failed(w, m, o);
    END IF;
    w := v.w;
    m := v.m;
    UPDATE webhook_messages x SET state = m.state, head = x.head AND m.state = 'pending', tries = m.tries, attempts = m.attempts,
        first_tried_at = m.first_tried_at, not_before = m.not_before, ended_at = m.ended_at
    WHERE x.tenant = m.tenant AND x.id = m.id;
    UPDATE webhooks x SET version = w.version, active = w.active, disabled_at = w.disabled_at,
        disabled_reason = w.disabled_reason, failures = w.failures, last_success_at = w.last_success_at,
        last_failure_at = w.last_failure_at, paused_until = w.paused_until, updated_at = w.updated_at
    WHERE x.tenant = w.tenant AND x.id = w.id;
    IF m.state <> 'pending' THEN
        PERFORM webhook_lane_led(m.tenant, m.webhook_id, m.lane);
    END IF;
    PERFORM webhook_ticket_told(w, m, o);
    RETURN CASE WHEN v_was AND NOT w.active THEN w.disabled_reason END;
END $$;
COMMENT ON FUNCTION webhook_settled(webhook_outcome) IS 'Writes down what became of one try, and what follows from it';

-- Each outcome as in webhook_outcome; a message that is not there any more is passed over.
CREATE FUNCTION webhook_settle(p_holder text, p_epoch bigint, p_outcomes jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v record;
    v_reason text;
    v_disabled text := '';
BEGIN
    IF NOT lease_holds('messages', p_holder, p_epoch) THEN
        RETURN NULL;
    END IF;
    -- In the order in which webhook_tenant_read locks.
    FOR v IN
        SELECT o AS outcome, o.tenant, m.webhook_id FROM jsonb_populate_recordset(NULL::webhook_outcome, p_outcomes) AS o
        JOIN webhook_messages m ON m.tenant = o.tenant AND m.id = o.id
        ORDER BY o.tenant, m.webhook_id, o.at
    LOOP
        v_reason := webhook_settled(v.outcome);
        IF v_reason IS NOT NULL THEN
            v_disabled := concat_ws(', ', nullif(v_disabled, ''), concat_ws(' ', v.tenant, v.webhook_id, v_reason));
        END IF;
    END LOOP;
    RETURN v_disabled;
END $$;
COMMENT ON FUNCTION webhook_settle(text, bigint, jsonb) IS
    'Writes down what became of some tries; which webhooks that switched off and why, NULL when the lease is lost';
