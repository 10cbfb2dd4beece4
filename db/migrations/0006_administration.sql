-- Administration: what a street changes about itself, versioned, and who changed what.

-- A day that was entered by mistake goes by the week again; nothing is deleted.
ALTER TABLE calendar_days
    ADD COLUMN active boolean NOT NULL DEFAULT true,
    ADD COLUMN version bigint NOT NULL DEFAULT 1;
COMMENT ON COLUMN calendar_days.active IS 'False: retired, the day goes by the week again';
COMMENT ON COLUMN calendar_days.version IS 'Counts changes';

-- An assignment taken back before it began holds no day at all: from and to are the same, and overlap nothing.
ALTER TABLE grid_assignments
    DROP CONSTRAINT grid_assignments_check,
    ADD CONSTRAINT grid_assignments_check CHECK (valid_to >= valid_from),
    ADD COLUMN version bigint NOT NULL DEFAULT 1;
COMMENT ON COLUMN grid_assignments.version IS 'Counts changes';

ALTER TABLE policies
    ADD COLUMN created_at timestamptz NOT NULL DEFAULT clock_timestamp();
COMMENT ON COLUMN policies.created_at IS 'When the row was made';

CREATE TABLE tenant_entries (
    tenant text NOT NULL REFERENCES tenants,
    dictionary text NOT NULL CHECK (dictionary IN ('category_class', 'joint_method', 'tag', 'work_plan_term')),
    code text NOT NULL CHECK (code ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$'),
    ordinal integer NOT NULL,
    zh text NOT NULL,
    en text NOT NULL,
    active boolean NOT NULL DEFAULT true,
    version bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant, dictionary, code)
);
SELECT spread('tenant_entries');
COMMENT ON TABLE tenant_entries IS 'A street''s own terms, and its own labels for those that all streets have; enums of the API are nobody''s own';
COMMENT ON COLUMN tenant_entries.tenant IS 'Street';
COMMENT ON COLUMN tenant_entries.dictionary IS 'Which list';
COMMENT ON COLUMN tenant_entries.code IS 'Value in the API';
COMMENT ON COLUMN tenant_entries.ordinal IS 'Order of display';
COMMENT ON COLUMN tenant_entries.zh IS 'Chinese label';
COMMENT ON COLUMN tenant_entries.en IS 'English label';
COMMENT ON COLUMN tenant_entries.active IS 'False: no longer offered in this street, not even when all streets have it';
COMMENT ON COLUMN tenant_entries.version IS 'Counts changes';

CREATE TABLE admin_events (
    tenant text NOT NULL REFERENCES tenants,
    id uuid NOT NULL,
    at timestamptz NOT NULL,
    person_id uuid NOT NULL,
    action text NOT NULL CHECK (action IN ('create', 'edit', 'retire')),
    object_kind text NOT NULL CHECK (object_kind IN ('organisation', 'area', 'category', 'policy', 'calendar_day',
        'dictionary_entry', 'person', 'assignment')),
    object_key text NOT NULL,
    before jsonb CHECK ((before IS NULL) = (action = 'create')),
    after jsonb NOT NULL,
    note text,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, person_id) REFERENCES people (tenant, id)
);
SELECT spread('admin_events');
CREATE INDEX admin_events_object ON admin_events (tenant, object_kind, object_key, id);
COMMENT ON TABLE admin_events IS 'What administrators changed; a row is never changed';
COMMENT ON COLUMN admin_events.tenant IS 'Street';
COMMENT ON COLUMN admin_events.id IS 'UUIDv7; what an Idempotency-Key remembers';
COMMENT ON COLUMN admin_events.at IS 'When';
COMMENT ON COLUMN admin_events.person_id IS 'Who';
COMMENT ON COLUMN admin_events.action IS 'create, edit or retire';
COMMENT ON COLUMN admin_events.object_kind IS 'Kind of the object';
COMMENT ON COLUMN admin_events.object_key IS 'Its code, id, version or day';
COMMENT ON COLUMN admin_events.before IS 'The object as it was; NULL: it is new';
COMMENT ON COLUMN admin_events.after IS 'The object as it is since';
COMMENT ON COLUMN admin_events.note IS 'Why it was retired';

INSERT INTO dictionary_entries (dictionary, code, ordinal, zh, en) VALUES
    ('assignment_kind', 'full_time', 10, '专职网格员', 'Full time'),
    ('assignment_kind', 'part_time', 20, '兼职网格员', 'Part time'),
    ('assignment_kind', 'party_lead', 30, '网格党组织负责人', 'Lead of the grid''s party group'),
    ('day_kind', 'workday', 10, '工作日', 'Workday'),
    ('day_kind', 'holiday', 20, '节假日', 'Holiday'),
    ('admin_action', 'create', 10, '新增', 'Create'),
    ('admin_action', 'edit', 20, '修改', 'Change'),
    ('admin_action', 'retire', 30, '停用', 'Retire'),
    ('admin_object', 'organisation', 10, '组织', 'Organisation'),
    ('admin_object', 'area', 20, '区域', 'Area'),
    ('admin_object', 'category', 30, '事项类别', 'Category'),
    ('admin_object', 'policy', 40, '时限规则', 'Policy'),
    ('admin_object', 'calendar_day', 50, '日历', 'Calendar day'),
    ('admin_object', 'dictionary_entry', 60, '字典条目', 'Dictionary entry'),
    ('admin_object', 'person', 70, '人员', 'Person'),
    ('admin_object', 'assignment', 80, '网格任职', 'Grid assignment');
