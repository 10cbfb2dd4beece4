-- What hangs on a case: whistles and their tickets, requests, plans, arrivals, checks, ratings, breaches, supervisions.

CREATE TABLE whistles (
    tenant text NOT NULL,
    id uuid NOT NULL,
    case_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('everyday', 'hard', 'emergency')),
    round integer NOT NULL,
    reason text,
    blown_at timestamptz NOT NULL,
    blown_by uuid,
    blown_role text NOT NULL,
    request_id uuid,
    returned boolean NOT NULL DEFAULT false,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, case_id) REFERENCES cases (tenant, id)
);
SELECT spread('whistles');
CREATE INDEX whistles_case ON whistles (tenant, case_id, blown_at);
COMMENT ON TABLE whistles IS '吹哨: one call for departments; each issues tickets.';
COMMENT ON COLUMN whistles.tenant IS 'The subdistrict.';
COMMENT ON COLUMN whistles.id IS 'UUIDv7.';
COMMENT ON COLUMN whistles.case_id IS 'The case.';
COMMENT ON COLUMN whistles.kind IS 'Everyday, hard or emergency.';
COMMENT ON COLUMN whistles.round IS 'The round of the case.';
COMMENT ON COLUMN whistles.reason IS 'Why.';
COMMENT ON COLUMN whistles.blown_at IS 'When.';
COMMENT ON COLUMN whistles.blown_by IS 'By whom; null when a decision of the system''s own issued tickets.';
COMMENT ON COLUMN whistles.blown_role IS 'In which role.';
COMMENT ON COLUMN whistles.request_id IS 'The request whose approval blew it.';
COMMENT ON COLUMN whistles.returned IS 'Its one return has been approved: all its tickets are final.';

CREATE TABLE tickets (
    tenant text NOT NULL,
    id uuid NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    case_id uuid NOT NULL,
    n integer NOT NULL,
    whistle_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('everyday', 'hard', 'emergency')),
    role text NOT NULL CHECK (role IN ('lead', 'assist')),
    organisation text NOT NULL,
    state text NOT NULL CHECK (state IN (
        'issued', 'send_failed', 'signed', 'reported_in', 'in_progress', 'submitted', 'closed',
        'return_requested', 'returned', 'recalled', 'suspended')),
    state_before text,
    state_at timestamptz NOT NULL,
    task text NOT NULL,
    round integer NOT NULL,
    final boolean NOT NULL DEFAULT false,
    workers uuid[] NOT NULL DEFAULT '{}',
    issued_at timestamptz NOT NULL,
    issued_by uuid,
    issued_role text NOT NULL,
    sign_due_at timestamptz,
    signed_at timestamptz,
    contact_due_at timestamptz,
    contacted_at timestamptz,
    not_contacted boolean NOT NULL DEFAULT false,
    report_due_at timestamptz,
    reported_in_at timestamptz,
    report_point geometry(Point, 4326),
    report_accuracy double precision,
    started_at timestamptz,
    finish_run integer NOT NULL DEFAULT 1,
    finish_started_at timestamptz NOT NULL,
    finish_due_at timestamptz,
    submitted_at timestamptz,
    delays integer NOT NULL DEFAULT 0,
    closed_at timestamptz,
    closed_round integer,
    result text,
    reply text,
    cause_code text,
    department_rating integer CHECK (department_rating BETWEEN 1 AND 5),
    rework_count integer NOT NULL DEFAULT 0,
    fired text[] NOT NULL DEFAULT '{}',
    overdue_at timestamptz,
    clock_next_at timestamptz,
    supervised boolean NOT NULL DEFAULT false,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, case_id, n),
    FOREIGN KEY (tenant, case_id) REFERENCES cases (tenant, id),
    FOREIGN KEY (tenant, whistle_id) REFERENCES whistles (tenant, id)
);
SELECT spread('tickets');
CREATE INDEX tickets_organisation ON tickets (tenant, organisation, issued_at, id);
CREATE INDEX tickets_organisation_state ON tickets (tenant, organisation, state, issued_at, id);
CREATE INDEX tickets_issued ON tickets (tenant, issued_at, id);
CREATE INDEX tickets_state ON tickets (tenant, state, issued_at, id);
CREATE INDEX tickets_open_due ON tickets (tenant, organisation, (coalesce(finish_due_at, 'infinity')), id)
    WHERE state NOT IN ('closed', 'returned', 'recalled');
CREATE INDEX tickets_overdue ON tickets (tenant, overdue_at, id) WHERE overdue_at IS NOT NULL;
CREATE INDEX tickets_clock ON tickets (tenant, clock_next_at) WHERE clock_next_at IS NOT NULL;
COMMENT ON TABLE tickets IS '哨单: what one organisation is asked to do for a case.';
COMMENT ON COLUMN tickets.tenant IS 'The subdistrict.';
COMMENT ON COLUMN tickets.id IS 'UUIDv7.';
COMMENT ON COLUMN tickets.version IS 'Raised when the ticket itself changes; what If-Match is compared with.';
COMMENT ON COLUMN tickets.case_id IS 'The case; its row is locked before the ticket''s.';
COMMENT ON COLUMN tickets.n IS 'Counts within the case: its number is the case''s number, a hyphen and this.';
COMMENT ON COLUMN tickets.whistle_id IS 'The whistle that issued it.';
COMMENT ON COLUMN tickets.kind IS 'Kind of that whistle.';
COMMENT ON COLUMN tickets.role IS 'Lead or assist.';
COMMENT ON COLUMN tickets.organisation IS 'Code of the organisation that is asked.';
COMMENT ON COLUMN tickets.state IS 'One of the 11 states of the ticket machine.';
COMMENT ON COLUMN tickets.state_before IS 'Suspended or asked to be returned: where it leads back to.';
COMMENT ON COLUMN tickets.state_at IS 'When the present state was entered.';
COMMENT ON COLUMN tickets.task IS 'What is asked.';
COMMENT ON COLUMN tickets.round IS 'The round of the case in which it was issued or last opened again.';
COMMENT ON COLUMN tickets.final IS 'Can no longer be returned.';
COMMENT ON COLUMN tickets.workers IS 'Derived: who acted on it for the organisation.';
COMMENT ON COLUMN tickets.issued_at IS 'When it was issued.';
COMMENT ON COLUMN tickets.issued_by IS 'By whom.';
COMMENT ON COLUMN tickets.issued_role IS 'In which role.';
COMMENT ON COLUMN tickets.sign_due_at IS 'To be signed by then.';
COMMENT ON COLUMN tickets.signed_at IS '签收.';
COMMENT ON COLUMN tickets.contact_due_at IS 'The reporter is to be called by then; null unless this is the lead and the reporter can be called.';
COMMENT ON COLUMN tickets.contacted_at IS 'First contact.';
COMMENT ON COLUMN tickets.not_contacted IS 'Submitted without having called the reporter.';
COMMENT ON COLUMN tickets.report_due_at IS 'To report in by then.';
COMMENT ON COLUMN tickets.reported_in_at IS '报到.';
COMMENT ON COLUMN tickets.report_point IS 'Where they reported in.';
COMMENT ON COLUMN tickets.report_accuracy IS 'Metres.';
COMMENT ON COLUMN tickets.started_at IS 'First start.';
COMMENT ON COLUMN tickets.finish_run IS 'Numbers the runs of the finish clock.';
COMMENT ON COLUMN tickets.finish_started_at IS 'When this run began.';
COMMENT ON COLUMN tickets.finish_due_at IS 'To be submitted by then; null for an emergency of a major case without a plan in force.';
COMMENT ON COLUMN tickets.submitted_at IS 'Latest submission; null again while it is reworked.';
COMMENT ON COLUMN tickets.delays IS 'Approved delays.';
COMMENT ON COLUMN tickets.closed_at IS 'When it was last approved.';
COMMENT ON COLUMN tickets.closed_round IS 'The round it was last closed in.';
COMMENT ON COLUMN tickets.result IS 'What was done.';
COMMENT ON COLUMN tickets.reply IS 'What the lead would tell the reporter.';
COMMENT ON COLUMN tickets.cause_code IS 'Root cause.';
COMMENT ON COLUMN tickets.department_rating IS 'The street''s rating of the department, 1–5.';
COMMENT ON COLUMN tickets.rework_count IS 'How often it was sent back.';
COMMENT ON COLUMN tickets.fired IS 'What the clocks of the present runs have already caused.';
COMMENT ON COLUMN tickets.overdue_at IS 'Derived: earliest due time of a clock that runs and is not met.';
COMMENT ON COLUMN tickets.clock_next_at IS 'Derived: when the clock job has to look at it next.';
COMMENT ON COLUMN tickets.supervised IS 'Derived: a supervision waits for the department''s reply.';
COMMENT ON COLUMN tickets.updated_at IS 'When its latest event happened.';

CREATE TABLE ticket_feed (
    tenant text NOT NULL,
    ticket_id uuid NOT NULL,
    position bigint NOT NULL,
    PRIMARY KEY (tenant, ticket_id)
);
SELECT spread('ticket_feed');
CREATE INDEX ticket_feed_position ON ticket_feed (tenant, position, ticket_id);
COMMENT ON TABLE ticket_feed IS 'Where a ticket stands in the feed; written by the drainer alone.';
COMMENT ON COLUMN ticket_feed.tenant IS 'The subdistrict.';
COMMENT ON COLUMN ticket_feed.ticket_id IS 'The ticket.';
COMMENT ON COLUMN ticket_feed.position IS 'Position of its latest event.';

CREATE TABLE requests (
    tenant text NOT NULL,
    id uuid NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    kind text NOT NULL,
    case_id uuid,
    ticket_id uuid,
    hazard_id uuid,
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'approved', 'declined', 'withdrawn', 'expired')),
    reason text,
    proposal jsonb NOT NULL DEFAULT '{}',
    asked_by uuid,
    asked_role text NOT NULL,
    asked_org text,
    asked_at timestamptz NOT NULL,
    due_at timestamptz,
    approvals jsonb NOT NULL DEFAULT '[]',
    decided_by uuid,
    decided_role text,
    decided_at timestamptz,
    note text,
    sole_person boolean NOT NULL DEFAULT false,
    reporter integer,
    closure integer,
    clock_next_at timestamptz,
    PRIMARY KEY (tenant, id)
);
SELECT spread('requests');
CREATE INDEX requests_case ON requests (tenant, case_id, asked_at, id);
CREATE INDEX requests_ticket ON requests (tenant, ticket_id) WHERE ticket_id IS NOT NULL;
CREATE INDEX requests_asked ON requests (tenant, asked_at, id);
CREATE INDEX requests_state ON requests (tenant, state, asked_at, id);
CREATE INDEX requests_clock ON requests (tenant, clock_next_at) WHERE clock_next_at IS NOT NULL;
-- The second line behind the machine: at most one pending of a kind per subject.
CREATE UNIQUE INDEX requests_pending_case ON requests (tenant, case_id, kind)
    WHERE state = 'pending' AND ticket_id IS NULL AND hazard_id IS NULL;
CREATE UNIQUE INDEX requests_pending_ticket ON requests (tenant, ticket_id, kind)
    WHERE state = 'pending' AND ticket_id IS NOT NULL;
COMMENT ON TABLE requests IS 'What one asks and another decides.';
COMMENT ON COLUMN requests.tenant IS 'The subdistrict.';
COMMENT ON COLUMN requests.id IS 'UUIDv7.';
COMMENT ON COLUMN requests.version IS 'What If-Match is compared with; an approval that is not the last does not raise it.';
COMMENT ON COLUMN requests.kind IS 'A row of request_kinds.';
COMMENT ON COLUMN requests.case_id IS 'The case, also of a ticket''s request.';
COMMENT ON COLUMN requests.ticket_id IS 'The ticket it is about.';
COMMENT ON COLUMN requests.hazard_id IS 'The hazard it is about.';
COMMENT ON COLUMN requests.state IS 'Pending, then one of four ends.';
COMMENT ON COLUMN requests.reason IS 'Why it is asked.';
COMMENT ON COLUMN requests.proposal IS 'What is asked: steps of a plan, tickets, a date.';
COMMENT ON COLUMN requests.asked_by IS 'Who asks; null for the system.';
COMMENT ON COLUMN requests.asked_role IS 'In which role.';
COMMENT ON COLUMN requests.asked_org IS 'For which organisation.';
COMMENT ON COLUMN requests.asked_at IS 'When.';
COMMENT ON COLUMN requests.due_at IS 'To be decided by then, where the kind says so.';
COMMENT ON COLUMN requests.approvals IS 'Approvals so far, where more than one is needed: [{post, person_id, at}].';
COMMENT ON COLUMN requests.decided_by IS 'Who decided; null for the system.';
COMMENT ON COLUMN requests.decided_role IS 'In which role.';
COMMENT ON COLUMN requests.decided_at IS 'When it left pending.';
COMMENT ON COLUMN requests.note IS 'Words of the decision.';
COMMENT ON COLUMN requests.sole_person IS 'Decided by the asker, there being nobody else.';
COMMENT ON COLUMN requests.reporter IS 'Reopening: the reporter (case_reporters.n) whose one request this is.';
COMMENT ON COLUMN requests.closure IS 'Reopening: the round whose closure it is about.';
COMMENT ON COLUMN requests.clock_next_at IS 'When the clock job has to look at it.';

CREATE TABLE plan_steps (
    tenant text NOT NULL,
    case_id uuid NOT NULL,
    step_id uuid NOT NULL,
    request_id uuid NOT NULL,
    n integer NOT NULL,
    what text NOT NULL,
    due_at timestamptz NOT NULL,
    who_kind text NOT NULL CHECK (who_kind IN ('person', 'organisation', 'role')),
    who_id text NOT NULL,
    done_at timestamptz,
    done_by uuid,
    waived_at timestamptz,
    waived_by uuid,
    note text,
    PRIMARY KEY (tenant, case_id, step_id),
    FOREIGN KEY (tenant, case_id) REFERENCES cases (tenant, id),
    FOREIGN KEY (tenant, request_id) REFERENCES requests (tenant, id)
);
SELECT spread('plan_steps');
CREATE INDEX plan_steps_request ON plan_steps (tenant, request_id, n);
COMMENT ON TABLE plan_steps IS 'The steps of a plan. Those done move to the plan that replaces theirs.';
COMMENT ON COLUMN plan_steps.tenant IS 'The subdistrict.';
COMMENT ON COLUMN plan_steps.case_id IS 'The case.';
COMMENT ON COLUMN plan_steps.step_id IS 'What step_done and step_waive name.';
COMMENT ON COLUMN plan_steps.request_id IS 'The request of kind plan it now belongs to.';
COMMENT ON COLUMN plan_steps.n IS 'Order within the plan.';
COMMENT ON COLUMN plan_steps.what IS 'What is to be done.';
COMMENT ON COLUMN plan_steps.due_at IS 'By when.';
COMMENT ON COLUMN plan_steps.who_kind IS 'Person, organisation or role.';
COMMENT ON COLUMN plan_steps.who_id IS 'Id of the person, code of the organisation, name of the role.';
COMMENT ON COLUMN plan_steps.done_at IS 'When it was done.';
COMMENT ON COLUMN plan_steps.done_by IS 'By whom.';
COMMENT ON COLUMN plan_steps.waived_at IS 'When a leader waived it.';
COMMENT ON COLUMN plan_steps.waived_by IS 'Which leader.';
COMMENT ON COLUMN plan_steps.note IS 'Words of either.';

CREATE TABLE arrivals (
    tenant text NOT NULL,
    case_id uuid NOT NULL,
    id uuid NOT NULL,
    at timestamptz NOT NULL,
    person_id uuid NOT NULL,
    role text NOT NULL,
    organisation text,
    point geometry(Point, 4326) NOT NULL,
    accuracy double precision,
    claimed_at timestamptz,
    photo uuid,
    from_case uuid,
    PRIMARY KEY (tenant, case_id, id),
    FOREIGN KEY (tenant, case_id) REFERENCES cases (tenant, id)
);
SELECT spread('arrivals');
COMMENT ON TABLE arrivals IS 'Who came, when and where; the first counts, later ones are kept.';
COMMENT ON COLUMN arrivals.tenant IS 'The subdistrict.';
COMMENT ON COLUMN arrivals.case_id IS 'The case.';
COMMENT ON COLUMN arrivals.id IS 'UUIDv7.';
COMMENT ON COLUMN arrivals.at IS 'By the server''s clock.';
COMMENT ON COLUMN arrivals.person_id IS 'Who.';
COMMENT ON COLUMN arrivals.role IS 'In which role.';
COMMENT ON COLUMN arrivals.organisation IS 'For which organisation.';
COMMENT ON COLUMN arrivals.point IS 'Where, in WGS 84.';
COMMENT ON COLUMN arrivals.accuracy IS 'Metres.';
COMMENT ON COLUMN arrivals.claimed_at IS 'When, as the device says; starts and meets no clock.';
COMMENT ON COLUMN arrivals.photo IS 'Attachment taken there.';
COMMENT ON COLUMN arrivals.from_case IS 'The merged case that brought this arrival.';

CREATE TABLE checks (
    tenant text NOT NULL,
    case_id uuid NOT NULL,
    id uuid NOT NULL,
    round integer NOT NULL,
    pass boolean NOT NULL,
    sampled_out boolean NOT NULL DEFAULT false,
    sole_person boolean NOT NULL DEFAULT false,
    reason text,
    at timestamptz NOT NULL,
    person_id uuid,
    role text NOT NULL,
    point geometry(Point, 4326),
    accuracy double precision,
    distance double precision,
    PRIMARY KEY (tenant, case_id, id),
    FOREIGN KEY (tenant, case_id) REFERENCES cases (tenant, id)
);
SELECT spread('checks');
COMMENT ON TABLE checks IS '核查: passed or failed by somebody who did not work on the case, or left out by the draw.';
COMMENT ON COLUMN checks.tenant IS 'The subdistrict.';
COMMENT ON COLUMN checks.case_id IS 'The case.';
COMMENT ON COLUMN checks.id IS 'UUIDv7.';
COMMENT ON COLUMN checks.round IS 'The round of the case.';
COMMENT ON COLUMN checks.pass IS 'Passed.';
COMMENT ON COLUMN checks.sampled_out IS 'Not checked: the draw left it out.';
COMMENT ON COLUMN checks.sole_person IS 'The checker had worked on it, there being nobody else.';
COMMENT ON COLUMN checks.reason IS 'Why it failed.';
COMMENT ON COLUMN checks.at IS 'When.';
COMMENT ON COLUMN checks.person_id IS 'Who checked; null when left out.';
COMMENT ON COLUMN checks.role IS 'In which role.';
COMMENT ON COLUMN checks.point IS 'Where the checker stood.';
COMMENT ON COLUMN checks.accuracy IS 'Metres.';
COMMENT ON COLUMN checks.distance IS 'Metres to the point of the case.';

CREATE TABLE ratings (
    tenant text NOT NULL,
    case_id uuid NOT NULL,
    round integer NOT NULL,
    reporter integer NOT NULL,
    person_id uuid,
    callback boolean NOT NULL DEFAULT false,
    rated_by uuid NOT NULL,
    rated_at timestamptz NOT NULL,
    contacted boolean NOT NULL,
    solved text NOT NULL CHECK (solved IN ('yes', 'partly', 'no')),
    satisfied integer NOT NULL CHECK (satisfied BETWEEN 1 AND 5),
    comment text,
    PRIMARY KEY (tenant, case_id, round, reporter),
    FOREIGN KEY (tenant, case_id) REFERENCES cases (tenant, id)
);
SELECT spread('ratings');
COMMENT ON TABLE ratings IS '评价: what reporters say, each once a round.';
COMMENT ON COLUMN ratings.tenant IS 'The subdistrict.';
COMMENT ON COLUMN ratings.case_id IS 'The case.';
COMMENT ON COLUMN ratings.round IS 'The round of the case.';
COMMENT ON COLUMN ratings.reporter IS 'Which reporter: case_reporters.n.';
COMMENT ON COLUMN ratings.person_id IS 'That reporter''s person, when known.';
COMMENT ON COLUMN ratings.callback IS 'Taken down by a supervisor who called.';
COMMENT ON COLUMN ratings.rated_by IS 'Who entered it.';
COMMENT ON COLUMN ratings.rated_at IS 'When.';
COMMENT ON COLUMN ratings.contacted IS 'Was contacted.';
COMMENT ON COLUMN ratings.solved IS 'Yes, partly or no.';
COMMENT ON COLUMN ratings.satisfied IS '1 to 5.';
COMMENT ON COLUMN ratings.comment IS 'In the reporter''s words.';
