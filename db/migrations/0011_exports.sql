-- Exports carry personal data in bulk: each leaves a row that says who took what, and how much of it.

CREATE TABLE exports (
    tenant text NOT NULL REFERENCES tenants,
    id uuid NOT NULL,
    person_id uuid NOT NULL,
    operation text NOT NULL,
    filter jsonb NOT NULL,
    request_id text NOT NULL,
    begun_at timestamptz NOT NULL,
    handed_at timestamptz NOT NULL,
    rows bigint NOT NULL,
    place uuid,
    ended_at timestamptz,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, person_id) REFERENCES people (tenant, id)
);
SELECT spread('exports');
CREATE INDEX exports_begun ON exports (tenant, begun_at, id);
COMMENT ON TABLE exports IS 'Who took what out in bulk; written with each part of it, in the transaction that reads the part';
COMMENT ON COLUMN exports.tenant IS 'Street';
COMMENT ON COLUMN exports.id IS 'UUIDv7';
COMMENT ON COLUMN exports.person_id IS 'Who';
COMMENT ON COLUMN exports.operation IS 'By which operation';
COMMENT ON COLUMN exports.filter IS 'Which rows were asked for: the parameters that were given';
COMMENT ON COLUMN exports.request_id IS 'Id of the request, as in the log';
COMMENT ON COLUMN exports.begun_at IS 'When';
COMMENT ON COLUMN exports.handed_at IS 'When the latest part was handed out';
COMMENT ON COLUMN exports.rows IS 'How many rows were handed out so far; what broke off got no more than these';
COMMENT ON COLUMN exports.place IS 'Where the next part begins; null at the end';
COMMENT ON COLUMN exports.ended_at IS 'When the last part was handed out; null while it runs, and for ever when it broke off';
