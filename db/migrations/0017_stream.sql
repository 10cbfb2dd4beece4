-- The feed under load. The outbox holds what has no position yet and nothing else; the feed holds what has one, in the order
-- of the positions. An event costs its transaction one index instead of three, and the drainer two rows that only grow at
-- their end instead of one that is written twice.

CREATE TABLE feed (
    tenant text NOT NULL,
    position bigint NOT NULL,
    case_id uuid NOT NULL,
    event_seq integer NOT NULL,
    ticket_id uuid,
    organisations text[] NOT NULL,
    grid text,
    at timestamptz NOT NULL,
    PRIMARY KEY (tenant, position)
);
SELECT spread('feed');
COMMENT ON TABLE feed IS 'Events in the order of the feed; positions are dense and given by the drainer alone. Kept for 7 days';
COMMENT ON COLUMN feed.tenant IS 'Street';
COMMENT ON COLUMN feed.position IS 'Place in the street''s feed';
COMMENT ON COLUMN feed.case_id IS 'Case of the event';
COMMENT ON COLUMN feed.event_seq IS 'Its number within the case';
COMMENT ON COLUMN feed.ticket_id IS 'Ticket of the event, if any';
COMMENT ON COLUMN feed.organisations IS 'Organisations whose business the case is or was until this event';
COMMENT ON COLUMN feed.grid IS 'Grid of the case';
COMMENT ON COLUMN feed.at IS 'The event''s time';

INSERT INTO feed (tenant, position, case_id, event_seq, ticket_id, organisations, grid, at)
SELECT tenant, position, case_id, event_seq, ticket_id, organisations, grid, at FROM outbox WHERE position IS NOT NULL;
DELETE FROM outbox WHERE position IS NOT NULL;

DROP INDEX outbox_waiting;
DROP INDEX outbox_position;
DROP INDEX outbox_at;
-- It is full one moment and empty the next: cleaned by the row, not by the share of a size that says nothing.
ALTER TABLE outbox SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000,
    autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 1000000);
COMMENT ON TABLE outbox IS 'One row for each event that has no position in the feed yet. A sequence is not commit order';
COMMENT ON COLUMN outbox.position IS 'NULL; numbered here by a drainer of an earlier release, which the next one moves on';
COMMENT ON COLUMN outbox.at IS 'The event''s time';

-- Which world a position belongs to. A database that was set back gives the same numbers to other events.
ALTER TABLE feed_positions
    ADD COLUMN era text NOT NULL DEFAULT '',
    ADD COLUMN origin text NOT NULL DEFAULT '',
    ADD COLUMN written_by xid8 NOT NULL DEFAULT '0',
    ADD COLUMN latest_at timestamptz NOT NULL DEFAULT '-infinity',
    ADD COLUMN marked_at timestamptz NOT NULL DEFAULT '-infinity',
    ADD COLUMN settled_id bigint NOT NULL DEFAULT 0,
    ADD COLUMN high_id bigint NOT NULL DEFAULT 0,
    ADD COLUMN high_at timestamptz NOT NULL DEFAULT '-infinity';
COMMENT ON TABLE feed_positions IS 'The end of each street''s feed; written by the drainer alone';
COMMENT ON COLUMN feed_positions.era IS 'Random name of the world in which positions are given now; part of every cursor';
COMMENT ON COLUMN feed_positions.origin IS 'What that world is known by: timeline, start of the server, database';
COMMENT ON COLUMN feed_positions.written_by IS 'The transaction that wrote this row: another xmin says that it was put here by other hands';
COMMENT ON COLUMN feed_positions.latest_at IS 'Latest time of any event up to the last position';
COMMENT ON COLUMN feed_positions.marked_at IS 'When the last of feed_marks was set';
COMMENT ON COLUMN feed_positions.settled_id IS 'What has a lower id in the outbox was drained, or commits unusually late';
COMMENT ON COLUMN feed_positions.high_id IS 'Highest id that had been drained at high_at: settles after 10 seconds';
COMMENT ON COLUMN feed_positions.high_at IS 'When high_id was noted';

CREATE TABLE feed_eras (
    tenant text NOT NULL,
    era text NOT NULL,
    upto bigint NOT NULL,
    PRIMARY KEY (tenant, era)
);
SELECT spread('feed_eras');
COMMENT ON TABLE feed_eras IS 'Worlds in which positions were given before; a row for each restart or failover that was followed by an event';
COMMENT ON COLUMN feed_eras.tenant IS 'Street';
COMMENT ON COLUMN feed_eras.era IS 'Its name in cursors';
COMMENT ON COLUMN feed_eras.upto IS 'The last of its positions that is part of the present world';

CREATE TABLE feed_marks (
    tenant text NOT NULL,
    position bigint NOT NULL,
    latest_at timestamptz NOT NULL,
    given_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, position)
);
SELECT spread('feed_marks');
CREATE INDEX feed_marks_latest ON feed_marks (tenant, latest_at, position);
COMMENT ON TABLE feed_marks IS 'At most one a second: finds a position by time, and how far the feed may be swept; the first stays where it was swept up to';
COMMENT ON COLUMN feed_marks.tenant IS 'Street';
COMMENT ON COLUMN feed_marks.position IS 'Everything up to here';
COMMENT ON COLUMN feed_marks.latest_at IS 'Latest time of any event up to there: it never falls';
COMMENT ON COLUMN feed_marks.given_at IS 'When the position was given';

-- What was swept had lain there for 7 days.
INSERT INTO feed_marks (tenant, position, latest_at, given_at)
SELECT f.tenant, min(f.position) - 1, clock_timestamp() - interval '7 days', clock_timestamp() - interval '7 days'
FROM feed f GROUP BY f.tenant HAVING min(f.position) > 1;
INSERT INTO feed_marks (tenant, position, latest_at, given_at)
SELECT m.tenant, m.position, greatest(m.latest_at, clock_timestamp() - interval '7 days'), clock_timestamp()
FROM (SELECT f.tenant, f.position, max(f.at) OVER (PARTITION BY f.tenant ORDER BY f.position) AS latest_at,
        lead(f.position) OVER (PARTITION BY f.tenant ORDER BY f.position) AS next FROM feed f) AS m
WHERE m.next IS NULL OR m.position % 1000 = 0;

CREATE TABLE rights_changes (
    tenant text NOT NULL,
    id bigserial NOT NULL,
    person_id uuid NOT NULL,
    PRIMARY KEY (tenant, id)
);
SELECT spread('rights_changes');
COMMENT ON TABLE rights_changes IS 'People whose rights were changed and whose waiting requests and streams have not heard of it yet';
COMMENT ON COLUMN rights_changes.tenant IS 'Street';
COMMENT ON COLUMN rights_changes.id IS 'Order of insertion, with gaps';
COMMENT ON COLUMN rights_changes.person_id IS 'Whose';
