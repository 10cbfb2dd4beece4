-- Early warnings and who read them, what somebody has to answer for to its end, and complaints about handling.

CREATE TABLE early_warnings (
    tenant text NOT NULL REFERENCES tenants,
    id uuid NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    kind text NOT NULL CHECK (kind IN ('group_incident', 'collective_petition', 'personal_extreme')),
    state text NOT NULL CHECK (state IN ('found', 'assessed', 'resolved')),
    description text NOT NULL,
    level text CHECK (level IN ('ordinary', 'complex', 'major')),
    people_estimate integer CHECK (people_estimate >= 0),
    departments text[] NOT NULL DEFAULT '{}',
    measures text,
    outcome text,
    signs_at timestamptz CHECK (signs_at <= found_at),
    found_at timestamptz NOT NULL,
    assessed_at timestamptz,
    resolved_at timestamptz,
    created_by uuid NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, created_by) REFERENCES people (tenant, id)
);
SELECT spread('early_warnings');
CREATE INDEX early_warnings_found ON early_warnings (tenant, found_at, id);
CREATE INDEX early_warnings_departments ON early_warnings USING gin (departments);
COMMENT ON TABLE early_warnings IS '苗头隐患: what may become a mass incident, a collective petition or an extreme act; restricted';
COMMENT ON COLUMN early_warnings.tenant IS 'Street';
COMMENT ON COLUMN early_warnings.id IS 'UUIDv7';
COMMENT ON COLUMN early_warnings.version IS 'Counts changes';
COMMENT ON COLUMN early_warnings.kind IS 'Dictionary early_warning_kind';
COMMENT ON COLUMN early_warnings.state IS 'Dictionary early_warning_state';
COMMENT ON COLUMN early_warnings.description IS 'What was seen or heard';
COMMENT ON COLUMN early_warnings.level IS 'As assessed; NULL until then';
COMMENT ON COLUMN early_warnings.people_estimate IS 'How many people it concerns';
COMMENT ON COLUMN early_warnings.departments IS 'Codes of the organisations named: their people see it';
COMMENT ON COLUMN early_warnings.measures IS 'What is done about it';
COMMENT ON COLUMN early_warnings.outcome IS 'How it was resolved';
COMMENT ON COLUMN early_warnings.signs_at IS 'When the first signs appeared; NULL: when the earliest linked case came in';
COMMENT ON COLUMN early_warnings.found_at IS '及早发现: when it was found';
COMMENT ON COLUMN early_warnings.assessed_at IS '及早研判: when it was first assessed';
COMMENT ON COLUMN early_warnings.resolved_at IS '及早化解: when it was resolved';
COMMENT ON COLUMN early_warnings.created_by IS 'Who wrote it down';
COMMENT ON COLUMN early_warnings.created_at IS 'When';
COMMENT ON COLUMN early_warnings.updated_at IS 'Last change';

CREATE TABLE early_warning_cases (
    tenant text NOT NULL,
    warning_id uuid NOT NULL,
    case_id uuid NOT NULL,
    linked_at timestamptz NOT NULL,
    linked_by uuid NOT NULL,
    unlinked_at timestamptz,
    PRIMARY KEY (tenant, warning_id, case_id),
    FOREIGN KEY (tenant, warning_id) REFERENCES early_warnings (tenant, id),
    FOREIGN KEY (tenant, case_id) REFERENCES cases (tenant, id)
);
SELECT spread('early_warning_cases');
CREATE INDEX early_warning_cases_case ON early_warning_cases (tenant, case_id) WHERE unlinked_at IS NULL;
COMMENT ON TABLE early_warning_cases IS 'Cases that a warning rests on or led to; the case itself knows nothing of it';
COMMENT ON COLUMN early_warning_cases.tenant IS 'Street';
COMMENT ON COLUMN early_warning_cases.warning_id IS 'Warning';
COMMENT ON COLUMN early_warning_cases.case_id IS 'Case';
COMMENT ON COLUMN early_warning_cases.linked_at IS 'When it was linked, the last time';
COMMENT ON COLUMN early_warning_cases.linked_by IS 'By whom';
COMMENT ON COLUMN early_warning_cases.unlinked_at IS 'When the link was taken off; NULL: it stands';

CREATE TABLE early_warning_events (
    tenant text NOT NULL,
    warning_id uuid NOT NULL,
    seq bigint NOT NULL,
    action text NOT NULL,
    at timestamptz NOT NULL,
    person_id uuid NOT NULL,
    role text NOT NULL,
    data jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (tenant, warning_id, seq),
    FOREIGN KEY (tenant, warning_id) REFERENCES early_warnings (tenant, id),
    FOREIGN KEY (tenant, person_id) REFERENCES people (tenant, id)
);
SELECT spread('early_warning_events');
COMMENT ON TABLE early_warning_events IS 'What was done with a warning; a row is never changed';
COMMENT ON COLUMN early_warning_events.tenant IS 'Street';
COMMENT ON COLUMN early_warning_events.warning_id IS 'Warning';
COMMENT ON COLUMN early_warning_events.seq IS 'The version that came of it';
COMMENT ON COLUMN early_warning_events.action IS 'Dictionary early_warning_action';
COMMENT ON COLUMN early_warning_events.at IS 'When';
COMMENT ON COLUMN early_warning_events.person_id IS 'Who';
COMMENT ON COLUMN early_warning_events.role IS 'In which role';
COMMENT ON COLUMN early_warning_events.data IS 'The body of the call';

CREATE TABLE audit_reads (
    tenant text NOT NULL REFERENCES tenants,
    id uuid NOT NULL,
    at timestamptz NOT NULL,
    person_id uuid NOT NULL,
    operation text NOT NULL,
    object_kind text NOT NULL CHECK (object_kind IN ('early_warning')),
    object_id uuid NOT NULL,
    request_id text NOT NULL,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, person_id) REFERENCES people (tenant, id)
);
SELECT spread('audit_reads');
CREATE INDEX audit_reads_at ON audit_reads (tenant, at, id);
CREATE INDEX audit_reads_object ON audit_reads (tenant, object_id, at);
COMMENT ON TABLE audit_reads IS 'Who read what of the restricted registers; a row is never changed';
COMMENT ON COLUMN audit_reads.tenant IS 'Street';
COMMENT ON COLUMN audit_reads.id IS 'UUIDv7';
COMMENT ON COLUMN audit_reads.at IS 'When';
COMMENT ON COLUMN audit_reads.person_id IS 'Who read';
COMMENT ON COLUMN audit_reads.operation IS 'By which operation';
COMMENT ON COLUMN audit_reads.object_kind IS 'What was read';
COMMENT ON COLUMN audit_reads.object_id IS 'Which';
COMMENT ON COLUMN audit_reads.request_id IS 'Id of the request, as in the log';

-- Accountability gets its course: decided, appealed once, decided again by somebody else.
ALTER TABLE accountability
    ADD COLUMN version bigint NOT NULL DEFAULT 1,
    ADD COLUMN state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'decided', 'appealed', 'final')),
    ADD COLUMN result text CHECK (result IN ('held', 'cleared')),
    ADD COLUMN note text,
    ADD COLUMN decided_by uuid,
    ADD COLUMN decided_at timestamptz,
    ADD COLUMN appeal_reason text,
    ADD COLUMN appealed_by uuid,
    ADD COLUMN appealed_at timestamptz,
    ADD COLUMN appeal_result text CHECK (appeal_result IN ('confirmed', 'overturned')),
    ADD COLUMN appeal_note text,
    ADD COLUMN appeal_decided_by uuid,
    ADD COLUMN appeal_decided_at timestamptz,
    ADD COLUMN sole_person boolean NOT NULL DEFAULT false,
    ADD CHECK ((state = 'open') = (decided_at IS NULL)),
    ADD CHECK ((state IN ('appealed', 'final')) = (appealed_at IS NOT NULL)),
    ADD CHECK ((state = 'final') = (appeal_decided_at IS NOT NULL));
CREATE INDEX accountability_person ON accountability (tenant, person_id, found_at) WHERE person_id IS NOT NULL;
CREATE INDEX accountability_organisation ON accountability (tenant, organisation, found_at) WHERE organisation IS NOT NULL;
CREATE INDEX accountability_case ON accountability (tenant, case_id);
CREATE UNIQUE INDEX accountability_breach ON accountability
    (tenant, case_id, (facts ->> 'subject'), (facts ->> 'clock'), (facts ->> 'run')) WHERE kind = 'breach';
COMMENT ON COLUMN accountability.kind IS 'Dictionary accountability_kind';
COMMENT ON COLUMN accountability.version IS 'Counts changes';
COMMENT ON COLUMN accountability.state IS 'Dictionary accountability_state';
COMMENT ON COLUMN accountability.result IS 'Dictionary accountability_result';
COMMENT ON COLUMN accountability.note IS 'Why it was decided so';
COMMENT ON COLUMN accountability.decided_by IS 'Who decided';
COMMENT ON COLUMN accountability.decided_at IS 'When: the window of the appeal runs from here';
COMMENT ON COLUMN accountability.appeal_reason IS 'What is said against the decision';
COMMENT ON COLUMN accountability.appealed_by IS 'Who appealed: the person named, or somebody of the organisation';
COMMENT ON COLUMN accountability.appealed_at IS 'When';
COMMENT ON COLUMN accountability.appeal_result IS 'Dictionary appeal_result';
COMMENT ON COLUMN accountability.appeal_note IS 'Why the appeal was decided so';
COMMENT ON COLUMN accountability.appeal_decided_by IS 'Who decided on the appeal: not who decided first';
COMMENT ON COLUMN accountability.appeal_decided_at IS 'When';
COMMENT ON COLUMN accountability.sole_person IS 'A decision was made by whom it concerns: nobody else could';

CREATE TABLE complaints (
    tenant text NOT NULL REFERENCES tenants,
    id uuid NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    case_id uuid NOT NULL,
    round integer NOT NULL,
    state text NOT NULL CHECK (state IN ('open', 'upheld', 'dismissed')),
    text text NOT NULL,
    person_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    decided_by uuid,
    decided_at timestamptz,
    reason text,
    sole_person boolean NOT NULL DEFAULT false,
    accountability_id uuid,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, case_id) REFERENCES cases (tenant, id),
    FOREIGN KEY (tenant, person_id) REFERENCES people (tenant, id),
    FOREIGN KEY (tenant, accountability_id) REFERENCES accountability (tenant, id),
    CHECK ((state = 'open') = (decided_at IS NULL))
);
SELECT spread('complaints');
CREATE UNIQUE INDEX complaints_open ON complaints (tenant, case_id, person_id) WHERE state = 'open';
CREATE INDEX complaints_created ON complaints (tenant, created_at, id);
CREATE INDEX complaints_person ON complaints (tenant, person_id, created_at);
COMMENT ON TABLE complaints IS '投诉调解: what a resident says against the handling of their case';
COMMENT ON COLUMN complaints.tenant IS 'Street';
COMMENT ON COLUMN complaints.id IS 'UUIDv7';
COMMENT ON COLUMN complaints.version IS 'Counts changes';
COMMENT ON COLUMN complaints.case_id IS 'Case';
COMMENT ON COLUMN complaints.round IS 'Its round when the complaint came';
COMMENT ON COLUMN complaints.state IS 'Dictionary complaint_state';
COMMENT ON COLUMN complaints.text IS 'The resident''s words';
COMMENT ON COLUMN complaints.person_id IS 'Who complains: a reporter of the case';
COMMENT ON COLUMN complaints.created_at IS 'When';
COMMENT ON COLUMN complaints.decided_by IS 'Who decided';
COMMENT ON COLUMN complaints.decided_at IS 'When';
COMMENT ON COLUMN complaints.reason IS 'Why it was decided so; told to the resident';
COMMENT ON COLUMN complaints.sole_person IS 'Decided by whom it concerns: nobody else could';
COMMENT ON COLUMN complaints.accountability_id IS 'What came of an upheld one';

INSERT INTO dictionary_entries (dictionary, code, ordinal, zh, en) VALUES
    ('early_warning_kind', 'group_incident', 10, '群体性事件', 'Mass incident'),
    ('early_warning_kind', 'collective_petition', 20, '集体信访', 'Collective petition'),
    ('early_warning_kind', 'personal_extreme', 30, '个人极端事件', 'Extreme act of a person'),
    ('early_warning_state', 'found', 10, '已发现', 'Found'),
    ('early_warning_state', 'assessed', 20, '已研判', 'Assessed'),
    ('early_warning_state', 'resolved', 30, '已化解', 'Resolved'),
    ('early_warning_action', 'create', 10, '登记', 'Write down'),
    ('early_warning_action', 'edit', 20, '更正', 'Correct'),
    ('early_warning_action', 'assess', 30, '研判', 'Assess'),
    ('early_warning_action', 'resolve', 40, '化解', 'Resolve'),
    ('early_warning_action', 'link', 50, '关联案件', 'Link a case'),
    ('early_warning_action', 'unlink', 60, '解除关联', 'Unlink a case'),
    ('early_warning_action', 'name_departments', 70, '指定知情部门', 'Name departments'),
    ('hint_reason', 'cluster', 10, '同类聚集', 'Cases of one category close together'),
    ('hint_reason', 'phone', 20, '同一电话多次反映', 'Cases from one phone'),
    ('hint_reason', 'household', 30, '同一地址多次反映', 'Cases from one household'),
    ('audit_object', 'early_warning', 10, '苗头隐患', 'Early warning'),
    ('accountability_kind', 'breach', 10, '超时', 'Due time missed'),
    ('accountability_kind', 'second_notice', 20, '二次告知', 'Second notice'),
    ('accountability_kind', 'missed_callback', 30, '未按规定回访', 'Callback missed'),
    ('accountability_kind', 'false_closure', 40, '虚假办结', 'False closure'),
    ('accountability_kind', 'missed_review', 50, '逾期未复核', 'Review missed'),
    ('accountability_kind', 'declined_review', 60, '应急吹哨复核未通过', 'Emergency whistle not confirmed'),
    ('accountability_kind', 'upheld_complaint', 70, '投诉成立', 'Complaint upheld'),
    ('accountability_kind', 'sole_person', 80, '一人办理', 'Nobody else could do it'),
    ('accountability_state', 'open', 10, '待认定', 'Open'),
    ('accountability_state', 'decided', 20, '已认定', 'Decided'),
    ('accountability_state', 'appealed', 30, '申诉中', 'Appealed'),
    ('accountability_state', 'final', 40, '终局', 'Final'),
    ('accountability_result', 'held', 10, '追责', 'Held to account'),
    ('accountability_result', 'cleared', 20, '不予追责', 'Cleared'),
    ('appeal_result', 'confirmed', 10, '维持原认定', 'Decision stands'),
    ('appeal_result', 'overturned', 20, '撤销原认定', 'Decision overturned'),
    ('complaint_state', 'open', 10, '待处理', 'Open'),
    ('complaint_state', 'upheld', 20, '成立', 'Upheld'),
    ('complaint_state', 'dismissed', 30, '不成立', 'Dismissed'),
    ('action', 'complain', 600, '投诉', 'Complain'),
    ('action', 'uphold_complaint', 610, '投诉成立', 'Complaint upheld'),
    ('action', 'dismiss_complaint', 620, '投诉不成立', 'Complaint dismissed'),
    ('action', 'decide_accountability', 630, '责任认定', 'Accountability decided'),
    ('action', 'appeal_accountability', 640, '责任申诉', 'Accountability appealed'),
    ('action', 'decide_appeal', 650, '申诉裁定', 'Appeal decided');
