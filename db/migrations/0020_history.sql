-- History by months. A case's id is a UUIDv7, whose first 48 bits are the milliseconds at which it was made, so a range of ids
-- is a month in which cases came in: a case's events lie together in one partition whenever they happen, what names the case
-- looks into one partition, and a month that is taken away takes whole histories.
--
-- case_events stays as it is, under its name, as the first partition: instances of earlier releases go on reading and writing
-- it, and see everything until the first month of its own begins, at least two weeks from here. They must be gone by then.
-- What comes in later finds its month by case_history, which every statement of this release names.
--
-- The outbox is not cut by months: it is empty a moment after it was full. Nor is the feed: its rows go after 7 days, and a
-- sweep of them costs next to nothing beside what wrote them (docs/history.md).

CREATE TABLE case_history (
    LIKE case_events INCLUDING DEFAULTS INCLUDING COMMENTS,
    PRIMARY KEY (tenant, case_id, seq)
) PARTITION BY RANGE (case_id);
SELECT spread('case_history');
CREATE INDEX case_history_at ON case_history (tenant, at);
COMMENT ON TABLE case_history IS 'All that happened to a case and its tickets: history and audit trail in one. By months in which cases came in.';
COMMENT ON TABLE case_events IS 'case_history of cases from before the first month of its own';

-- Nothing is ever lost for want of a month: the job moves what is here when it makes the month.
CREATE TABLE case_history_other PARTITION OF case_history DEFAULT;
COMMENT ON TABLE case_history_other IS 'case_history of cases that lie in no month: made before the job came, or with ids of another kind';

CREATE TABLE history_parts (
    name text PRIMARY KEY,
    begins timestamptz NOT NULL,
    ends timestamptz NOT NULL,
    least uuid NOT NULL,
    past uuid NOT NULL,
    detached_at timestamptz
);
SELECT copy_everywhere('history_parts');
COMMENT ON TABLE history_parts IS 'Partitions of case_history, also those that an operator has detached';
COMMENT ON COLUMN history_parts.name IS 'Name of the table';
COMMENT ON COLUMN history_parts.begins IS 'Cases that came in from then on';
COMMENT ON COLUMN history_parts.ends IS 'And before then; months follow each other without gaps';
COMMENT ON COLUMN history_parts.least IS 'The least id of that time';
COMMENT ON COLUMN history_parts.past IS 'The least id of the time after it';
COMMENT ON COLUMN history_parts.detached_at IS 'When it was detached: these cases have no history here; NULL: it is attached';

CREATE FUNCTION history_id(p_at timestamptz) RETURNS uuid LANGUAGE sql STABLE
RETURN (CASE WHEN p_at = '-infinity' THEN repeat('0', 12)
    ELSE lpad(to_hex((extract(epoch FROM p_at) * 1000)::bigint), 12, '0') END || repeat('0', 20))::uuid;
COMMENT ON FUNCTION history_id(timestamptz) IS 'The least id that is made at this time';

-- Of the calendar that all streets live by.
CREATE FUNCTION history_month(p_at timestamptz, p_months integer) RETURNS timestamptz LANGUAGE sql STABLE
RETURN (date_trunc('month', p_at AT TIME ZONE 'Asia/Shanghai') + make_interval(months => p_months)) AT TIME ZONE 'Asia/Shanghai';
COMMENT ON FUNCTION history_month(timestamptz, integer) IS 'The beginning of this time''s month, or of one so many months after it';

-- A table becomes a partition, with what lies in the default partition meanwhile. ATTACH locks the default partition too,
-- which every plan that is kept for reading locks with the rest: taken before anything is moved out of it, so that nobody
-- puts anything there behind our back, and after the table was read, which the check spares ATTACH.
CREATE FUNCTION history_joined(p history_parts) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %I ADD CONSTRAINT within CHECK (case_id >= %L AND case_id < %L)', p.name, p.least, p.past);
    LOCK TABLE ONLY case_history_other IN ACCESS EXCLUSIVE MODE;
    EXECUTE format('WITH strayed AS (DELETE FROM case_history_other o WHERE o.case_id >= $1 AND o.case_id < $2 RETURNING o.*)
        INSERT INTO %I SELECT * FROM strayed', p.name) USING p.least, p.past;
    EXECUTE format('ALTER TABLE case_history ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', p.name, p.least, p.past);
    EXECUTE format('ALTER TABLE %I DROP CONSTRAINT within', p.name);
END $$;

CREATE FUNCTION history_made(p_begins timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_ends timestamptz := history_month(p_begins, 1);
    v_part history_parts := ROW('case_history_' || to_char(p_begins AT TIME ZONE 'Asia/Shanghai', 'YYYYMM'), p_begins, v_ends,
        history_id(p_begins), history_id(v_ends), NULL);
BEGIN
    EXECUTE format('CREATE TABLE %I (LIKE case_history INCLUDING DEFAULTS INCLUDING INDEXES)', v_part.name);
    PERFORM history_joined(v_part);
    INSERT INTO history_parts SELECT v_part.*;
END $$;

-- With the owner's rights, for the service's role may make no tables. Who cannot have the locks at once leaves it to the next
-- call: until the month begins there are three months, and the default partition after that.
CREATE FUNCTION history_ahead(p_now timestamptz DEFAULT NULL) RETURNS integer LANGUAGE plpgsql
SECURITY DEFINER SET search_path = whistled, pg_temp SET lock_timeout = '200ms' AS $$
DECLARE
    v_upto timestamptz := history_month(coalesce(p_now, clock_timestamp()), 4);
    v_next timestamptz;
    v_made integer := 0;
BEGIN
    IF (SELECT max(p.ends) FROM history_parts p) >= v_upto THEN
        RETURN 0;
    END IF;
    -- One at a time; whoever reads and writes goes on.
    LOCK TABLE ONLY case_history IN SHARE UPDATE EXCLUSIVE MODE;
    LOOP
        v_next := (SELECT max(p.ends) FROM history_parts p);
        EXIT WHEN v_next >= v_upto;
        PERFORM history_made(v_next);
        v_made := v_made + 1;
    END LOOP;
    RETURN v_made;
EXCEPTION WHEN lock_not_available THEN
    RETURN 0;
END $$;
COMMENT ON FUNCTION history_ahead(timestamptz) IS 'Makes the partitions of this month and the next three; how many it made';
REVOKE ALL ON FUNCTION history_ahead(timestamptz) FROM PUBLIC;

-- Under the lock, so that what is closed stays so until it is gone. A default partition rules out DETACH … CONCURRENTLY.
CREATE FUNCTION history_detach(p_name text, p_now timestamptz DEFAULT NULL) RETURNS void LANGUAGE plpgsql
SET search_path = whistled, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_part history_parts;
    v_young bigint;
BEGIN
    LOCK TABLE ONLY case_history IN ACCESS EXCLUSIVE MODE;
    SELECT * INTO v_part FROM history_parts p WHERE p.name = p_name AND p.detached_at IS NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION '% is no partition of case_history', p_name;
    ELSIF v_part.ends > v_now THEN
        RAISE EXCEPTION 'the time of % is not over', p_name;
    END IF;
    SELECT count(*) INTO v_young
    FROM tenants t JOIN cases c ON c.tenant = t.tenant AND c.id >= v_part.least AND c.id < v_part.past
    WHERE c.ended IS NULL OR c.updated_at > v_now - interval '31 days';
    IF v_young > 0 THEN
        RAISE EXCEPTION '% cases of % are open, or something happened to them in the last 31 days', v_young, p_name;
    END IF;
    EXECUTE format('ALTER TABLE case_history DETACH PARTITION %I', p_name);
    UPDATE history_parts p SET detached_at = v_now WHERE p.name = p_name;
END $$;
COMMENT ON FUNCTION history_detach(text, timestamptz) IS 'Takes a partition out of case_history; its table stays. For the owner';

CREATE FUNCTION history_attach(p_name text) RETURNS void LANGUAGE plpgsql
SET search_path = whistled, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    v_part history_parts;
BEGIN
    LOCK TABLE ONLY case_history IN SHARE UPDATE EXCLUSIVE MODE;
    SELECT * INTO v_part FROM history_parts p WHERE p.name = p_name AND p.detached_at IS NOT NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION '% is no detached partition of case_history', p_name;
    ELSIF to_regclass(quote_ident(p_name)) IS NULL THEN
        RAISE EXCEPTION 'the table % is not here: restore it first', p_name;
    END IF;
    PERFORM history_joined(v_part);
    UPDATE history_parts p SET detached_at = NULL WHERE p.name = p_name;
END $$;
COMMENT ON FUNCTION history_attach(text) IS 'Puts a detached partition back, with what has happened to its cases meanwhile. For the owner';

-- The existing events are looked at and stay where they are; what is beyond the bound has an id that the service did not make.
-- Where no earlier release can be at work the months begin at once.
LOCK TABLE case_events IN ACCESS EXCLUSIVE MODE;
DO $do$
DECLARE
    v_now timestamptz := clock_timestamp();
    v_ends timestamptz := CASE WHEN EXISTS (SELECT FROM releases) THEN history_month(v_now + interval '14 days', 1)
        ELSE history_month(v_now, 0) END;
    v_part history_parts := ROW('case_events', '-infinity', v_ends, history_id('-infinity'), history_id(v_ends), NULL);
BEGIN
    WITH strayed AS (DELETE FROM case_events e WHERE e.case_id >= v_part.past RETURNING e.*)
    INSERT INTO case_history_other SELECT * FROM strayed;
    EXECUTE format('ALTER TABLE case_history ATTACH PARTITION case_events FOR VALUES FROM (%L) TO (%L)', v_part.least, v_part.past);
    INSERT INTO history_parts SELECT v_part.*;
END $do$;
SELECT history_ahead();
