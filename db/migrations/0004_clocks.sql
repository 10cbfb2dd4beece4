-- What the clocks leave behind: breaches, changed due times, supervisions and what somebody has to answer for.

CREATE TABLE breaches (
    tenant text NOT NULL,
    case_id uuid NOT NULL,
    subject uuid NOT NULL,
    clock text NOT NULL CHECK (clock IN (
        'arrive', 'resolve', 'late_registration', 'plan', 'sign', 'contact', 'report', 'finish')),
    run integer NOT NULL,
    round integer NOT NULL,
    due timestamptz NOT NULL,
    breached_at timestamptz NOT NULL,
    organisation text,
    PRIMARY KEY (tenant, case_id, subject, clock, run),
    FOREIGN KEY (tenant, case_id) REFERENCES cases (tenant, id)
);
SELECT spread('breaches');
CREATE INDEX breaches_due ON breaches (tenant, due);
COMMENT ON TABLE breaches IS 'Due times that passed unmet. A row never changes and is never taken back.';
COMMENT ON COLUMN breaches.tenant IS 'The subdistrict.';
COMMENT ON COLUMN breaches.case_id IS 'The case.';
COMMENT ON COLUMN breaches.subject IS 'The case itself or one of its tickets.';
COMMENT ON COLUMN breaches.clock IS 'Which clock; late_registration is the resolve clock of a case not yet registered.';
COMMENT ON COLUMN breaches.run IS 'Which run of it: one breach a run.';
COMMENT ON COLUMN breaches.round IS 'The round of the case.';
COMMENT ON COLUMN breaches.due IS 'The due time that passed.';
COMMENT ON COLUMN breaches.breached_at IS 'The due moment, or when the work submitted in time was refused later, or when a due time moved into the past.';
COMMENT ON COLUMN breaches.organisation IS 'The organisation of the ticket.';

CREATE TABLE deadline_changes (
    tenant text NOT NULL,
    case_id uuid NOT NULL,
    id uuid NOT NULL,
    subject uuid NOT NULL,
    clock text NOT NULL,
    run integer NOT NULL,
    old_due timestamptz,
    new_due timestamptz,
    cause text NOT NULL,
    changed_at timestamptz NOT NULL,
    person_id uuid,
    role text NOT NULL,
    PRIMARY KEY (tenant, case_id, id),
    FOREIGN KEY (tenant, case_id) REFERENCES cases (tenant, id)
);
SELECT spread('deadline_changes');
COMMENT ON TABLE deadline_changes IS 'Each change of a due time: nothing else moves one.';
COMMENT ON COLUMN deadline_changes.tenant IS 'The subdistrict.';
COMMENT ON COLUMN deadline_changes.case_id IS 'The case.';
COMMENT ON COLUMN deadline_changes.id IS 'UUIDv7.';
COMMENT ON COLUMN deadline_changes.subject IS 'The case itself or one of its tickets.';
COMMENT ON COLUMN deadline_changes.clock IS 'Which clock.';
COMMENT ON COLUMN deadline_changes.run IS 'Which run, after the change.';
COMMENT ON COLUMN deadline_changes.old_due IS 'Before; null when it did not run.';
COMMENT ON COLUMN deadline_changes.new_due IS 'After; null when it no longer runs.';
COMMENT ON COLUMN deadline_changes.cause IS 'The action that moved it.';
COMMENT ON COLUMN deadline_changes.changed_at IS 'When.';
COMMENT ON COLUMN deadline_changes.person_id IS 'Who; null for the system.';
COMMENT ON COLUMN deadline_changes.role IS 'In which role.';

CREATE TABLE supervisions (
    tenant text NOT NULL,
    id uuid NOT NULL,
    case_id uuid NOT NULL,
    ticket_id uuid,
    stage integer,
    clock text,
    run integer,
    addressee_kind text NOT NULL CHECK (addressee_kind IN ('person', 'organisation', 'role')),
    addressee text NOT NULL,
    opinion text,
    raised_at timestamptz NOT NULL,
    raised_by uuid,
    raised_role text NOT NULL,
    reply_due_at timestamptz,
    reply text,
    replied_at timestamptz,
    replied_by uuid,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, case_id) REFERENCES cases (tenant, id)
);
SELECT spread('supervisions');
CREATE INDEX supervisions_case ON supervisions (tenant, case_id, raised_at);
CREATE UNIQUE INDEX supervisions_stage ON supervisions (tenant, case_id, coalesce(ticket_id, case_id), clock, run, stage)
    WHERE clock IS NOT NULL;
COMMENT ON TABLE supervisions IS '督办: raised by the system in stages and by people at any time; kept on record.';
COMMENT ON COLUMN supervisions.tenant IS 'The subdistrict.';
COMMENT ON COLUMN supervisions.id IS 'UUIDv7.';
COMMENT ON COLUMN supervisions.case_id IS 'The case.';
COMMENT ON COLUMN supervisions.ticket_id IS 'The ticket, when it is about one.';
COMMENT ON COLUMN supervisions.stage IS 'The system''s: 80, 100 or 120 per cent of the clock.';
COMMENT ON COLUMN supervisions.clock IS 'The system''s: which clock.';
COMMENT ON COLUMN supervisions.run IS 'The system''s: which run; a stage is raised once a run.';
COMMENT ON COLUMN supervisions.addressee_kind IS 'Person, organisation or role.';
COMMENT ON COLUMN supervisions.addressee IS 'Id of the person, code of the organisation, name of the role.';
COMMENT ON COLUMN supervisions.opinion IS 'What the supervisor says.';
COMMENT ON COLUMN supervisions.raised_at IS 'When.';
COMMENT ON COLUMN supervisions.raised_by IS 'By whom; null for the system.';
COMMENT ON COLUMN supervisions.raised_role IS 'In which role.';
COMMENT ON COLUMN supervisions.reply_due_at IS 'A reply is wanted by then.';
COMMENT ON COLUMN supervisions.reply IS 'The reply.';
COMMENT ON COLUMN supervisions.replied_at IS 'When it came.';
COMMENT ON COLUMN supervisions.replied_by IS 'From whom.';

CREATE TABLE accountability (
    tenant text NOT NULL,
    id uuid NOT NULL,
    kind text NOT NULL,
    case_id uuid,
    ticket_id uuid,
    request_id uuid,
    organisation text,
    person_id uuid,
    role text,
    found_at timestamptz NOT NULL,
    facts jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (tenant, id)
);
SELECT spread('accountability');
CREATE INDEX accountability_found ON accountability (tenant, found_at, id);
CREATE UNIQUE INDEX accountability_request ON accountability (tenant, request_id, kind) WHERE request_id IS NOT NULL;
COMMENT ON TABLE accountability IS '责任追究: what somebody has to answer for, found by the machines.';
COMMENT ON COLUMN accountability.tenant IS 'The subdistrict.';
COMMENT ON COLUMN accountability.id IS 'UUIDv7.';
COMMENT ON COLUMN accountability.kind IS 'missed_review, declined_review, missed_callback, sole_person …';
COMMENT ON COLUMN accountability.case_id IS 'The case.';
COMMENT ON COLUMN accountability.ticket_id IS 'The ticket.';
COMMENT ON COLUMN accountability.request_id IS 'The request; one row a kind.';
COMMENT ON COLUMN accountability.organisation IS 'Against an organisation.';
COMMENT ON COLUMN accountability.person_id IS 'Against a person.';
COMMENT ON COLUMN accountability.role IS 'Against whoever holds a role.';
COMMENT ON COLUMN accountability.found_at IS 'When.';
COMMENT ON COLUMN accountability.facts IS 'What it rests on.';
