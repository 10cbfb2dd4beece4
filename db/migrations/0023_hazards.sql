-- 三色隐患台账: hazards found in places, their nodes, pictures and history; whose places are whose.

-- A property company sees the hazards of its estates and of the places that it runs.
ALTER TABLE places
    ADD COLUMN estate_code text,
    ADD COLUMN organisation_code text,
    ADD FOREIGN KEY (tenant, estate_code) REFERENCES areas (tenant, code),
    ADD FOREIGN KEY (tenant, organisation_code) REFERENCES organisations (tenant, code);
COMMENT ON COLUMN places.estate_code IS 'Estate or building it lies in; NULL: in none';
COMMENT ON COLUMN places.organisation_code IS 'Organisation that runs it: a merchant, a property company; NULL: unknown';

CREATE TABLE hazards (
    tenant text NOT NULL,
    id uuid NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    state text NOT NULL CHECK (state IN ('open', 'rectifying', 'submitted', 'verified', 'referred', 'voided')),
    colour text NOT NULL CHECK (colour IN ('blue', 'orange', 'red')),
    same_day_fixable boolean NOT NULL CHECK (same_day_fixable = (colour = 'blue')),
    capacity integer CHECK (capacity >= 0),
    capacity_unknown boolean NOT NULL DEFAULT false,
    category text NOT NULL,
    description text NOT NULL,
    place_id uuid NOT NULL,
    area text NOT NULL,
    community text NOT NULL,
    found_at timestamptz NOT NULL,
    found_by uuid NOT NULL,
    found_role text NOT NULL,
    found_org text,
    responsible_name text,
    responsible_phone text,
    responsible_org text,
    due_at timestamptz CHECK (due_at IS NOT NULL OR colour <> 'blue'),
    workers uuid[] NOT NULL DEFAULT '{}',
    started_at timestamptz,
    started_by uuid,
    rectified_at timestamptz,
    submitted_by uuid,
    result text,
    verified_at timestamptz,
    verified_by uuid,
    sole_person boolean NOT NULL DEFAULT false,
    rework_count integer NOT NULL DEFAULT 0,
    case_id uuid,
    policy_version integer NOT NULL,
    requests_pending integer NOT NULL DEFAULT 0,
    event_seq integer NOT NULL,
    clock_next_at timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, place_id) REFERENCES places (tenant, id),
    FOREIGN KEY (tenant, category) REFERENCES categories (tenant, code),
    FOREIGN KEY (tenant, found_by) REFERENCES people (tenant, id),
    FOREIGN KEY (tenant, case_id) REFERENCES cases (tenant, id)
);
SELECT spread('hazards');
CREATE INDEX hazards_found ON hazards (tenant, found_at, id);
CREATE INDEX hazards_place ON hazards (tenant, place_id, found_at, id);
CREATE INDEX hazards_area ON hazards (tenant, area, found_at, id);
CREATE INDEX hazards_community ON hazards (tenant, community, found_at, id);
CREATE INDEX hazards_unended ON hazards (tenant, state, found_at, id) WHERE state NOT IN ('verified', 'voided');
CREATE INDEX hazards_finder ON hazards (tenant, found_by, found_at, id);
CREATE INDEX hazards_workers ON hazards USING gin (workers);
CREATE INDEX hazards_case ON hazards (tenant, case_id) WHERE case_id IS NOT NULL;
CREATE INDEX hazards_clock ON hazards (tenant, clock_next_at) WHERE clock_next_at IS NOT NULL;
COMMENT ON TABLE hazards IS '三色隐患: what may go wrong in a place, its colour, and what becomes of it';
COMMENT ON COLUMN hazards.tenant IS 'Street';
COMMENT ON COLUMN hazards.id IS 'UUIDv7';
COMMENT ON COLUMN hazards.version IS 'What If-Match is compared with';
COMMENT ON COLUMN hazards.state IS 'Dictionary hazard_state';
COMMENT ON COLUMN hazards.colour IS 'Derived: blue when it can be fixed the same day, else red or orange by the capacity of its place';
COMMENT ON COLUMN hazards.same_day_fixable IS 'Declared when it was found; false from the midnight on at which it was not fixed';
COMMENT ON COLUMN hazards.capacity IS 'Of the place, when the colour was last computed; NULL: unknown';
COMMENT ON COLUMN hazards.capacity_unknown IS 'Red because nobody knows the capacity';
COMMENT ON COLUMN hazards.category IS 'Category, as of a case: it is also that of the case it may be referred as';
COMMENT ON COLUMN hazards.description IS 'What is wrong';
COMMENT ON COLUMN hazards.place_id IS 'Where';
COMMENT ON COLUMN hazards.area IS 'Grid of the place when it was found';
COMMENT ON COLUMN hazards.community IS 'Community of that grid';
COMMENT ON COLUMN hazards.found_at IS 'When it was found: its local day is the day on which a blue one is to be fixed';
COMMENT ON COLUMN hazards.found_by IS 'Who found it';
COMMENT ON COLUMN hazards.found_role IS 'In which role';
COMMENT ON COLUMN hazards.found_org IS 'For which organisation';
COMMENT ON COLUMN hazards.responsible_name IS 'Who of the place answers for it; masked by role';
COMMENT ON COLUMN hazards.responsible_phone IS 'Phone of that person; masked by role';
COMMENT ON COLUMN hazards.responsible_org IS 'Organisation that supervises the rectification';
COMMENT ON COLUMN hazards.due_at IS 'To be fixed by then: blue 24:00 of the day, else its last node; NULL: no node yet';
COMMENT ON COLUMN hazards.workers IS 'Everybody who started or submitted it, or worked on its case: they do not verify it';
COMMENT ON COLUMN hazards.started_at IS 'When rectification began; NULL: not yet';
COMMENT ON COLUMN hazards.started_by IS 'By whom';
COMMENT ON COLUMN hazards.rectified_at IS 'When it was submitted as fixed; NULL again after a fail';
COMMENT ON COLUMN hazards.submitted_by IS 'By whom; NULL when the end of its case did';
COMMENT ON COLUMN hazards.result IS 'What was done';
COMMENT ON COLUMN hazards.verified_at IS 'When it was found fixed';
COMMENT ON COLUMN hazards.verified_by IS 'By whom';
COMMENT ON COLUMN hazards.sole_person IS 'Verified by one who worked on it or by a leader, nobody else being there';
COMMENT ON COLUMN hazards.rework_count IS 'Failed verifications';
COMMENT ON COLUMN hazards.case_id IS 'The case it was last referred as, or what that was merged into';
COMMENT ON COLUMN hazards.policy_version IS 'Policy it was born under; 0: the defaults';
COMMENT ON COLUMN hazards.requests_pending IS 'Derived: requests about it that wait for a decision';
COMMENT ON COLUMN hazards.event_seq IS 'Derived: number of its latest event';
COMMENT ON COLUMN hazards.clock_next_at IS 'Derived: when the clock job has to look at it: the midnight of a blue one';
COMMENT ON COLUMN hazards.created_at IS 'When it was written down';
COMMENT ON COLUMN hazards.updated_at IS 'Time of its latest event';

CREATE TABLE hazard_nodes (
    tenant text NOT NULL,
    hazard_id uuid NOT NULL,
    node_id uuid NOT NULL,
    title text NOT NULL,
    due_at timestamptz NOT NULL,
    planned_at timestamptz NOT NULL,
    planned_by uuid,
    done_at timestamptz,
    done_by uuid,
    note text,
    superseded_at timestamptz,
    PRIMARY KEY (tenant, hazard_id, node_id),
    FOREIGN KEY (tenant, hazard_id) REFERENCES hazards (tenant, id)
);
SELECT spread('hazard_nodes');
COMMENT ON TABLE hazard_nodes IS '时间节点 of a rectification; a new plan supersedes what was not done of the old one';
COMMENT ON COLUMN hazard_nodes.tenant IS 'Street';
COMMENT ON COLUMN hazard_nodes.hazard_id IS 'Hazard';
COMMENT ON COLUMN hazard_nodes.node_id IS 'UUIDv7';
COMMENT ON COLUMN hazard_nodes.title IS 'What is to be done';
COMMENT ON COLUMN hazard_nodes.due_at IS 'By when';
COMMENT ON COLUMN hazard_nodes.planned_at IS 'When it was planned';
COMMENT ON COLUMN hazard_nodes.planned_by IS 'By whom; NULL: by the recolouring at midnight';
COMMENT ON COLUMN hazard_nodes.done_at IS 'When it was done; NULL: not yet';
COMMENT ON COLUMN hazard_nodes.done_by IS 'By whom';
COMMENT ON COLUMN hazard_nodes.note IS 'What was done';
COMMENT ON COLUMN hazard_nodes.superseded_at IS 'When another plan took its place; NULL: it counts';

CREATE TABLE hazard_attachments (
    tenant text NOT NULL,
    hazard_id uuid NOT NULL,
    attachment_id uuid NOT NULL,
    stage text NOT NULL CHECK (stage IN ('before', 'after', 'node')),
    node_id uuid CHECK ((node_id IS NOT NULL) = (stage = 'node')),
    event_seq integer NOT NULL,
    PRIMARY KEY (tenant, hazard_id, attachment_id),
    UNIQUE (tenant, attachment_id),
    FOREIGN KEY (tenant, hazard_id) REFERENCES hazards (tenant, id),
    FOREIGN KEY (tenant, attachment_id) REFERENCES attachments (tenant, id)
);
SELECT spread('hazard_attachments');
COMMENT ON TABLE hazard_attachments IS 'Pictures of a hazard';
COMMENT ON COLUMN hazard_attachments.tenant IS 'Street';
COMMENT ON COLUMN hazard_attachments.hazard_id IS 'Hazard';
COMMENT ON COLUMN hazard_attachments.attachment_id IS 'Picture; hangs on one thing only';
COMMENT ON COLUMN hazard_attachments.stage IS 'before, after, or evidence of a node';
COMMENT ON COLUMN hazard_attachments.node_id IS 'Node that it is evidence of';
COMMENT ON COLUMN hazard_attachments.event_seq IS 'Event that brought it';

CREATE TABLE hazard_events (
    tenant text NOT NULL,
    hazard_id uuid NOT NULL,
    seq integer NOT NULL,
    id uuid NOT NULL,
    action text NOT NULL,
    from_state text,
    to_state text NOT NULL,
    colour text NOT NULL,
    at timestamptz NOT NULL,
    person_id uuid,
    role text NOT NULL,
    organisation text,
    request_id uuid,
    note text,
    data jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (tenant, hazard_id, seq),
    FOREIGN KEY (tenant, hazard_id) REFERENCES hazards (tenant, id)
);
SELECT spread('hazard_events');
COMMENT ON TABLE hazard_events IS 'History of a hazard; a row is never changed';
COMMENT ON COLUMN hazard_events.tenant IS 'Street';
COMMENT ON COLUMN hazard_events.hazard_id IS 'Hazard';
COMMENT ON COLUMN hazard_events.seq IS 'Counts from 1 without gaps';
COMMENT ON COLUMN hazard_events.id IS 'UUIDv7';
COMMENT ON COLUMN hazard_events.action IS 'A row of hazard_transitions';
COMMENT ON COLUMN hazard_events.from_state IS 'State before; NULL at the beginning';
COMMENT ON COLUMN hazard_events.to_state IS 'State after';
COMMENT ON COLUMN hazard_events.colour IS 'Colour after';
COMMENT ON COLUMN hazard_events.at IS 'When';
COMMENT ON COLUMN hazard_events.person_id IS 'Who; NULL for the system';
COMMENT ON COLUMN hazard_events.role IS 'In which role';
COMMENT ON COLUMN hazard_events.organisation IS 'For which organisation';
COMMENT ON COLUMN hazard_events.request_id IS 'The request it asked, decided or came from';
COMMENT ON COLUMN hazard_events.note IS 'Words of the person';
COMMENT ON COLUMN hazard_events.data IS 'What else the action carried';

CREATE TABLE hazard_deadline_changes (
    tenant text NOT NULL,
    hazard_id uuid NOT NULL,
    id uuid NOT NULL,
    old_due timestamptz,
    new_due timestamptz NOT NULL,
    cause text NOT NULL,
    changed_at timestamptz NOT NULL,
    person_id uuid,
    role text NOT NULL,
    PRIMARY KEY (tenant, hazard_id, id),
    FOREIGN KEY (tenant, hazard_id) REFERENCES hazards (tenant, id)
);
SELECT spread('hazard_deadline_changes');
COMMENT ON TABLE hazard_deadline_changes IS 'Each change of a hazard''s due time: nothing else moves it';
COMMENT ON COLUMN hazard_deadline_changes.tenant IS 'Street';
COMMENT ON COLUMN hazard_deadline_changes.hazard_id IS 'Hazard';
COMMENT ON COLUMN hazard_deadline_changes.id IS 'UUIDv7';
COMMENT ON COLUMN hazard_deadline_changes.old_due IS 'Before; NULL: there was none';
COMMENT ON COLUMN hazard_deadline_changes.new_due IS 'After';
COMMENT ON COLUMN hazard_deadline_changes.cause IS 'The action that moved it: plan, recolour or extend';
COMMENT ON COLUMN hazard_deadline_changes.changed_at IS 'When';
COMMENT ON COLUMN hazard_deadline_changes.person_id IS 'Who; NULL for the system';
COMMENT ON COLUMN hazard_deadline_changes.role IS 'In which role';

-- The second line behind the machine: at most one pending of a kind per hazard.
CREATE UNIQUE INDEX requests_pending_hazard ON requests (tenant, hazard_id, kind)
    WHERE state = 'pending' AND hazard_id IS NOT NULL;
CREATE INDEX requests_hazard ON requests (tenant, hazard_id, asked_at, id) WHERE hazard_id IS NOT NULL;

INSERT INTO dictionary_entries (dictionary, code, ordinal, zh, en) VALUES
    ('hazard_state', 'open', 10, '待整改', 'Open'),
    ('hazard_state', 'rectifying', 20, '整改中', 'Being rectified'),
    ('hazard_state', 'submitted', 30, '待复核', 'Submitted'),
    ('hazard_state', 'verified', 40, '已销号', 'Verified'),
    ('hazard_state', 'referred', 50, '已转案件', 'Referred as a case'),
    ('hazard_state', 'voided', 60, '已作废', 'Voided'),
    ('hazard_colour', 'red', 10, '红色', 'Red'),
    ('hazard_colour', 'orange', 20, '橙色', 'Orange'),
    ('hazard_colour', 'blue', 30, '蓝色', 'Blue'),
    ('hazard_stage', 'before', 10, '整改前', 'Before'),
    ('hazard_stage', 'after', 20, '整改后', 'After'),
    ('hazard_stage', 'node', 30, '节点', 'Node'),
    ('hazard_action', 'create', 10, '登记', 'Found'),
    ('hazard_action', 'plan', 20, '制定节点', 'Plan nodes'),
    ('hazard_action', 'node_done', 30, '完成节点', 'Node done'),
    ('hazard_action', 'start', 40, '开始整改', 'Start'),
    ('hazard_action', 'submit', 50, '提交复核', 'Submit'),
    ('hazard_action', 'pass', 60, '复核通过', 'Pass'),
    ('hazard_action', 'fail', 70, '复核不通过', 'Fail'),
    ('hazard_action', 'refer', 80, '转为案件', 'Refer'),
    ('hazard_action', 'case_closed', 90, '案件办结', 'Case closed'),
    ('hazard_action', 'case_dropped', 100, '案件未办', 'Case rejected or voided'),
    ('hazard_action', 'case_merged', 110, '案件并案', 'Case merged'),
    ('hazard_action', 'case_reopened', 120, '案件重办', 'Case reopened'),
    ('hazard_action', 'recolour', 130, '变更颜色', 'Recolour'),
    ('hazard_action', 'request', 140, '申请', 'Ask'),
    ('hazard_action', 'approve', 150, '同意', 'Approve'),
    ('hazard_action', 'decline', 160, '不同意', 'Decline'),
    ('hazard_action', 'withdraw', 170, '撤回', 'Withdraw'),
    ('hazard_action', 'expire', 180, '失效', 'Expire'),
    ('hazard_action', 'extend', 190, '延期', 'Extend'),
    ('hazard_action', 'void', 200, '作废', 'Void');

ALTER TABLE admin_events
    DROP CONSTRAINT admin_events_object_kind_check,
    ADD CONSTRAINT admin_events_object_kind_check CHECK (object_kind IN ('organisation', 'area', 'category', 'policy',
        'calendar_day', 'dictionary_entry', 'person', 'assignment', 'client', 'place'));
COMMENT ON COLUMN admin_events.note IS 'Why it was retired, or changed';
INSERT INTO dictionary_entries (dictionary, code, ordinal, zh, en) VALUES ('admin_object', 'place', 100, '场所', 'Place');
