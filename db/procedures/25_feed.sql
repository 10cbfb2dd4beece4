-- The feed: each event leaves one row in the outbox; one drainer in the fleet moves committed rows to the feed, where each
-- has its position, and wakes those who wait. A position, once given, is never given to a row that commits later.

CREATE FUNCTION outbox_put(p_tenant text, p_case_id uuid, p_event_seq integer, p_ticket_id uuid, p_organisations text[],
    p_grid text, p_at timestamptz)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO outbox (tenant, case_id, event_seq, ticket_id, organisations, grid, at)
    VALUES (p_tenant, p_case_id, p_event_seq, p_ticket_id, coalesce(p_organisations, '{}'), p_grid, p_at);
END $$;
COMMENT ON FUNCTION outbox_put(text, uuid, integer, uuid, text[], text, timestamptz) IS 'One row for one event, in its transaction';

-- Beside its row, whoever holds a job has a lock of its session: it ends with the session, so that nobody waits for the
-- row to run out when an instance was killed.
CREATE FUNCTION lease_lock(p_name text) RETURNS integer LANGUAGE sql IMMUTABLE
RETURN hashtext('whistled lease ' || p_name) & 2147483647;

CREATE FUNCTION lease_is_locked_here(p_name text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    RETURN EXISTS (SELECT FROM pg_locks l WHERE l.locktype = 'advisory' AND l.pid = pg_backend_pid()
        AND l.classid = 1 AND l.objid = lease_lock(p_name)::bigint::oid AND l.objsubid = 2);
END $$;

-- Takes or renews a job for some seconds; NULL while another instance has it and lives. Who had it once and lost it to time
-- lets go of the lock too, so that it speaks for the present holder again.
CREATE FUNCTION lease_take(p_name text, p_holder text, p_seconds integer) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_now timestamptz;
    v_lease job_leases;
    v_locked boolean := lease_is_locked_here(p_name);
    v_others boolean;
BEGIN
    INSERT INTO job_leases (name, holder, epoch, until) VALUES (p_name, p_holder, 0, '-infinity')
    ON CONFLICT (name) DO NOTHING;
    SELECT * INTO v_lease FROM job_leases l WHERE l.name = p_name FOR UPDATE;
    v_now := clock_timestamp();
    v_others := v_lease.holder <> p_holder AND v_lease.until >= v_now;
    IF v_others AND v_locked THEN
        PERFORM pg_advisory_unlock(1, lease_lock(p_name));
        RETURN NULL;
    ELSIF NOT v_locked AND NOT pg_try_advisory_lock(1, lease_lock(p_name)) AND v_others THEN
        RETURN NULL;
    END IF;
    IF v_lease.holder <> p_holder OR v_lease.until < v_now THEN
        v_lease.epoch := v_lease.epoch + 1;
    END IF;
    v_lease.until := v_now + p_seconds * interval '1 second';
    UPDATE job_leases l SET holder = p_holder, epoch = v_lease.epoch, until = v_lease.until WHERE l.name = p_name;
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

-- What a position's world is known by. A promoted standby has another timeline, a backup that was started anew another
-- start, a dump that was loaded another database. Positions survive most restarts; then an era ends that lost nothing.
CREATE FUNCTION feed_origin() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN concat_ws('/', left(pg_walfile_name(pg_current_wal_lsn()), 8), extract(epoch FROM pg_postmaster_start_time()),
        (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()));
END $$;

-- A table that was emptied and loaded again has rows of other transactions. Spread over nodes, each has its own count of them.
CREATE FUNCTION feed_is_own(f feed_positions, p_xmin xid) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN p_xmin = xid(f.written_by) OR EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'citus');
END $$;

-- How far the feed was read by those who keep their place in the database: below it no position is given anew.
CREATE FUNCTION feed_read_upto(p_tenant text) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN greatest((SELECT p.position FROM webhook_progress p WHERE p.tenant = p_tenant),
        (SELECT p.position FROM figure_positions p WHERE p.tenant = p_tenant),
        (SELECT max(w.from_position) FROM webhooks w WHERE w.tenant = p_tenant));
END $$;

-- The end of the feed, locked; in a new era when the row may be an older one than was last written.
CREATE FUNCTION feed_taken(p_tenant text) RETURNS feed_positions LANGUAGE plpgsql AS $$
DECLARE
    v_origin text := feed_origin();
    v_era text := left(replace(gen_random_uuid()::text, '-', ''), 12);
    v_xmin xid;
    f feed_positions;
BEGIN
    INSERT INTO feed_positions (tenant, last_position, era, origin, written_by)
    VALUES (p_tenant, 0, v_era, v_origin, pg_current_xact_id())
    ON CONFLICT (tenant) DO NOTHING;
    SELECT x.* INTO f FROM feed_positions x WHERE x.tenant = p_tenant FOR UPDATE;
    v_xmin := (SELECT x.xmin FROM feed_positions x WHERE x.tenant = p_tenant);
    IF f.origin = v_origin AND feed_is_own(f, v_xmin) THEN
        RETURN f;
    END IF;
    INSERT INTO feed_eras (tenant, era, upto) VALUES (p_tenant, f.era, f.last_position) ON CONFLICT (tenant, era) DO NOTHING;
    f.era := v_era;
    f.origin := v_origin;
    f.last_position := greatest(f.last_position, feed_read_upto(p_tenant),
        (SELECT max(x.position) FROM feed x WHERE x.tenant = p_tenant));
    f.latest_at := greatest(f.latest_at, (SELECT max(m.latest_at) FROM feed_marks m WHERE m.tenant = p_tenant), (
        SELECT max(x.at) FROM feed x WHERE x.tenant = p_tenant
            AND x.position > coalesce((SELECT max(m.position) FROM feed_marks m WHERE m.tenant = p_tenant), 0)));
    RETURN f;
END $$;
COMMENT ON FUNCTION feed_taken(text) IS 'The end of the feed, locked for the drainer';

-- Whom these rows may concern; who is woken looks what it sees. t: whoever sees the street, o: an organisation, g: a grid
-- (none: it lies nowhere), c: a community, w: a window, p: a person, by the end of the id: the reporter, a handler.
CREATE FUNCTION wake_keys(p_tenant text, p_rows feed[]) RETURNS SETOF text LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT 't'
    UNION SELECT 'g:' || coalesce(r.grid, 'none') FROM unnest(p_rows) AS r
    UNION SELECT 'o:' || o.o FROM unnest(p_rows) AS r CROSS JOIN LATERAL unnest(r.organisations) AS o (o)
    UNION SELECT k.key
    FROM (SELECT DISTINCT r.case_id FROM unnest(p_rows) AS r) AS r
    JOIN cases c ON c.tenant = p_tenant AND c.id = r.case_id
    CROSS JOIN LATERAL (
        SELECT 'p:' || right(p.p::text, 8) FROM unnest(c.reporters || c.workers || c.handler || c.created_by) AS p (p)
        UNION ALL SELECT 'c:' || c.community
        UNION ALL SELECT 'w:' || c.created_org WHERE c.created_role = 'window_clerk') AS k (key)
    WHERE k.key IS NOT NULL;
END;

-- What such a person hangs under. Whose areas are too many to name hears of the whole street. u: hears when these rights
-- are changed.
CREATE FUNCTION own_keys(p_me actor) RETURNS text[] LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    c_most CONSTANT integer := 60;
    v_roles text[] := p_me.roles;
    v_person text := right(p_me.person_id::text, 8);
    v text[] := '{}';
BEGIN
    IF v_roles && '{grid_worker,community}' THEN
        v := ARRAY(SELECT 'g:' || a.code FROM areas a
            WHERE a.tenant = p_me.tenant AND a.kind = 'grid' AND a.code = ANY (p_me.areas)) || 'g:none'::text;
    END IF;
    IF 'grid_worker' = ANY (v_roles) THEN
        v := v || ARRAY(SELECT 'c:' || c FROM unnest(p_me.grid_communities) AS c);
    END IF;
    v := v || CASE WHEN 'department' = ANY (v_roles) THEN 'o:' || p_me.org END
        || CASE WHEN 'window_clerk' = ANY (v_roles) THEN 'w:' || p_me.org END
        || CASE WHEN v_roles && '{citizen,client,grid_worker}' THEN 'p:' || v_person END;
    IF sees_all(p_me) OR cardinality(v) > c_most THEN
        v := '{t}';
    END IF;
    RETURN array_remove(v || ('u:' || v_person), NULL);
END $$;
COMMENT ON FUNCTION own_keys(actor) IS 'What wakes whoever waits for news with these rights';

-- A notification carries less than 8,000 bytes.
CREATE FUNCTION wake(p_tenant text, p_keys text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('whistled_feed', p_tenant || ' ' || string_agg(k.key, ',' ORDER BY k.key))
    FROM (SELECT u.key, sum(octet_length(u.key) + 1) OVER (ORDER BY u.key) / 7500 AS size FROM unnest(p_keys) AS u (key)) AS k
    GROUP BY floor(k.size);
END $$;
COMMENT ON FUNCTION wake(text, text[]) IS 'Tells every instance whose waiters to wake';

-- A list in feed order shows each object where its latest event stands.
CREATE FUNCTION feed_stamp(p_tenant text, p_rows feed[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO case_feed (tenant, case_id, position)
    SELECT p_tenant, r.case_id, max(r.position) FROM unnest(p_rows) AS r GROUP BY r.case_id
    ON CONFLICT (tenant, case_id) DO UPDATE SET position = excluded.position;
    INSERT INTO ticket_feed (tenant, ticket_id, position)
    SELECT p_tenant, r.ticket_id, max(r.position) FROM unnest(p_rows) AS r WHERE r.ticket_id IS NOT NULL GROUP BY r.ticket_id
    ON CONFLICT (tenant, ticket_id) DO UPDATE SET position = excluded.position;
END $$;

-- Rows of the outbox as they stand in the feed behind p_last.
CREATE FUNCTION fed(p_tenant text, p_last bigint, p_rows outbox[]) RETURNS feed[] LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN ARRAY(
        SELECT ROW(p_tenant, coalesce(r.position, p_last + count(*) FILTER (WHERE r.position IS NULL) OVER (ORDER BY r.id)),
            r.case_id, r.event_seq, r.ticket_id, r.organisations, r.grid, r.at)::feed
        FROM unnest(p_rows) AS r ORDER BY r.id);
END $$;

-- The end of the feed behind these rows, and a mark once a second. Ids settle after 10 seconds: below them the drainer looks
-- only now and then, for their index is full of what it has deleted.
CREATE FUNCTION feed_ended(f feed_positions, p_rows feed[], p_high bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_now timestamptz := clock_timestamp();
    v_mark boolean := v_now >= f.marked_at + interval '1 second';
    v_settle boolean := v_now >= f.high_at + interval '10 seconds';
    v_xact xid8 := pg_current_xact_id();
BEGIN
    SELECT greatest(f.last_position, max(r.position)), greatest(f.latest_at, max(r.at)) INTO f.last_position, f.latest_at
    FROM unnest(p_rows) AS r;
    f.marked_at := CASE WHEN v_mark THEN v_now ELSE f.marked_at END;
    IF v_settle THEN
        f.settled_id := f.high_id;
        f.high_id := greatest(f.high_id, p_high);
        f.high_at := v_now;
    END IF;
    UPDATE feed_positions x SET last_position = f.last_position, era = f.era, origin = f.origin, written_by = v_xact,
        latest_at = f.latest_at, marked_at = f.marked_at, settled_id = f.settled_id, high_id = f.high_id, high_at = f.high_at
    WHERE x.tenant = f.tenant;
    IF v_mark THEN
        INSERT INTO feed_marks (tenant, position, latest_at, given_at)
        VALUES (f.tenant, f.last_position, f.latest_at, v_now)
        ON CONFLICT (tenant, position) DO NOTHING;
    END IF;
END $$;

-- The outbox is empty one moment and full the next, and statistics know neither: only its index is good for both.
CREATE FUNCTION outbox_drain_tenant(p_tenant text, p_limit integer, p_all boolean DEFAULT true)
RETURNS integer LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    f feed_positions := feed_taken(p_tenant);
    v_above bigint := CASE WHEN p_all THEN 0 ELSE f.settled_id END;
    v_ids bigint[];
    v_rows outbox[];
    v_fed feed[];
BEGIN
    SELECT array_agg(w ORDER BY w.id), array_agg(w.id ORDER BY w.id) INTO v_rows, v_ids
    FROM (SELECT o.* FROM outbox o WHERE o.tenant = p_tenant AND o.id > v_above ORDER BY o.id LIMIT p_limit) AS w;
    IF v_rows IS NULL THEN
        RETURN 0;
    END IF;
    v_fed := fed(p_tenant, f.last_position, v_rows);
    DELETE FROM outbox o WHERE o.tenant = p_tenant AND o.id = ANY (v_ids);
    INSERT INTO feed SELECT r.* FROM unnest(v_fed) AS r;
    PERFORM feed_stamp(p_tenant, v_fed);
    PERFORM feed_ended(f, v_fed, v_ids[cardinality(v_ids)]);
    PERFORM wake(p_tenant, ARRAY(SELECT k.key FROM wake_keys(p_tenant, v_fed) AS k (key)));
    RETURN cardinality(v_ids);
END $$;

CREATE FUNCTION outbox_tenants(p_all boolean) RETURNS SETOF text LANGUAGE plpgsql STABLE SET enable_seqscan = off AS $$
BEGIN
    RETURN QUERY SELECT t.tenant FROM tenants t LEFT JOIN feed_positions f ON f.tenant = t.tenant
    CROSS JOIN LATERAL (
        SELECT FROM outbox o WHERE o.tenant = t.tenant AND o.id > CASE WHEN p_all THEN 0 ELSE coalesce(f.settled_id, 0) END
        ORDER BY o.id LIMIT 1) AS waiting
    ORDER BY t.tenant;
END $$;

-- Whoever waits or streams with rights that were changed is woken, and looks what is left of them.
CREATE FUNCTION rights_told() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_tenant text;
    v_keys text[];
BEGIN
    FOR v_tenant IN SELECT DISTINCT r.tenant FROM rights_changes r ORDER BY 1 LOOP
        WITH told AS (DELETE FROM rights_changes r WHERE r.tenant = v_tenant RETURNING r.person_id)
        SELECT array_agg(DISTINCT 'u:' || right(t.person_id::text, 8)) INTO v_keys FROM told t;
        PERFORM wake(v_tenant, v_keys);
    END LOOP;
END $$;

CREATE FUNCTION rights_changed(p_tenant text, p_person uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO rights_changes (tenant, person_id) VALUES (p_tenant, p_person);
END $$;
COMMENT ON FUNCTION rights_changed(text, uuid) IS 'In the transaction that changes them; the drainer tells whoever waits';

CREATE FUNCTION outbox_drain(p_holder text, p_epoch bigint, p_limit integer, p_all boolean DEFAULT true)
RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    v_tenant text;
    v_done integer := 0;
BEGIN
    IF NOT lease_holds('feed', p_holder, p_epoch) THEN
        RETURN NULL;
    END IF;
    FOR v_tenant IN SELECT * FROM outbox_tenants(p_all) LOOP
        v_done := v_done + outbox_drain_tenant(v_tenant, p_limit, p_all);
    END LOOP;
    PERFORM rights_told();
    RETURN v_done;
END $$;
COMMENT ON FUNCTION outbox_drain(text, bigint, integer, boolean) IS
    'Moves up to p_limit rows of each street to its feed; how many, NULL when the lease is lost. Not p_all: without those whose ids have settled';

-- The first mark stays: it says how far the feed was swept, and what times were swept with it.
CREATE FUNCTION feed_swept(p_tenant text, p_before timestamptz, p_limit integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    v_young bigint := (
        SELECT m.position FROM feed_marks m WHERE m.tenant = p_tenant AND m.given_at >= p_before ORDER BY m.position LIMIT 1);
    v_first bigint := (SELECT min(x.position) FROM feed x WHERE x.tenant = p_tenant);
    v_floor bigint := (
        SELECT max(m.position) FROM feed_marks m
        WHERE m.tenant = p_tenant AND (v_young IS NULL OR m.position < v_young) AND m.position < v_first + p_limit);
    v_swept integer;
BEGIN
    DELETE FROM feed x WHERE x.tenant = p_tenant AND x.position <= v_floor;
    GET DIAGNOSTICS v_swept = ROW_COUNT;
    DELETE FROM feed_marks m WHERE m.tenant = p_tenant AND m.position < v_floor;
    RETURN v_swept;
END $$;

-- Keys are kept for 48 hours, the feed for 7 days. A part at a time: what has piled up must not outlast a statement.
CREATE FUNCTION sweep(p_holder text, p_epoch bigint, p_limit integer DEFAULT 100000) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    v_now timestamptz := clock_timestamp();
    v_tenant text;
    v_swept integer;
BEGIN
    IF NOT lease_holds('sweep', p_holder, p_epoch) THEN
        RETURN NULL;
    END IF;
    DELETE FROM idempotency_keys k USING (
        SELECT x.tenant, x.subject, x.operation, x.key FROM idempotency_keys x
        WHERE x.created_at < v_now - interval '48 hours' ORDER BY x.created_at LIMIT p_limit) AS old
    WHERE k.tenant = old.tenant AND k.subject = old.subject AND k.operation = old.operation AND k.key = old.key;
    GET DIAGNOSTICS v_swept = ROW_COUNT;
    FOR v_tenant IN SELECT p.tenant FROM feed_positions p ORDER BY 1 LOOP
        v_swept := v_swept + feed_swept(v_tenant, v_now - interval '7 days', p_limit);
    END LOOP;
    RETURN v_swept;
END $$;
COMMENT ON FUNCTION sweep(text, bigint, integer) IS
    'Removes old idempotency keys and rows of the feed; how many: call again until it is 0. NULL when the lease is lost';

CREATE FUNCTION feed_last(p_tenant text) RETURNS bigint LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN coalesce((SELECT f.last_position FROM feed_positions f WHERE f.tenant = p_tenant), 0);
END $$;

-- Behind which position all is kept.
CREATE FUNCTION feed_floor(p_tenant text) RETURNS bigint LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN coalesce((SELECT min(f.position) - 1 FROM feed f WHERE f.tenant = p_tenant), feed_last(p_tenant));
END $$;

-- updated_after: before the first position whose event is at most 5 minutes older. May repeat, never skips: what was swept
-- counts as long as it could be meant, and a clock that is fast counts as ours.
CREATE FUNCTION feed_start(p_tenant text, p_after timestamptz) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_from timestamptz := least(p_after, clock_timestamp()) - interval '5 minutes';
    v_mark bigint := (
        SELECT m.position FROM feed_marks m WHERE m.tenant = p_tenant AND m.latest_at >= v_from
        ORDER BY m.latest_at, m.position LIMIT 1);
    v_before bigint := (
        SELECT max(m.position) FROM feed_marks m WHERE m.tenant = p_tenant AND (v_mark IS NULL OR m.position < v_mark));
BEGIN
    IF v_mark IS NOT NULL AND v_before IS NULL THEN
        RETURN 0;
    END IF;
    RETURN coalesce((
        SELECT f.position - 1 FROM feed f
        WHERE f.tenant = p_tenant AND f.position > coalesce(v_before, 0) AND f.at >= v_from ORDER BY f.position LIMIT 1),
        CASE WHEN v_mark IS NULL THEN feed_last(p_tenant) ELSE v_before END);
END $$;

-- A place in the feed, as cursors carry it.
CREATE FUNCTION feed_place(p_era text, p_position bigint) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
RETURN concat_ws('|', 'feed', p_era, p_position);

CREATE FUNCTION feed_era(p_tenant text) RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN coalesce((SELECT f.era FROM feed_positions f WHERE f.tenant = p_tenant), '');
END $$;

-- Whether a place is part of the present world: given in this era, or in an earlier one before anything of it was lost. At
-- the beginning all worlds are the same.
CREATE FUNCTION feed_holds(p_tenant text, p_era text, p_position bigint) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN coalesce(p_position = 0 OR p_position <= CASE WHEN p_era = feed_era(p_tenant) THEN feed_last(p_tenant)
        ELSE (SELECT e.upto FROM feed_eras e WHERE e.tenant = p_tenant AND e.era = p_era) END, false);
END $$;

CREATE TYPE feed_mode AS (
    on_feed boolean,
    after bigint, -- position to go on from
    refusal text
);

-- Whoever has a place in the feed goes on in the feed; a place in another order does not become one.
CREATE FUNCTION feed_mode(p_tenant text, p_updated_after timestamptz, p_cursor text) RETURNS feed_mode
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    v_place text[] := string_to_array(p_cursor, '|');
BEGIN
    IF v_place[1] = 'feed' THEN
        RETURN (true, v_place[3]::bigint,
            CASE WHEN feed_holds(p_tenant, v_place[2], v_place[3]::bigint) IS NOT TRUE THEN 'cursor_reset' END)::feed_mode;
    ELSIF p_updated_after IS NULL THEN
        RETURN (false, NULL, NULL)::feed_mode;
    ELSIF p_cursor IS NOT NULL THEN
        RETURN (true, NULL, 'cursor_invalid')::feed_mode;
    END IF;
    RETURN (true, feed_start(p_tenant, p_updated_after), NULL)::feed_mode;
END $$;
