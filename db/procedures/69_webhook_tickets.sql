-- Webhooks: whether a ticket reached its department (66_delivery.sql has the transition), and what the sender's thread does
-- beside sending.

-- Three tries failed, or it is still not delivered when it should be signed; until then it is simply on its way.
CREATE FUNCTION webhook_ticket_missed(x webhook_tickets, t tickets, p_now timestamptz) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN t.state = 'issued' AND (x.tries >= 3 OR t.sign_due_at <= p_now) AND EXISTS (
        -- Whoever switched the webhook off reads tickets instead.
        SELECT FROM webhooks w
        WHERE w.tenant = x.tenant AND w.organisation_code = x.organisation AND w.retired_at IS NULL
            AND w.event_types && webhook_names('ticket.issued') AND (w.active OR w.disabled_at IS NOT NULL));
END $$;

-- The case's row is locked first; a case that somebody works on is left for the next turn. Only this thread takes a ticket
-- to send_failed, so what was seen before that needs no lock.
CREATE FUNCTION webhook_ticket_settled(x webhook_tickets, t tickets, p_now timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    v_seen boolean := x.delivered_at IS NOT NULL OR x.pulled_at IS NOT NULL;
    v_missed boolean := NOT v_seen AND webhook_ticket_missed(x, t, p_now);
    v_case cases;
    v_at timestamptz;
BEGIN
    IF v_missed OR t.state = 'send_failed' THEN
        SELECT * INTO v_case FROM cases c WHERE c.tenant = x.tenant AND c.id = x.case_id FOR UPDATE SKIP LOCKED;
        IF NOT FOUND THEN
            RETURN false;
        END IF;
        v_at := greatest(p_now, v_case.updated_at);
        PERFORM ticket_delivery(x.tenant, x.ticket_id, v_missed, v_at);
    END IF;
    IF v_missed THEN
        UPDATE webhook_tickets y SET failed_at = v_at WHERE y.tenant = x.tenant AND y.ticket_id = x.ticket_id;
    ELSE
        DELETE FROM webhook_tickets y WHERE y.tenant = x.tenant AND y.ticket_id = x.ticket_id;
    END IF;
    RETURN true;
END $$;

-- A ticket that is asked back or suspended comes back to its state before; then it is looked at again.
CREATE FUNCTION webhook_tickets_settled(p_tenant text, p_now timestamptz, p_limit integer) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    v record;
    v_count integer := 0;
BEGIN
    FOR v IN
        SELECT x AS way, t AS ticket FROM webhook_tickets x JOIN tickets t ON t.tenant = x.tenant AND t.id = x.ticket_id
        WHERE x.tenant = p_tenant AND t.state IN ('issued', 'send_failed')
            AND (x.delivered_at IS NOT NULL OR x.pulled_at IS NOT NULL
                OR t.state = 'issued' AND (x.tries >= 3 OR t.sign_due_at <= p_now))
        ORDER BY x.case_id, x.ticket_id LIMIT p_limit
    LOOP
        v_count := v_count + webhook_ticket_settled(v.way, v.ticket, p_now)::integer;
    END LOOP;
    RETURN v_count;
END $$;
COMMENT ON FUNCTION webhook_tickets_settled(text, timestamptz, integer) IS
    'send_failed and delivered, for tickets of departments with a webhook; how many rows were looked at to their end';

CREATE FUNCTION webhook_tickets_tick(p_holder text, p_epoch bigint) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    v_now timestamptz := clock_timestamp();
    v_tenant text;
    v_count integer := 0;
BEGIN
    IF NOT lease_holds('messages', p_holder, p_epoch) THEN
        RETURN NULL;
    END IF;
    FOR v_tenant IN SELECT DISTINCT x.tenant FROM webhook_tickets x ORDER BY 1 LOOP
        v_count := v_count + webhook_tickets_settled(v_tenant, v_now, 100);
    END LOOP;
    RETURN v_count;
END $$;
COMMENT ON FUNCTION webhook_tickets_tick(text, bigint) IS
    'webhook_tickets_settled for all streets: call again until it is 0; NULL when the lease is lost';

-- The first pull that shows a ticket is its delivery. Called by reads, for tickets in issued and send_failed that they show:
-- it writes only while the ticket is on its way to this reader's own organisation, and never waits for anybody. What is
-- noted here the sender's thread turns into the transition within a second.
CREATE FUNCTION ticket_shown(p_me actor, p_ticket uuid, p_organisation text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    v_now timestamptz := clock_timestamp();
BEGIN
    IF NOT ('department' = ANY (p_me.roles) AND p_me.org = p_organisation) IS TRUE THEN
        RETURN false;
    END IF;
    PERFORM FROM webhook_tickets x
    WHERE x.tenant = p_me.tenant AND x.ticket_id = p_ticket AND x.pulled_at IS NULL FOR UPDATE SKIP LOCKED;
    IF FOUND THEN
        UPDATE webhook_tickets x SET pulled_at = v_now WHERE x.tenant = p_me.tenant AND x.ticket_id = p_ticket;
    END IF;
    RETURN FOUND;
END $$;
COMMENT ON FUNCTION ticket_shown(actor, uuid, text) IS 'Notes that the department has seen its ticket; whether that is new';

-- What is kept: messages for 14 days after their end, with their tries; what waits for a webhook that is switched off as
-- long; and no more than so many that wait for one.
CREATE FUNCTION webhook_backlogs_ended() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    c_most CONSTANT integer := 100000;
    v_now timestamptz := clock_timestamp();
    w webhooks;
BEGIN
    FOR w IN
        SELECT x.* FROM webhooks x
        WHERE x.active AND (SELECT count(*) FROM (SELECT FROM webhook_messages m
            WHERE m.tenant = x.tenant AND m.webhook_id = x.id AND m.state = 'pending' LIMIT c_most + 1) AS n) > c_most
        ORDER BY x.tenant, x.id FOR UPDATE
    LOOP
        PERFORM webhook_written(webhook_disabled(w, 'backlog'));
    END LOOP;
    UPDATE webhook_messages m SET state = 'cancelled', head = false, ended_at = v_now
    FROM webhooks x
    WHERE x.tenant = m.tenant AND x.id = m.webhook_id AND NOT x.active AND m.state = 'pending'
        AND m.created_at < v_now - interval '14 days';
END $$;

CREATE FUNCTION webhook_sweep(p_holder text, p_epoch bigint, p_limit integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    v_old timestamptz := clock_timestamp() - interval '14 days';
    v_swept integer;
BEGIN
    IF NOT lease_holds('messages', p_holder, p_epoch) THEN
        RETURN NULL;
    END IF;
    PERFORM webhook_backlogs_ended();
    WITH old AS MATERIALIZED (
        SELECT m.tenant, m.id FROM webhook_messages m WHERE m.ended_at < v_old ORDER BY m.ended_at LIMIT p_limit
    ), tries AS (
        DELETE FROM webhook_attempts a USING old o WHERE a.tenant = o.tenant AND a.message_id = o.id
    ), messages AS (
        DELETE FROM webhook_messages m USING old o WHERE m.tenant = o.tenant AND m.id = o.id
    )
    SELECT count(*) INTO v_swept FROM old;
    RETURN v_swept;
END $$;
COMMENT ON FUNCTION webhook_sweep(text, bigint, integer) IS
    'Removes what is old: call again until it is 0; NULL when the lease is lost';

-- For the figures: what is due and not delivered yet, and for how many seconds the oldest of it has been.
CREATE FUNCTION webhook_waiting(OUT due bigint, OUT oldest_s bigint) LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_now timestamptz := clock_timestamp();
BEGIN
    SELECT count(*), coalesce(extract(epoch FROM v_now - min(m.not_before))::bigint, 0) INTO due, oldest_s
    FROM webhooks w
    CROSS JOIN LATERAL (SELECT x.not_before FROM webhook_messages x
        WHERE x.tenant = w.tenant AND x.webhook_id = w.id AND x.head AND x.not_before <= v_now
        ORDER BY x.not_before LIMIT 10000) AS m
    WHERE w.active;
END $$;

-- An instance that ends lets the next one begin at once.
CREATE FUNCTION webhook_lease_end(p_holder text, p_epoch bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_now timestamptz := clock_timestamp();
BEGIN
    UPDATE job_leases l SET until = v_now WHERE l.name = 'messages' AND l.holder = p_holder AND l.epoch = p_epoch;
END $$;
