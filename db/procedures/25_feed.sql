-- The feed: each event leaves one row in the outbox; one drainer in the fleet gives committed rows their position and wakes
-- those who wait. A position, once given, is never given to a row that commits later.

CREATE FUNCTION outbox_put(p_tenant text, p_case_id uuid, p_event_seq integer, p_ticket_id uuid, p_organisations text[],
    p_grid text, p_at timestamptz)
RETURNS void LANGUAGE sql
BEGIN ATOMIC
    INSERT INTO outbox (tenant, case_id, event_seq, ticket_id, organisations, grid, at)
    VALUES (p_tenant, p_case_id, p_event_seq, p_ticket_id, coalesce(p_organisations, '{}'), p_grid, p_at);
END;
COMMENT ON FUNCTION outbox_put(text, uuid, integer, uuid, text[], text, timestamptz) IS 'One row for one event, in its transaction';

-- Takes or renews a job for some seconds; NULL while another instance has it.
CREATE FUNCTION lease_take(p_name text, p_holder text, p_seconds integer) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_now timestamptz := clock_timestamp();
    v_until timestamptz := v_now + p_seconds * interval '1 second';
    v_lease job_leases;
BEGIN
    INSERT INTO job_leases (name, holder, epoch, until) VALUES (p_name, p_holder, 1, v_until)
    ON CONFLICT (name) DO NOTHING;
    SELECT * INTO v_lease FROM job_leases l WHERE l.name = p_name FOR UPDATE;
    IF v_lease.holder <> p_holder AND v_lease.until >= v_now THEN
        RETURN NULL;
    ELSIF v_lease.holder <> p_holder OR v_lease.until < v_now THEN
        v_lease.epoch := v_lease.epoch + 1;
    END IF;
    UPDATE job_leases l SET holder = p_holder, epoch = v_lease.epoch, until = v_until WHERE l.name = p_name;
    RETURN v_lease.epoch;
END $$;
COMMENT ON FUNCTION lease_take(text, text, integer) IS 'The epoch under which this holder may write, or NULL';

-- Locks the lease until the job's transaction ends, so that no successor starts in between.
CREATE FUNCTION lease_holds(p_name text, p_holder text, p_epoch bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM job_leases l
    WHERE l.name = p_name AND l.holder = p_holder AND l.epoch = p_epoch AND l.until > clock_timestamp()
    FOR SHARE;
    RETURN FOUND;
END $$;

-- Whom a row wakes: organisations, the grid (g:none: it lies nowhere, every grid worker sees it), and whoever sees the
-- whole street (t).
CREATE FUNCTION wake(p_tenant text, p_organisations text[], p_grids text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    c_most CONSTANT integer := 7800; -- a notification carries less than 8,000 bytes
    v_key text;
    v_text text := 't';
BEGIN
    FOR v_key IN
        SELECT 'o:' || o.o FROM unnest(p_organisations) AS o (o)
        UNION
        SELECT 'g:' || coalesce(g.g, 'none') FROM unnest(p_grids) AS g (g)
    LOOP
        IF octet_length(v_text) + octet_length(v_key) > c_most THEN
            PERFORM pg_notify('whistled_feed', p_tenant || ' ' || v_text);
            v_text := v_key;
        ELSE
            v_text := v_text || ',' || v_key;
        END IF;
    END LOOP;
    PERFORM pg_notify('whistled_feed', p_tenant || ' ' || v_text);
END $$;

-- Stamps the objects of these positions: a list in feed order shows each where its latest event stands.
CREATE FUNCTION feed_stamp(p_tenant text, p_after bigint, p_upto bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO case_feed (tenant, case_id, position)
    SELECT p_tenant, o.case_id, max(o.position)
    FROM outbox o WHERE o.tenant = p_tenant AND o.position > p_after AND o.position <= p_upto
    GROUP BY o.case_id
    ON CONFLICT (tenant, case_id) DO UPDATE SET position = excluded.position;
    INSERT INTO ticket_feed (tenant, ticket_id, position)
    SELECT p_tenant, o.ticket_id, max(o.position)
    FROM outbox o
    WHERE o.tenant = p_tenant AND o.position > p_after AND o.position <= p_upto AND o.ticket_id IS NOT NULL
    GROUP BY o.ticket_id
    ON CONFLICT (tenant, ticket_id) DO UPDATE SET position = excluded.position;
END $$;

CREATE FUNCTION outbox_drain_tenant(p_tenant text, p_limit integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    v_last bigint;
    v_ids bigint[];
    v_grids text[];
BEGIN
    INSERT INTO feed_positions (tenant, last_position) VALUES (p_tenant, 0) ON CONFLICT (tenant) DO NOTHING;
    SELECT f.last_position INTO v_last FROM feed_positions f WHERE f.tenant = p_tenant FOR UPDATE;
    SELECT array_agg(w.id ORDER BY w.id), array_agg(DISTINCT w.grid) INTO v_ids, v_grids
    FROM (SELECT o.id, o.grid FROM outbox o
        WHERE o.tenant = p_tenant AND o.position IS NULL ORDER BY o.id LIMIT p_limit) w;
    IF v_ids IS NULL THEN
        RETURN 0;
    END IF;
    UPDATE outbox o SET position = v_last + n.n
    FROM unnest(v_ids) WITH ORDINALITY AS n (id, n)
    WHERE o.tenant = p_tenant AND o.id = n.id;
    PERFORM feed_stamp(p_tenant, v_last, v_last + cardinality(v_ids));
    UPDATE feed_positions f SET last_position = v_last + cardinality(v_ids) WHERE f.tenant = p_tenant;
    PERFORM wake(p_tenant, ARRAY(
        SELECT DISTINCT u.u FROM outbox o CROSS JOIN LATERAL unnest(o.organisations) AS u (u)
        WHERE o.tenant = p_tenant AND o.position > v_last AND o.position <= v_last + cardinality(v_ids)), v_grids);
    RETURN cardinality(v_ids);
END $$;

CREATE FUNCTION outbox_drain(p_holder text, p_epoch bigint, p_limit integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    v_tenant text;
    v_done integer := 0;
BEGIN
    IF NOT lease_holds('drain', p_holder, p_epoch) THEN
        RETURN NULL;
    END IF;
    FOR v_tenant IN SELECT DISTINCT o.tenant FROM outbox o WHERE o.position IS NULL ORDER BY 1 LOOP
        v_done := v_done + outbox_drain_tenant(v_tenant, p_limit);
    END LOOP;
    RETURN v_done;
END $$;
COMMENT ON FUNCTION outbox_drain(text, bigint, integer) IS
    'Gives up to p_limit rows of each street their positions; how many, NULL when the lease is lost';

-- Keys are kept for 48 hours, drained rows for 7 days: a feed that asks for an older time starts at its beginning.
CREATE FUNCTION sweep(p_holder text, p_epoch bigint) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    v_now timestamptz := clock_timestamp();
    v_swept integer;
    v_more integer;
BEGIN
    IF NOT lease_holds('sweep', p_holder, p_epoch) THEN
        RETURN NULL;
    END IF;
    DELETE FROM idempotency_keys k WHERE k.created_at < v_now - interval '48 hours';
    GET DIAGNOSTICS v_swept = ROW_COUNT;
    DELETE FROM outbox o WHERE o.position IS NOT NULL AND o.at < v_now - interval '7 days';
    GET DIAGNOSTICS v_more = ROW_COUNT;
    RETURN v_swept + v_more;
END $$;
COMMENT ON FUNCTION sweep(text, bigint) IS 'Removes old idempotency keys and outbox rows; how many, NULL when the lease is lost';

-- updated_after: before the first position whose event is at most 5 minutes older. May repeat, never skips.
CREATE FUNCTION feed_start(p_tenant text, p_after timestamptz) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF p_after < clock_timestamp() - interval '6 days' THEN
        RETURN 0;
    END IF;
    RETURN coalesce(
        (SELECT min(o.position) - 1 FROM outbox o
        WHERE o.tenant = p_tenant AND o.position IS NOT NULL AND o.at >= p_after - interval '5 minutes'),
        feed_last(p_tenant));
END $$;

CREATE FUNCTION feed_last(p_tenant text) RETURNS bigint LANGUAGE sql STABLE
RETURN coalesce((SELECT f.last_position FROM feed_positions f WHERE f.tenant = p_tenant), 0);
