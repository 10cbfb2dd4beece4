-- Cases, the tickets that a whistle issues, the requests that one asks and another decides, and all that happens to them.
-- Columns marked “derived” repeat what other rows say, so that a list of cases needs no second table; the auditor compares.

CREATE SEQUENCE case_serial;
COMMENT ON SEQUENCE case_serial IS 'Gives cases the digits of their human number; gaps are allowed, it is no order.';

CREATE TABLE cases (
    tenant text NOT NULL,
    id uuid NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    serial bigint NOT NULL DEFAULT nextval('case_serial'),
    number text NOT NULL,
    state text NOT NULL CHECK (state IN (
        'received', 'accepted', 'verifying', 'registered', 'source_handling', 'whistled', 'handling',
        'checking', 'evaluating', 'closed', 'rejected', 'merged', 'suspended', 'voided')),
    kind text NOT NULL CHECK (kind IN ('demand', 'problem', 'hazard', 'dispute')),
    category text NOT NULL,
    title text,
    description text NOT NULL,
    level text NOT NULL DEFAULT 'ordinary' CHECK (level IN ('ordinary', 'complex', 'major')),
    proposed_level text CHECK (proposed_level IN ('ordinary', 'complex', 'major')),
    registered_at timestamptz,
    source text NOT NULL CHECK (source IN (
        'resident_app', 'patrol', 'window', 'phone', 'visit', 'hotline_12345', 'center', 'leader', 'media', 'other')),
    tags text[] NOT NULL DEFAULT '{}',
    answers jsonb NOT NULL DEFAULT '{}',
    -- where
    point geometry(Point, 4326),
    address text,
    place_id uuid,
    area text,
    community text,
    -- who brought it
    created_by uuid,
    created_role text NOT NULL,
    created_org text,
    reporter_name text,
    reporter_phone text,
    reporter_anonymous boolean NOT NULL DEFAULT false,
    reporter_private boolean NOT NULL DEFAULT false,
    reporter_contactable boolean NOT NULL DEFAULT false,
    reporters uuid[] NOT NULL DEFAULT '{}',
    withdrawn uuid[] NOT NULL DEFAULT '{}',
    -- who answers for it
    handler uuid,
    first_contact uuid,
    first_handler uuid,
    first_handler_org text,
    verifier uuid,
    workers uuid[] NOT NULL DEFAULT '{}',
    lead_ticket uuid,
    lead_org text,
    organisations text[] NOT NULL DEFAULT '{}',
    open_orgs text[] NOT NULL DEFAULT '{}',
    tickets_issued integer NOT NULL DEFAULT 0,
    tickets_open integer NOT NULL DEFAULT 0,
    tickets_unsubmitted integer NOT NULL DEFAULT 0,
    -- clocks
    policy_version integer NOT NULL,
    claimed_at timestamptz,
    received_at timestamptz NOT NULL,
    round integer NOT NULL DEFAULT 1,
    round_started_at timestamptz NOT NULL,
    round_suspended interval NOT NULL DEFAULT '0',
    arrive_due_at timestamptz,
    arrived_at timestamptz,
    resolve_run integer NOT NULL DEFAULT 1,
    resolve_due_at timestamptz,
    resolve_cause text NOT NULL DEFAULT 'level' CHECK (resolve_cause IN ('level', 'plan', 'reopen', 'delay')),
    resolved_at timestamptz,
    plan_run integer NOT NULL DEFAULT 1,
    plan_started_at timestamptz,
    plan_first_due_at timestamptz,
    plan_due_at timestamptz,
    planned_at timestamptz,
    plan_request uuid,
    plan_parties text[] NOT NULL DEFAULT '{}',
    fired text[] NOT NULL DEFAULT '{}',
    overdue_at timestamptz,
    clock_next_at timestamptz,
    -- how it went on
    state_at timestamptz NOT NULL,
    state_before text,
    signed_round integer NOT NULL DEFAULT 0,
    never_sampled boolean NOT NULL DEFAULT false,
    result text,
    reply text,
    reject_code text,
    reject_basis text,
    reject_reason text,
    objected boolean NOT NULL DEFAULT false,
    merged_into uuid,
    review_date date,
    evaluating_at timestamptz,
    closed_at timestamptz,
    closed_how text CHECK (closed_how IN ('rated', 'unrated')),
    rework_count integer NOT NULL DEFAULT 0,
    urge_count integer NOT NULL DEFAULT 0,
    callback_tries integer NOT NULL DEFAULT 0,
    supervised text[] NOT NULL DEFAULT '{}',
    hazard_id uuid,
    event_seq integer NOT NULL DEFAULT 0,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, id)
);
SELECT spread('cases');

-- The lists: newest first, by state, by area, by due time; and whoever waits.
CREATE INDEX cases_received ON cases (tenant, received_at, id);
CREATE INDEX cases_state ON cases (tenant, state, received_at, id);
CREATE INDEX cases_community ON cases (tenant, community, received_at, id);
CREATE INDEX cases_area ON cases (tenant, area, received_at, id);
CREATE INDEX cases_category ON cases (tenant, category, received_at, id);
CREATE INDEX cases_number ON cases (tenant, number);
CREATE INDEX cases_due ON cases (tenant, (coalesce(resolve_due_at, 'infinity')), id);
-- Work lists ask for what is open, which is little beside what is closed.
CREATE INDEX cases_open_received ON cases (tenant, received_at, id)
    WHERE state IN ('received', 'accepted', 'verifying', 'registered', 'source_handling', 'whistled', 'handling',
                    'checking', 'evaluating', 'suspended');
CREATE INDEX cases_open_due ON cases (tenant, (coalesce(resolve_due_at, 'infinity')), id)
    WHERE state IN ('received', 'accepted', 'verifying', 'registered', 'source_handling', 'whistled', 'handling',
                    'checking', 'evaluating', 'suspended');
CREATE INDEX cases_overdue ON cases (tenant, overdue_at, id) WHERE overdue_at IS NOT NULL;
CREATE INDEX cases_handler ON cases (tenant, handler, received_at, id) WHERE handler IS NOT NULL;
CREATE INDEX cases_created_by ON cases (tenant, created_by, received_at, id);
CREATE INDEX cases_created_org ON cases (tenant, created_org, received_at, id) WHERE created_role = 'window_clerk';
CREATE INDEX cases_clock ON cases (tenant, clock_next_at) WHERE clock_next_at IS NOT NULL;
-- Duplicates and hints look for what is near; only what is still open is near enough.
CREATE INDEX cases_near ON cases USING gist (point)
    WHERE state IN ('received', 'accepted', 'verifying', 'registered', 'source_handling', 'whistled', 'handling',
                    'checking', 'evaluating', 'suspended');

COMMENT ON TABLE cases IS 'A matter from intake to rating.';
COMMENT ON COLUMN cases.tenant IS 'The subdistrict.';
COMMENT ON COLUMN cases.id IS 'UUIDv7.';
COMMENT ON COLUMN cases.version IS 'Raised when the case itself changes; what If-Match is compared with.';
COMMENT ON COLUMN cases.serial IS 'What the number was made of.';
COMMENT ON COLUMN cases.number IS 'What people say on the phone: prefix, local date, serial modulo a million.';
COMMENT ON COLUMN cases.state IS 'One of the 14 states of the case machine.';
COMMENT ON COLUMN cases.kind IS 'Demand, problem, hazard or dispute.';
COMMENT ON COLUMN cases.category IS 'Code of the category as it is now.';
COMMENT ON COLUMN cases.title IS 'At most 100 characters.';
COMMENT ON COLUMN cases.description IS 'What the reporter says.';
COMMENT ON COLUMN cases.level IS 'Ordinary until registered.';
COMMENT ON COLUMN cases.proposed_level IS 'What intake proposed.';
COMMENT ON COLUMN cases.registered_at IS 'When it was registered in this round; null until then.';
COMMENT ON COLUMN cases.source IS 'The channel it came in by.';
COMMENT ON COLUMN cases.tags IS 'petition, accident, police_case and others.';
COMMENT ON COLUMN cases.answers IS 'Answers to the questions of its category, by code.';
COMMENT ON COLUMN cases.point IS 'Where, in WGS 84.';
COMMENT ON COLUMN cases.address IS 'Where, in words.';
COMMENT ON COLUMN cases.place_id IS 'The place it is about.';
COMMENT ON COLUMN cases.area IS 'Code of the grid; null when the point lies in none.';
COMMENT ON COLUMN cases.community IS 'Code of the community of the grid.';
COMMENT ON COLUMN cases.created_by IS 'The person who entered it.';
COMMENT ON COLUMN cases.created_role IS 'The role that person acted in.';
COMMENT ON COLUMN cases.created_org IS 'The organisation that person acted for: the window of a window clerk.';
COMMENT ON COLUMN cases.reporter_name IS 'First reporter: name.';
COMMENT ON COLUMN cases.reporter_phone IS 'First reporter: phone.';
COMMENT ON COLUMN cases.reporter_anonymous IS 'First reporter: wants no name anywhere.';
COMMENT ON COLUMN cases.reporter_private IS 'First reporter: only the street may see the name.';
COMMENT ON COLUMN cases.reporter_contactable IS 'First reporter: may be asked.';
COMMENT ON COLUMN cases.reporters IS 'Derived: people who reported it, also by a case merged into it.';
COMMENT ON COLUMN cases.withdrawn IS 'Derived: those of them who took themselves off; they still see it.';
COMMENT ON COLUMN cases.handler IS 'The person who handles it at the source; null while tickets do.';
COMMENT ON COLUMN cases.first_contact IS '首问: staff creator, else who accepted; never changes.';
COMMENT ON COLUMN cases.first_handler IS '首办, when a person.';
COMMENT ON COLUMN cases.first_handler_org IS '首办, when a department: the organisation of the lead.';
COMMENT ON COLUMN cases.verifier IS 'The grid worker asked to verify.';
COMMENT ON COLUMN cases.workers IS 'Derived: who worked on it in any round and so may not check it.';
COMMENT ON COLUMN cases.lead_ticket IS 'Derived: the ticket with role lead that is not returned or recalled.';
COMMENT ON COLUMN cases.lead_org IS 'Derived: its organisation.';
COMMENT ON COLUMN cases.organisations IS 'Derived: organisations with a ticket that is not returned or recalled: they see the case.';
COMMENT ON COLUMN cases.open_orgs IS 'Derived: organisations with an open ticket.';
COMMENT ON COLUMN cases.tickets_issued IS 'Derived: tickets ever issued; numbers them.';
COMMENT ON COLUMN cases.tickets_open IS 'Derived: open tickets.';
COMMENT ON COLUMN cases.tickets_unsubmitted IS 'Derived: open tickets that do not stand submitted.';
COMMENT ON COLUMN cases.policy_version IS 'The policy it was born under, kept for life.';
COMMENT ON COLUMN cases.claimed_at IS 'When it was seen, as the reporter says; starts no clock.';
COMMENT ON COLUMN cases.received_at IS 'When the street''s system took it in; every clock of round 1 starts here.';
COMMENT ON COLUMN cases.round IS '1, and one more with each objection and reopening.';
COMMENT ON COLUMN cases.round_started_at IS 'When the round began.';
COMMENT ON COLUMN cases.round_suspended IS 'Time this round has spent suspended so far; moves the start of its clocks.';
COMMENT ON COLUMN cases.arrive_due_at IS 'Somebody must be there by then; null where nobody must, and from round 2.';
COMMENT ON COLUMN cases.arrived_at IS 'First arrival.';
COMMENT ON COLUMN cases.resolve_run IS 'Numbers the runs of the resolve clock.';
COMMENT ON COLUMN cases.resolve_due_at IS 'To be solved by then; null for major without a plan in force.';
COMMENT ON COLUMN cases.resolve_cause IS 'Where the resolve due comes from: reopening and delay outlive a new level.';
COMMENT ON COLUMN cases.resolved_at IS 'source_done, or the latest submission among the tickets closed in this round; null again after a fail.';
COMMENT ON COLUMN cases.plan_run IS 'Numbers the runs of the plan clock.';
COMMENT ON COLUMN cases.plan_started_at IS 'When this run of the plan clock began.';
COMMENT ON COLUMN cases.plan_first_due_at IS 'The due of the first run in this round: a later run is never due before it.';
COMMENT ON COLUMN cases.plan_due_at IS 'A plan is to be submitted by then; null unless major.';
COMMENT ON COLUMN cases.planned_at IS 'First plan of the run.';
COMMENT ON COLUMN cases.plan_request IS 'The approved plan in force.';
COMMENT ON COLUMN cases.plan_parties IS 'Derived: who is named in a step of that plan that is neither done nor waived.';
COMMENT ON COLUMN cases.fired IS 'What the clocks of the present runs have already caused: resolve:breach, resolve:80 …';
COMMENT ON COLUMN cases.overdue_at IS 'Derived: earliest due time of a clock that runs and is not met; overdue when it lies in the past.';
COMMENT ON COLUMN cases.clock_next_at IS 'Derived: when the clock job has to look at it next.';
COMMENT ON COLUMN cases.state_at IS 'When the present state was entered.';
COMMENT ON COLUMN cases.state_before IS 'Suspended: where resume leads to. Checking: where a fail leads back to.';
COMMENT ON COLUMN cases.signed_round IS 'The latest round in which a ticket was signed.';
COMMENT ON COLUMN cases.never_sampled IS 'A fail or a reopening: every later check is done.';
COMMENT ON COLUMN cases.result IS 'What was done.';
COMMENT ON COLUMN cases.reply IS 'What the reporter is told.';
COMMENT ON COLUMN cases.reject_code IS 'Rejection: code of the reason.';
COMMENT ON COLUMN cases.reject_basis IS 'Rejection: the rule it rests on.';
COMMENT ON COLUMN cases.reject_reason IS 'Rejection: why.';
COMMENT ON COLUMN cases.objected IS 'The one objection has been used.';
COMMENT ON COLUMN cases.merged_into IS 'The case it went up in.';
COMMENT ON COLUMN cases.review_date IS 'Suspended until 00:00 of this day.';
COMMENT ON COLUMN cases.evaluating_at IS 'When evaluating last began.';
COMMENT ON COLUMN cases.closed_at IS 'When it was last closed.';
COMMENT ON COLUMN cases.closed_how IS 'Rated, or unrated.';
COMMENT ON COLUMN cases.rework_count IS 'Failed checks.';
COMMENT ON COLUMN cases.urge_count IS 'How often reporters urged.';
COMMENT ON COLUMN cases.callback_tries IS 'Calls since evaluating began that reached nobody.';
COMMENT ON COLUMN cases.supervised IS 'Derived: addressees of supervisions that wait for a reply.';
COMMENT ON COLUMN cases.hazard_id IS 'The hazard that was referred.';
COMMENT ON COLUMN cases.event_seq IS 'Number of its latest event.';
COMMENT ON COLUMN cases.updated_at IS 'When its latest event happened.';

-- Beside the case, not in it: every action updates that row and would write these into all of its indexes again.
CREATE TABLE case_texts (
    tenant text NOT NULL,
    case_id uuid NOT NULL,
    grams text[] NOT NULL,
    PRIMARY KEY (tenant, case_id),
    FOREIGN KEY (tenant, case_id) REFERENCES cases (tenant, id)
);
SELECT spread('case_texts');
CREATE INDEX case_texts_grams ON case_texts USING gin (grams);
COMMENT ON TABLE case_texts IS 'What text search finds a case by; changes only when its words do.';
COMMENT ON COLUMN case_texts.tenant IS 'The subdistrict.';
COMMENT ON COLUMN case_texts.case_id IS 'The case.';
COMMENT ON COLUMN case_texts.grams IS 'Pairs of neighbouring characters of title, description and address; single ones of Chinese.';

CREATE TABLE case_feed (
    tenant text NOT NULL,
    case_id uuid NOT NULL,
    position bigint NOT NULL,
    PRIMARY KEY (tenant, case_id)
);
SELECT spread('case_feed');
CREATE INDEX case_feed_position ON case_feed (tenant, position, case_id);
COMMENT ON TABLE case_feed IS 'Where a case stands in the feed; written by the drainer alone.';
COMMENT ON COLUMN case_feed.tenant IS 'The subdistrict.';
COMMENT ON COLUMN case_feed.case_id IS 'The case.';
COMMENT ON COLUMN case_feed.position IS 'Position of its latest event.';

CREATE TABLE case_reporters (
    tenant text NOT NULL,
    case_id uuid NOT NULL,
    n integer NOT NULL,
    person_id uuid,
    name text,
    phone text,
    anonymous boolean NOT NULL DEFAULT false,
    private boolean NOT NULL DEFAULT false,
    contactable boolean NOT NULL DEFAULT false,
    from_case uuid,
    at timestamptz NOT NULL,
    withdrawn_at timestamptz,
    PRIMARY KEY (tenant, case_id, n),
    FOREIGN KEY (tenant, case_id) REFERENCES cases (tenant, id)
);
SELECT spread('case_reporters');
CREATE INDEX case_reporters_person ON case_reporters (tenant, person_id, at) WHERE person_id IS NOT NULL;
CREATE INDEX case_reporters_phone ON case_reporters (tenant, phone) WHERE phone IS NOT NULL;
COMMENT ON TABLE case_reporters IS 'Who reported a case: the first one, and those of cases merged into it.';
COMMENT ON COLUMN case_reporters.tenant IS 'The subdistrict.';
COMMENT ON COLUMN case_reporters.case_id IS 'The case.';
COMMENT ON COLUMN case_reporters.n IS '1 is the first reporter, whom the case shows.';
COMMENT ON COLUMN case_reporters.person_id IS 'The citizen, when known to the system.';
COMMENT ON COLUMN case_reporters.name IS 'As given.';
COMMENT ON COLUMN case_reporters.phone IS 'As given.';
COMMENT ON COLUMN case_reporters.anonymous IS 'Wants no name anywhere; is never asked.';
COMMENT ON COLUMN case_reporters.private IS 'Only the street may see the name.';
COMMENT ON COLUMN case_reporters.contactable IS 'May be asked.';
COMMENT ON COLUMN case_reporters.from_case IS 'The merged case that brought this reporter.';
COMMENT ON COLUMN case_reporters.at IS 'Since when.';
COMMENT ON COLUMN case_reporters.withdrawn_at IS 'When this reporter took themselves off.';

CREATE TABLE case_events (
    tenant text NOT NULL,
    case_id uuid NOT NULL,
    seq integer NOT NULL,
    id uuid NOT NULL,
    ticket_id uuid,
    request_id uuid,
    action text NOT NULL,
    from_state text,
    to_state text NOT NULL,
    round integer NOT NULL,
    at timestamptz NOT NULL,
    person_id uuid,
    role text NOT NULL,
    organisation text,
    visibility text NOT NULL CHECK (visibility IN ('public', 'staff', 'restricted')),
    note text,
    data jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (tenant, case_id, seq),
    FOREIGN KEY (tenant, case_id) REFERENCES cases (tenant, id)
);
SELECT spread('case_events');
CREATE INDEX case_events_ticket ON case_events (tenant, ticket_id, seq) WHERE ticket_id IS NOT NULL;
CREATE INDEX case_events_at ON case_events (tenant, at);
COMMENT ON TABLE case_events IS 'All that happened to a case and its tickets: history and audit trail in one.';
COMMENT ON COLUMN case_events.tenant IS 'The subdistrict.';
COMMENT ON COLUMN case_events.case_id IS 'The case.';
COMMENT ON COLUMN case_events.seq IS 'Counts within the case, from 1, without gaps.';
COMMENT ON COLUMN case_events.id IS 'UUIDv7.';
COMMENT ON COLUMN case_events.ticket_id IS 'The ticket, when from and to are states of a ticket.';
COMMENT ON COLUMN case_events.request_id IS 'The request it asked or decided, or by which it came about.';
COMMENT ON COLUMN case_events.action IS 'Name of the action in the tables of transitions.';
COMMENT ON COLUMN case_events.from_state IS 'State before; equals the state after of the event before. Null at the beginning.';
COMMENT ON COLUMN case_events.to_state IS 'State after.';
COMMENT ON COLUMN case_events.round IS 'The round it happened in.';
COMMENT ON COLUMN case_events.at IS 'When, by the server''s clock.';
COMMENT ON COLUMN case_events.person_id IS 'Who did it; null for the system.';
COMMENT ON COLUMN case_events.role IS 'The role that person acted in; system for the system.';
COMMENT ON COLUMN case_events.organisation IS 'The organisation that person acted for.';
COMMENT ON COLUMN case_events.visibility IS 'Public: its reporters too. Staff: whoever works with it. Restricted: dispatcher, leader, supervisor, auditor.';
COMMENT ON COLUMN case_events.note IS 'Words of the person: reason, note, text.';
COMMENT ON COLUMN case_events.data IS 'What else the action carried.';

CREATE TABLE case_attachments (
    tenant text NOT NULL,
    case_id uuid NOT NULL,
    attachment_id uuid NOT NULL,
    ticket_id uuid,
    stage text NOT NULL CHECK (stage IN ('intake', 'result', 'check', 'plan')),
    event_seq integer NOT NULL,
    PRIMARY KEY (tenant, attachment_id),
    FOREIGN KEY (tenant, case_id) REFERENCES cases (tenant, id)
);
SELECT spread('case_attachments');
CREATE INDEX case_attachments_case ON case_attachments (tenant, case_id, event_seq);
CREATE INDEX case_attachments_ticket ON case_attachments (tenant, ticket_id) WHERE ticket_id IS NOT NULL;
COMMENT ON TABLE case_attachments IS 'What hangs on which case; an attachment hangs in one place only.';
COMMENT ON COLUMN case_attachments.tenant IS 'The subdistrict.';
COMMENT ON COLUMN case_attachments.case_id IS 'The case.';
COMMENT ON COLUMN case_attachments.attachment_id IS 'The file.';
COMMENT ON COLUMN case_attachments.ticket_id IS 'The ticket whose submission brought it.';
COMMENT ON COLUMN case_attachments.stage IS 'At which step it came.';
COMMENT ON COLUMN case_attachments.event_seq IS 'The event that brought it.';

CREATE TABLE external_refs (
    tenant text NOT NULL,
    system text NOT NULL,
    number text NOT NULL,
    case_id uuid NOT NULL,
    due_at timestamptz,
    PRIMARY KEY (tenant, system, number),
    FOREIGN KEY (tenant, case_id) REFERENCES cases (tenant, id)
);
SELECT spread('external_refs');
CREATE INDEX external_refs_case ON external_refs (tenant, case_id);
CREATE INDEX external_refs_number ON external_refs (tenant, number);
COMMENT ON TABLE external_refs IS 'Numbers that other systems know a case by.';
COMMENT ON COLUMN external_refs.tenant IS 'The subdistrict.';
COMMENT ON COLUMN external_refs.system IS 'The other system.';
COMMENT ON COLUMN external_refs.number IS 'Its number there, unique per system.';
COMMENT ON COLUMN external_refs.case_id IS 'The case, after a merge the one merged into.';
COMMENT ON COLUMN external_refs.due_at IS 'When the other system wants its answer; starts no clock here.';
