-- Machine clients: apps, hotlines and departments' systems. Each is a person too, so that everything a person does and owns
-- holds for it; here stands what only machines have.

CREATE TABLE clients (
    tenant text NOT NULL,
    person_id uuid NOT NULL,
    client_id text NOT NULL,
    scopes text[] NOT NULL CHECK (scopes <@ ARRAY['cases:create', 'cases:read', 'tickets:work', 'open311']
        AND cardinality(scopes) > 0),
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    last_used_at timestamptz,
    PRIMARY KEY (tenant, person_id),
    UNIQUE (tenant, client_id),
    FOREIGN KEY (tenant, person_id) REFERENCES people (tenant, id)
);
SELECT spread('clients');
COMMENT ON TABLE clients IS 'Machine clients; name, organisation and whether it is active stand in people';
COMMENT ON COLUMN clients.tenant IS 'Street';
COMMENT ON COLUMN clients.person_id IS 'Its row in people';
COMMENT ON COLUMN clients.client_id IS 'What it calls itself, and the sub of its tokens: begins with the street and a dot';
COMMENT ON COLUMN clients.scopes IS 'Dictionary client_scope: what it may; a token only narrows it';
COMMENT ON COLUMN clients.version IS 'Counts changes';
COMMENT ON COLUMN clients.created_at IS 'When it was made';
COMMENT ON COLUMN clients.last_used_at IS 'When a secret or key of it was last right; written once a minute at most, not by reading with a key';

CREATE TABLE client_secrets (
    tenant text NOT NULL,
    id uuid NOT NULL,
    person_id uuid NOT NULL,
    credential text NOT NULL CHECK (credential IN ('client_secret', 'api_key')),
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    made_at timestamptz NOT NULL,
    ends_at timestamptz,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, person_id) REFERENCES clients (tenant, person_id)
);
SELECT spread('client_secrets');
CREATE INDEX client_secrets_client ON client_secrets (tenant, person_id, credential, made_at);
COMMENT ON TABLE client_secrets IS 'Secrets of machine clients; nobody, not even the owner of this table, can tell what they are';
COMMENT ON COLUMN client_secrets.tenant IS 'Street';
COMMENT ON COLUMN client_secrets.id IS 'UUIDv7';
COMMENT ON COLUMN client_secrets.person_id IS 'Client';
COMMENT ON COLUMN client_secrets.credential IS 'Dictionary client_credential';
COMMENT ON COLUMN client_secrets.hash IS 'SHA-256 of it: of 256 random bits nothing slower is needed';
COMMENT ON COLUMN client_secrets.made_at IS 'When it was made';
COMMENT ON COLUMN client_secrets.ends_at IS 'From then on it is refused; NULL: it is the present one';

ALTER TABLE admin_events
    DROP CONSTRAINT admin_events_action_check,
    ADD CONSTRAINT admin_events_action_check CHECK (action IN ('create', 'edit', 'retire', 'rotate_secret')),
    DROP CONSTRAINT admin_events_object_kind_check,
    ADD CONSTRAINT admin_events_object_kind_check CHECK (object_kind IN ('organisation', 'area', 'category', 'policy',
        'calendar_day', 'dictionary_entry', 'person', 'assignment', 'client'));

INSERT INTO dictionary_entries (dictionary, code, ordinal, zh, en) VALUES
    ('client_scope', 'cases:create', 10, '上报案件', 'Report cases'),
    ('client_scope', 'cases:read', 20, '查看自己上报的案件', 'Read the cases it reported'),
    ('client_scope', 'tickets:work', 30, '代部门办理哨单', 'Work on the tickets of its department'),
    ('client_scope', 'open311', 40, '通过 Open311 上报', 'Report by Open311'),
    ('client_credential', 'client_secret', 10, '客户端密钥', 'Client secret'),
    ('client_credential', 'api_key', 20, 'Open311 接口密钥', 'Open311 API key'),
    ('admin_action', 'rotate_secret', 40, '更换密钥', 'Replace a secret'),
    ('admin_object', 'client', 90, '接入系统', 'Connected system');
