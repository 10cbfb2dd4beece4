-- The ticket machine as one table; read it as transitions/case.sql.

CREATE TABLE ticket_states (
    state text PRIMARY KEY,
    open boolean NOT NULL,
    ordinal integer NOT NULL
);
SELECT copy_everywhere('ticket_states');
COMMENT ON TABLE ticket_states IS 'The 11 states of a ticket.';

INSERT INTO ticket_states (state, open, ordinal) VALUES
    ('issued', true, 1), ('send_failed', true, 2), ('signed', true, 3), ('reported_in', true, 4),
    ('in_progress', true, 5), ('submitted', true, 6), ('closed', false, 7), ('return_requested', true, 8),
    ('returned', false, 9), ('recalled', false, 10), ('suspended', true, 11);

CREATE TABLE ticket_transitions (
    ordinal integer PRIMARY KEY,
    action text NOT NULL,
    variant text NOT NULL,
    from_states text[] NOT NULL,
    to_state text NOT NULL,
    who text[] NOT NULL,
    guards text[] NOT NULL,
    offered boolean NOT NULL,
    about text NOT NULL,
    UNIQUE (action, variant, from_states)
);
SELECT copy_everywhere('ticket_transitions');
COMMENT ON TABLE ticket_transitions IS 'Every transition of a ticket: action, from, to, who, guards.';

INSERT INTO ticket_transitions (ordinal, action, variant, from_states, to_state, who, guards, offered, about) VALUES
    (10, 'issue', '', '{-}', 'issued',
     '{system}', '{}', false,
     'By a whistle, or by what takes the place of one that went back.'),
    (20, 'send_failed', '', '{issued}', 'send_failed',
     '{system}', '{}', false,
     'Three failed tries of the webhook, or undelivered at sign due; tries go on.'),
    (30, 'delivered', '', '{send_failed}', 'issued',
     '{system}', '{}', false,
     'A later try, or the first pull that shows it.'),
    (40, 'sign', '', '{issued,send_failed}', 'signed',
     '{department:own}', '{}', true,
     '签收; the first of a case takes it to handling.'),
    (50, 'contact', '', '{signed,reported_in,in_progress}', '=',
     '{department:caller}', '{}', true,
     'The lead calls a reporter who may be asked; the first counts.'),
    (60, 'report_in', '', '{signed}', 'reported_in',
     '{department:own}', '{}', true,
     '报到, with point and accuracy.'),
    (70, 'start', '', '{reported_in}', 'in_progress',
     '{department:own}', '{}', true,
     'Work begins.'),
    (80, 'start', 'remote', '{signed}', 'in_progress',
     '{department:own}', '{}', true,
     'Where nobody has to come it begins without reporting in.'),
    (90, 'submit', '', '{in_progress}', 'submitted',
     '{department:own}', '{lead_reply,photo}', true,
     'Result; the lead''s reply for the reporter; cause.'),
    (100, 'approve', '', '{submitted}', 'closed',
     '{dispatcher:apart,community:apart}', '{}', true,
     'Rates the department; a dispatcher may add the feedback with the last open ticket.'),
    (110, 'rework', '', '{submitted}', 'in_progress',
     '{dispatcher:apart,community:apart}', '{}', true,
     'Not good enough; the due time stays.'),
    (120, 'reopen', '', '{closed}', 'in_progress',
     '{system}', '{}', false,
     'By a failed check or a reopening: a new run of the finish clock.'),
    (130, 'recall', '', '{issued,send_failed,signed,reported_in,in_progress,return_requested,suspended}', 'recalled',
     '{dispatcher}', '{recall_suspended,retake_free,replacement}', true,
     'For a lead it says what takes its place; while the case is suspended only assists.'),
    (140, 'recall', 'void', '{open}', 'recalled',
     '{system}', '{}', false,
     'With a case that is voided.'),
    (150, 'ask_return', '', '{issued,send_failed,signed}', 'return_requested',
     '{system}', '{}', false,
     '退单, by its request.'),
    (160, 'keep', '', '{return_requested}', '?',
     '{system}', '{}', false,
     'The return was declined or withdrawn: the state before.'),
    (170, 'return', '', '{return_requested}', 'returned',
     '{system}', '{}', false,
     'The return was approved; for a lead the decision says what takes its place.'),
    (180, 'suspend', '', '{issued,send_failed,signed,reported_in,in_progress,return_requested}', 'suspended',
     '{system}', '{}', false,
     'With the case; what stands submitted stays so.'),
    (190, 'resume', '', '{suspended}', '?',
     '{system}', '{}', false,
     'With the case: the state before.'),
    (200, 'lead_replaced', '', '{closed}', '=',
     '{system}', '{}', false,
     'A new lead was named: this one becomes an assist.'),
    (205, 'promote', '', '{issued,send_failed,signed,reported_in,in_progress,submitted,return_requested}', '=',
     '{system}', '{}', false,
     'An open assist takes the lead of one that went back.'),
    (210, 'supervise', '', '{open}', '=',
     '{leader,supervisor}', '{}', true,
     '督办; by the system in stages.'),
    (220, 'reply_supervision', '', '{open}', '=',
     '{department:supervised}', '{supervision_open}', true,
     'The department answers.');

CREATE TABLE ticket_moves (
    state text NOT NULL,
    action text NOT NULL,
    variant text NOT NULL,
    to_state text NOT NULL,
    who text[] NOT NULL,
    guards text[] NOT NULL,
    offered boolean NOT NULL,
    ordinal integer NOT NULL,
    PRIMARY KEY (state, action, variant)
);
SELECT copy_everywhere('ticket_moves');
COMMENT ON TABLE ticket_moves IS 'ticket_transitions with its groups of states spelt out.';

INSERT INTO ticket_moves (state, action, variant, to_state, who, guards, offered, ordinal)
SELECT s.state, t.action, t.variant, t.to_state, t.who, t.guards, t.offered, t.ordinal
FROM ticket_transitions t
JOIN ticket_states s ON s.state = ANY (t.from_states) OR 'open' = ANY (t.from_states) AND s.open;
