-- Requests: one mechanism for everything that one asks and another decides. A row a kind.
--
-- while:   states of the subject; `*` is always. A request is asked and decided only in them, and expires in the
--          transaction that takes its subject out (a suspension only makes it wait), unless it outlives it.
-- asks:    who may ask, by role:relation; `system` where the machine itself asks.
-- decides: roles; `own` rules and sole persons are the same for all kinds.

CREATE TABLE request_kinds (
    ordinal integer PRIMARY KEY,
    kind text NOT NULL,
    subject text NOT NULL CHECK (subject IN ('case', 'ticket', 'hazard')),
    while_states text[] NOT NULL,
    while_level text,
    outlives boolean NOT NULL,
    asks text[] NOT NULL,
    decides text[] NOT NULL,
    guards text[] NOT NULL,
    about text NOT NULL,
    UNIQUE (subject, kind)
);
SELECT copy_everywhere('request_kinds');
COMMENT ON TABLE request_kinds IS 'What may be asked, while what, by whom, and who decides it.';

INSERT INTO request_kinds (ordinal, kind, subject, while_states, while_level, outlives, asks, decides, guards, about) VALUES
    (10, 'whistle', 'case', '{registered,source_handling}', NULL, false,
     '{grid_worker:area,community:area}', '{dispatcher}', '{lead_free,lead_named,organisations_known}',
     'Approval issues the tickets proposed, or those altered in the call.'),
    (20, 'hard_whistle', 'case', '{registered,source_handling,whistled,handling}', NULL, false,
     '{dispatcher}', '{leader}', '{lead_free,lead_named,organisations_known}',
     '攻坚哨: every post of secretary and street head that somebody holds; the first refusal declines.'),
    (30, 'emergency_review', 'case', '{*}', NULL, true,
     '{system}', '{leader}', '{}',
     'After an emergency whistle, due in 24 h; a refusal or silence goes on record, the tickets stay.'),
    (40, 'plan', 'case', '{registered,source_handling,whistled,handling}', 'major', false,
     '{grid_worker:handler,community:handler,department:lead,dispatcher}', '{leader}', '{}',
     'In force by approval: the resolve due is its latest step. A refusal starts a new run of the plan clock.'),
    (50, 'suspend', 'case', '{registered,source_handling,whistled,handling}', NULL, false,
     '{grid_worker:handler,community:handler,department:lead,dispatcher}', '{leader}', '{due_ahead,review_date}',
     '挂账 until a review date, 1–90 days on, with its open tickets.'),
    (60, 'void', 'case', '{received,accepted,verifying,registered,source_handling,whistled,handling,checking,evaluating,suspended}',
     NULL, false,
     '{dispatcher}', '{leader}', '{}',
     'Voided; every ticket not ended is recalled.'),
    (70, 'reopen', 'case', '{closed}', NULL, false,
     '{citizen:reporter,supervisor}', '{supervisor,leader}', '{reopen_once,reopen_window}',
     'Within 15 days: a new round with tickets or a handler. A leader decides what a supervisor asked.'),
    (80, 'return', 'ticket', '{issued,send_failed,signed}', NULL, true,
     '{department:own}', '{dispatcher}', '{returnable,return_window}',
     '退单: one approved per whistle; undecided after 30 working minutes it is declined.'),
    (90, 'delay', 'ticket', '{signed,reported_in,in_progress}', NULL, false,
     '{department:own}', '{dispatcher,leader}', '{delay_count,finish_ahead,delay_to}',
     '延期: the first of an assist by a dispatcher, of the lead and every second one by a leader.'),
    (100, 'extend', 'hazard', '{open,rectifying}', NULL, false,
     '{grid_worker:area,community:area}', '{dispatcher}', '{extendable,extend_to}',
     'Red and orange: the due moves.'),
    (110, 'void', 'hazard', '{open,rectifying}', NULL, false,
     '{community:area}', '{leader}', '{}',
     'A hazard that was none.');

-- Deciding, as a machine of its own: the state of the request itself.
CREATE TABLE request_transitions (
    ordinal integer PRIMARY KEY,
    action text NOT NULL UNIQUE,
    from_states text[] NOT NULL,
    to_state text NOT NULL,
    who text NOT NULL,
    offered boolean NOT NULL,
    about text NOT NULL
);
SELECT copy_everywhere('request_transitions');
COMMENT ON TABLE request_transitions IS 'Every transition of a request.';

INSERT INTO request_transitions (ordinal, action, from_states, to_state, who, offered, about) VALUES
    (10, 'request', '{-}', 'pending', 'asks', false, 'Asked.'),
    (20, 'approve', '{pending}', 'approved', 'decides', true, 'Whoever the kind names, not who asked.'),
    (30, 'decline', '{pending}', 'declined', 'decides', true, 'The same, with a reason.'),
    (40, 'withdraw', '{pending}', 'withdrawn', 'asker', true, 'By who asked.'),
    (50, 'expire', '{pending}', 'expired', 'system', false, 'The subject left the states in which it may be decided.');
