-- The base: tenants and what a street is made of (areas, organisations, people, places, categories), and the machinery
-- every write leans on (idempotency keys, outbox, feed positions, leases). Cases come in 0002.
-- Runs as the owner with search_path = whistled, public.

CREATE EXTENSION IF NOT EXISTS postgis SCHEMA public;
CREATE EXTENSION IF NOT EXISTS btree_gist SCHEMA public;

-- Growing past one machine: the same migrations run on one node and on a Citus cluster. Each table says right after
-- CREATE TABLE whether its rows are spread by tenant or copied to every node; without the extension nothing happens.
CREATE FUNCTION spread(p_table regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'citus') THEN
        EXECUTE format('SELECT create_distributed_table(%L, %L)', p_table, 'tenant');
    END IF;
END $$;
COMMENT ON FUNCTION spread(regclass) IS 'Distributes a table by tenant where Citus is installed';

CREATE FUNCTION copy_everywhere(p_table regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'citus') THEN
        EXECUTE format('SELECT create_reference_table(%L)', p_table);
    END IF;
END $$;
COMMENT ON FUNCTION copy_everywhere(regclass) IS 'Copies a table to every node where Citus is installed';

CREATE FUNCTION delegate(p_function regprocedure) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'citus') THEN
        EXECUTE format('SELECT create_distributed_function(%L, %L, colocate_with := %L)', p_function, 'p_tenant', 'whistled.people');
    END IF;
END $$;
COMMENT ON FUNCTION delegate(regprocedure) IS 'Runs a procedure on the node that holds p_tenant where Citus is installed';

-- Streets

CREATE TABLE tenants (
    tenant text PRIMARY KEY CHECK (tenant ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
    name text NOT NULL,
    number_prefix text NOT NULL CHECK (number_prefix ~ '^[A-Z]{2,4}$'),
    zone text NOT NULL DEFAULT 'Asia/Shanghai',
    active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
SELECT spread('tenants');
COMMENT ON TABLE tenants IS 'A subdistrict (street): the first column of every key';
COMMENT ON COLUMN tenants.tenant IS 'Short name, as in the token';
COMMENT ON COLUMN tenants.name IS 'Full name';
COMMENT ON COLUMN tenants.number_prefix IS 'Letters that open the numbers people say on the phone';
COMMENT ON COLUMN tenants.zone IS 'Time zone of its working calendar and of the date in numbers';
COMMENT ON COLUMN tenants.active IS 'False: nobody of it may sign in';
COMMENT ON COLUMN tenants.created_at IS 'When the row was made';

CREATE TABLE policies (
    tenant text NOT NULL REFERENCES tenants,
    version integer NOT NULL CHECK (version > 0),
    valid_from timestamptz NOT NULL,
    settings jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(settings) = 'object'),
    note text,
    PRIMARY KEY (tenant, version)
);
SELECT spread('policies');
COMMENT ON TABLE policies IS 'Minutes, thresholds and windows; a row is never changed, a case keeps the version it was born under';
COMMENT ON COLUMN policies.tenant IS 'Street';
COMMENT ON COLUMN policies.version IS 'Counts up';
COMMENT ON COLUMN policies.valid_from IS 'Cases received from then on are born under it';
COMMENT ON COLUMN policies.settings IS 'What differs from the defaults that the procedures carry';
COMMENT ON COLUMN policies.note IS 'Why it was changed';

CREATE TABLE calendar_days (
    tenant text NOT NULL REFERENCES tenants,
    day date NOT NULL,
    kind text NOT NULL CHECK (kind IN ('workday', 'holiday')),
    name text,
    PRIMARY KEY (tenant, day)
);
SELECT spread('calendar_days');
COMMENT ON TABLE calendar_days IS 'Days that differ from the week: holidays, and weekend days that are worked';
COMMENT ON COLUMN calendar_days.tenant IS 'Street';
COMMENT ON COLUMN calendar_days.day IS 'Local date';
COMMENT ON COLUMN calendar_days.kind IS 'What it counts as';
COMMENT ON COLUMN calendar_days.name IS 'Spring Festival, make-up day, …';

CREATE TABLE organisations (
    tenant text NOT NULL REFERENCES tenants,
    code text NOT NULL CHECK (code ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$'),
    kind text NOT NULL CHECK (kind IN ('street', 'office', 'community', 'department', 'police', 'governance_center',
        'party_org', 'property_company', 'owners_committee', 'resident_unit', 'enterprise', 'merchant', 'mass_org',
        'social_org', 'studio')),
    name text NOT NULL,
    parent_code text,
    phone text,
    active boolean NOT NULL DEFAULT true,
    version bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant, code),
    FOREIGN KEY (tenant, parent_code) REFERENCES organisations (tenant, code)
);
SELECT spread('organisations');
COMMENT ON TABLE organisations IS 'Street office, communities, departments and all others that take part';
COMMENT ON COLUMN organisations.tenant IS 'Street';
COMMENT ON COLUMN organisations.code IS 'Natural key, as in the token and the API';
COMMENT ON COLUMN organisations.kind IS 'Dictionary organisation_kind';
COMMENT ON COLUMN organisations.name IS 'Full name';
COMMENT ON COLUMN organisations.parent_code IS 'Organisation above it';
COMMENT ON COLUMN organisations.phone IS 'Public phone';
COMMENT ON COLUMN organisations.active IS 'False: retired, takes nothing new';
COMMENT ON COLUMN organisations.version IS 'Counts changes';

CREATE TABLE areas (
    tenant text NOT NULL REFERENCES tenants,
    code text NOT NULL CHECK (code ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$' AND code <> 'none'),
    kind text NOT NULL CHECK (kind IN ('street', 'community', 'grid', 'estate', 'building')),
    name text NOT NULL,
    parent_code text,
    path text[] NOT NULL CHECK (path[cardinality(path)] = code),
    community_code text,
    organisation_code text,
    geometry public.geometry(MultiPolygon, 4326),
    active boolean NOT NULL DEFAULT true,
    version bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant, code),
    FOREIGN KEY (tenant, parent_code) REFERENCES areas (tenant, code),
    FOREIGN KEY (tenant, community_code) REFERENCES areas (tenant, code),
    FOREIGN KEY (tenant, organisation_code) REFERENCES organisations (tenant, code),
    CHECK ((kind = 'street') = (parent_code IS NULL)),
    CHECK (kind = 'street' OR community_code IS NOT NULL)
);
SELECT spread('areas');
CREATE INDEX areas_path ON areas USING gin (path);
CREATE INDEX areas_geometry ON areas USING gist (geometry);
COMMENT ON TABLE areas IS 'Street, communities, grids, estates and buildings: one tree';
COMMENT ON COLUMN areas.tenant IS 'Street';
COMMENT ON COLUMN areas.code IS 'Natural key, as in the token and the API';
COMMENT ON COLUMN areas.kind IS 'Dictionary area_kind';
COMMENT ON COLUMN areas.name IS 'Name';
COMMENT ON COLUMN areas.parent_code IS 'Area above it';
COMMENT ON COLUMN areas.path IS 'Codes from the street down to itself: all below X is path @> {X}';
COMMENT ON COLUMN areas.community_code IS 'Community it lies in; of a community itself';
COMMENT ON COLUMN areas.organisation_code IS 'Organisation that answers for it';
COMMENT ON COLUMN areas.geometry IS 'Outline, WGS 84; a grid has one, a building may have none';
COMMENT ON COLUMN areas.active IS 'False: retired, takes nothing new';
COMMENT ON COLUMN areas.version IS 'Counts changes';

CREATE TABLE people (
    tenant text NOT NULL REFERENCES tenants,
    id uuid NOT NULL,
    subject text NOT NULL CHECK (length(subject) BETWEEN 1 AND 255),
    name text NOT NULL,
    phone text,
    roles text[] NOT NULL CHECK (roles <@ ARRAY['citizen', 'client', 'grid_worker', 'community', 'window_clerk',
        'dispatcher', 'leader', 'department', 'property', 'supervisor', 'auditor', 'admin']),
    organisation_code text,
    areas text[] NOT NULL DEFAULT '{}',
    posts text[] NOT NULL DEFAULT '{}' CHECK (posts <@ ARRAY['secretary', 'street_head', 'deputy_head']),
    head boolean NOT NULL DEFAULT false,
    active boolean NOT NULL DEFAULT true,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, subject),
    FOREIGN KEY (tenant, organisation_code) REFERENCES organisations (tenant, code)
);
SELECT spread('people');
CREATE INDEX people_organisation ON people (tenant, organisation_code) WHERE organisation_code IS NOT NULL;
CREATE INDEX people_roles ON people USING gin (roles);
COMMENT ON TABLE people IS 'Everybody who may call: what the sub of a token may do';
COMMENT ON COLUMN people.tenant IS 'Street';
COMMENT ON COLUMN people.id IS 'UUIDv7';
COMMENT ON COLUMN people.subject IS 'The token''s sub';
COMMENT ON COLUMN people.name IS 'Full name; masked by role in replies';
COMMENT ON COLUMN people.phone IS 'Phone; masked by role in replies';
COMMENT ON COLUMN people.roles IS 'What the person may be; a token only narrows it';
COMMENT ON COLUMN people.organisation_code IS 'Employer or unit';
COMMENT ON COLUMN people.areas IS 'Areas a community person answers for; empty: those of the organisation';
COMMENT ON COLUMN people.posts IS 'Posts a leader holds';
COMMENT ON COLUMN people.head IS 'Head of the unit: gets the 100 % reminders';
COMMENT ON COLUMN people.active IS 'False: refused as subject_inactive';
COMMENT ON COLUMN people.version IS 'Counts changes';
COMMENT ON COLUMN people.created_at IS 'When the row was made';

CREATE TABLE grid_assignments (
    tenant text NOT NULL REFERENCES tenants,
    id uuid NOT NULL,
    grid_code text NOT NULL,
    person_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('full_time', 'part_time', 'party_lead')),
    valid_from date NOT NULL,
    valid_to date,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, grid_code) REFERENCES areas (tenant, code),
    FOREIGN KEY (tenant, person_id) REFERENCES people (tenant, id),
    CHECK (valid_to > valid_from),
    CONSTRAINT one_full_time_holder EXCLUDE USING gist
        (tenant WITH =, grid_code WITH =, daterange(valid_from, valid_to, '[)') WITH &&) WHERE (kind = 'full_time'),
    CONSTRAINT no_overlap_of_one_person EXCLUDE USING gist
        (tenant WITH =, grid_code WITH =, person_id WITH =, daterange(valid_from, valid_to, '[)') WITH &&)
);
SELECT spread('grid_assignments');
CREATE INDEX grid_assignments_person ON grid_assignments (tenant, person_id);
COMMENT ON TABLE grid_assignments IS 'Who holds which grid from when to when; one full-time holder at a time';
COMMENT ON COLUMN grid_assignments.tenant IS 'Street';
COMMENT ON COLUMN grid_assignments.id IS 'UUIDv7';
COMMENT ON COLUMN grid_assignments.grid_code IS 'Grid';
COMMENT ON COLUMN grid_assignments.person_id IS 'Grid worker';
COMMENT ON COLUMN grid_assignments.kind IS 'full_time, part_time or party_lead';
COMMENT ON COLUMN grid_assignments.valid_from IS 'First local day';
COMMENT ON COLUMN grid_assignments.valid_to IS 'Local day after the last; NULL: still held';

CREATE TABLE places (
    tenant text NOT NULL REFERENCES tenants,
    id uuid NOT NULL,
    grid_code text NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    address text,
    location public.geometry(Point, 4326),
    capacity integer CHECK (capacity >= 0),
    contact_name text,
    contact_phone text,
    active_from date NOT NULL DEFAULT '2000-01-01',
    active_to date,
    version bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, grid_code) REFERENCES areas (tenant, code)
);
SELECT spread('places');
CREATE INDEX places_grid ON places (tenant, grid_code);
CREATE INDEX places_location ON places USING gist (location);
COMMENT ON TABLE places IS 'Shops, halls, sites of a grid';
COMMENT ON COLUMN places.tenant IS 'Street';
COMMENT ON COLUMN places.id IS 'UUIDv7';
COMMENT ON COLUMN places.grid_code IS 'Grid it lies in';
COMMENT ON COLUMN places.kind IS 'Shop, canteen, workshop, …';
COMMENT ON COLUMN places.name IS 'Name on the door';
COMMENT ON COLUMN places.address IS 'Postal address';
COMMENT ON COLUMN places.location IS 'Point, WGS 84';
COMMENT ON COLUMN places.capacity IS 'How many people it holds; NULL: unknown';
COMMENT ON COLUMN places.contact_name IS 'Who answers for it; masked by role';
COMMENT ON COLUMN places.contact_phone IS 'Phone of that person; masked by role';
COMMENT ON COLUMN places.active_from IS 'First local day';
COMMENT ON COLUMN places.active_to IS 'Local day after the last; NULL: still there';
COMMENT ON COLUMN places.version IS 'Counts changes';

CREATE TABLE categories (
    tenant text NOT NULL REFERENCES tenants,
    code text NOT NULL CHECK (code ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$'),
    class text NOT NULL,
    name text NOT NULL,
    name_en text,
    lead_organisation text NOT NULL,
    on_scene boolean NOT NULL,
    photo_required boolean NOT NULL DEFAULT false,
    default_level text NOT NULL CHECK (default_level IN ('ordinary', 'complex', 'major')),
    joint_method text,
    questions jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(questions) = 'array'),
    ordinal integer NOT NULL DEFAULT 0,
    active boolean NOT NULL DEFAULT true,
    version bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant, code),
    FOREIGN KEY (tenant, lead_organisation) REFERENCES organisations (tenant, code)
);
SELECT spread('categories');
COMMENT ON TABLE categories IS 'What a case may be about, and what follows from it';
COMMENT ON COLUMN categories.tenant IS 'Street';
COMMENT ON COLUMN categories.code IS 'Natural key, as in the API';
COMMENT ON COLUMN categories.class IS 'Group of the catalogue: city appearance, public facilities, …';
COMMENT ON COLUMN categories.name IS 'Chinese name';
COMMENT ON COLUMN categories.name_en IS 'English name; NULL: the Chinese one';
COMMENT ON COLUMN categories.lead_organisation IS 'Department that leads when it is whistled';
COMMENT ON COLUMN categories.on_scene IS 'Somebody must come: an arrive clock runs';
COMMENT ON COLUMN categories.photo_required IS 'A result needs a photo';
COMMENT ON COLUMN categories.default_level IS 'Level proposed at intake';
COMMENT ON COLUMN categories.joint_method IS 'One of the ten joint methods, if any';
COMMENT ON COLUMN categories.questions IS 'Its own questions: [{code, zh, en, type, required, values?}]';
COMMENT ON COLUMN categories.ordinal IS 'Place in the catalogue';
COMMENT ON COLUMN categories.active IS 'False: retired, takes nothing new';
COMMENT ON COLUMN categories.version IS 'Counts changes';

CREATE TABLE dictionary_entries (
    dictionary text NOT NULL,
    code text NOT NULL,
    ordinal integer NOT NULL,
    zh text NOT NULL,
    en text NOT NULL,
    active boolean NOT NULL DEFAULT true,
    PRIMARY KEY (dictionary, code)
);
SELECT copy_everywhere('dictionary_entries');
COMMENT ON TABLE dictionary_entries IS 'Every enum of the API and every list of terms, with its labels; the same for all streets';
COMMENT ON COLUMN dictionary_entries.dictionary IS 'Which list';
COMMENT ON COLUMN dictionary_entries.code IS 'Value in the API';
COMMENT ON COLUMN dictionary_entries.ordinal IS 'Order of display';
COMMENT ON COLUMN dictionary_entries.zh IS 'Chinese label';
COMMENT ON COLUMN dictionary_entries.en IS 'English label';
COMMENT ON COLUMN dictionary_entries.active IS 'False: no longer offered';

CREATE TABLE attachments (
    tenant text NOT NULL REFERENCES tenants,
    id uuid NOT NULL,
    content_type text NOT NULL CHECK (content_type IN ('image/jpeg', 'image/png', 'image/webp')),
    size bigint NOT NULL CHECK (size > 0),
    sha256 text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    width integer,
    height integer,
    created_by uuid NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, created_by) REFERENCES people (tenant, id)
);
SELECT spread('attachments');
CREATE INDEX attachments_creator ON attachments (tenant, created_by, created_at);
COMMENT ON TABLE attachments IS 'Uploaded pictures; the bytes lie in a folder under tenant and id';
COMMENT ON COLUMN attachments.tenant IS 'Street';
COMMENT ON COLUMN attachments.id IS 'UUIDv7';
COMMENT ON COLUMN attachments.content_type IS 'By content, not by what the client said';
COMMENT ON COLUMN attachments.size IS 'Bytes';
COMMENT ON COLUMN attachments.sha256 IS 'Of the bytes, hex';
COMMENT ON COLUMN attachments.width IS 'Pixels';
COMMENT ON COLUMN attachments.height IS 'Pixels';
COMMENT ON COLUMN attachments.created_by IS 'Who uploaded it';
COMMENT ON COLUMN attachments.created_at IS 'When';

-- Machinery of every write

CREATE TABLE idempotency_keys (
    tenant text NOT NULL,
    subject text NOT NULL,
    operation text NOT NULL,
    key text NOT NULL,
    fingerprint text NOT NULL,
    object_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, subject, operation, key)
);
SELECT spread('idempotency_keys');
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);
COMMENT ON TABLE idempotency_keys IS 'What came of a request under an Idempotency-Key, written in the transaction of its effect; swept after 48 h';
COMMENT ON COLUMN idempotency_keys.tenant IS 'Street';
COMMENT ON COLUMN idempotency_keys.subject IS 'The token''s sub';
COMMENT ON COLUMN idempotency_keys.operation IS 'operationId';
COMMENT ON COLUMN idempotency_keys.key IS 'As sent, without quotes';
COMMENT ON COLUMN idempotency_keys.fingerprint IS 'SHA-256 of method, path, If-Match and body';
COMMENT ON COLUMN idempotency_keys.object_id IS 'The object that a replay answers, as it is by then';
COMMENT ON COLUMN idempotency_keys.created_at IS 'When, by the server''s clock';

CREATE TABLE outbox (
    tenant text NOT NULL,
    id bigserial NOT NULL,
    position bigint,
    case_id uuid NOT NULL,
    event_seq integer NOT NULL,
    ticket_id uuid,
    organisations text[] NOT NULL DEFAULT '{}',
    grid text,
    at timestamptz NOT NULL,
    PRIMARY KEY (tenant, id)
);
SELECT spread('outbox');
CREATE INDEX outbox_waiting ON outbox (tenant, id) WHERE position IS NULL;
CREATE INDEX outbox_position ON outbox (tenant, position) WHERE position IS NOT NULL;
CREATE INDEX outbox_at ON outbox (tenant, at);
COMMENT ON TABLE outbox IS 'One row for each event; the drainer gives committed rows their place in the feed. A sequence is not commit order';
COMMENT ON COLUMN outbox.tenant IS 'Street';
COMMENT ON COLUMN outbox.id IS 'Order of insertion, with gaps and not of commit: never shown';
COMMENT ON COLUMN outbox.position IS 'Dense place in the tenant''s feed; NULL until drained';
COMMENT ON COLUMN outbox.case_id IS 'Case of the event';
COMMENT ON COLUMN outbox.event_seq IS 'Its number within the case';
COMMENT ON COLUMN outbox.ticket_id IS 'Ticket of the event, if any';
COMMENT ON COLUMN outbox.organisations IS 'Whose waiters are woken';
COMMENT ON COLUMN outbox.grid IS 'Likewise, by grid';
COMMENT ON COLUMN outbox.at IS 'The event''s time: updated_after finds its first position by it';

CREATE TABLE feed_positions (
    tenant text PRIMARY KEY,
    last_position bigint NOT NULL CHECK (last_position >= 0)
);
SELECT spread('feed_positions');
COMMENT ON TABLE feed_positions IS 'Last position given in each street''s feed';
COMMENT ON COLUMN feed_positions.tenant IS 'Street';
COMMENT ON COLUMN feed_positions.last_position IS 'A cursor beyond it comes from a lost world: cursor_reset';

CREATE TABLE job_leases (
    name text PRIMARY KEY,
    holder text NOT NULL,
    epoch bigint NOT NULL,
    until timestamptz NOT NULL
);
SELECT copy_everywhere('job_leases');
COMMENT ON TABLE job_leases IS 'Background jobs have one holder in the fleet; every write of a job names its epoch';
COMMENT ON COLUMN job_leases.name IS 'Job';
COMMENT ON COLUMN job_leases.holder IS 'Instance';
COMMENT ON COLUMN job_leases.epoch IS 'Counts holders: a late one is told by its number';
COMMENT ON COLUMN job_leases.until IS 'After that another may take it';

CREATE TABLE secrets (
    name text PRIMARY KEY,
    value bytea NOT NULL
);
SELECT copy_everywhere('secrets');
COMMENT ON TABLE secrets IS 'Keys that all instances share and nobody outside knows';
COMMENT ON COLUMN secrets.name IS 'Which';
COMMENT ON COLUMN secrets.value IS 'Bytes';

-- Each of the two UUIDs carries 122 random bits of the server's strong source; no extension is needed for that.
INSERT INTO secrets (name, value)
VALUES ('cursor', sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())));
