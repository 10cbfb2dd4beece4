-- The case machine as one table. Nothing else in the service knows which action leads from where to where, or who may do it.
--
-- from:   states, or the groups `open`, `working`, `in_work`; `-` is before the beginning.
-- to:     the state after; `=` stays; `?` is decided by the action (the comment says how).
-- who:    role, or role:relation where the row must know the person (relations.sql says how each is found and
--         what its refusal is called). `system` rows are done inside the transaction that causes them, or by a job.
-- guards: in the order in which they refuse; machine_guards says with what code.
-- offered: appears in allowed_actions; false for the system's own.
-- shown:  who sees its event.

CREATE TABLE case_states (
    state text PRIMARY KEY,
    step text,
    working boolean NOT NULL,
    in_work boolean NOT NULL,
    open boolean NOT NULL,
    ordinal integer NOT NULL
);
SELECT copy_everywhere('case_states');
COMMENT ON TABLE case_states IS 'The 14 states of a case, the step of 吹哨报到 each belongs to, and the groups they form.';

INSERT INTO case_states (state, step, working, in_work, open, ordinal) VALUES
    ('received',        'source',   true,  false, true,  1),
    ('accepted',        'source',   true,  false, true,  2),
    ('verifying',       'source',   true,  false, true,  3),
    ('registered',      'source',   true,  true,  true,  4),
    ('source_handling', 'source',   true,  true,  true,  5),
    ('whistled',        'dispatch', true,  true,  true,  6),
    ('handling',        'dispatch', true,  true,  true,  7),
    ('checking',        'check',    false, false, true,  8),
    ('evaluating',      'check',    false, false, true,  9),
    ('closed',          'check',    false, false, false, 10),
    ('rejected',        NULL,       false, false, false, 11),
    ('merged',          NULL,       false, false, false, 12),
    ('suspended',       NULL,       false, false, true,  13),
    ('voided',          NULL,       false, false, false, 14);

CREATE TABLE case_transitions (
    ordinal integer PRIMARY KEY,
    action text NOT NULL,
    variant text NOT NULL,
    from_states text[] NOT NULL,
    to_state text NOT NULL,
    who text[] NOT NULL,
    guards text[] NOT NULL,
    offered boolean NOT NULL,
    shown text NOT NULL,
    about text NOT NULL,
    UNIQUE (action, variant, from_states)
);
SELECT copy_everywhere('case_transitions');
COMMENT ON TABLE case_transitions IS 'Every transition of a case: action, from, to, who, guards.';

INSERT INTO case_transitions (ordinal, action, variant, from_states, to_state, who, guards, offered, shown, about) VALUES
    -- Intake
    (10, 'create', '', '{-}', 'received',
     '{dispatcher,community,grid_worker,window_clerk,client,citizen}', '{}', false, 'public',
     'Who may register it can do so in the same call.'),
    (20, 'edit', '', '{open}', '=',
     '{dispatcher,grid_worker:area,community:area}', '{stays_within,place_kept}', true, 'staff',
     'Corrects place, category or reporter; the area follows the point, the clocks stay.'),
    (30, 'accept', '', '{received}', 'accepted',
     '{dispatcher,grid_worker:area,community:area,window_clerk:window}', '{}', true, 'public',
     'Makes the first contact, unless a staff member created it.'),
    (35, 'accept', 'emergency', '{verifying}', 'accepted',
     '{system}', '{}', false, 'public',
     'An emergency whistle does not wait for the verification.'),
    (40, 'reject', '', '{received,accepted,verifying}', 'rejected',
     '{dispatcher}', '{}', true, 'public',
     'With the code of a reason and its basis; the reporter is told.'),
    (50, 'object', '', '{rejected}', 'received',
     '{citizen:reporter,dispatcher,grid_worker:area,community:area,window_clerk:window}', '{object_once,object_window}', true, 'public',
     'Once, within 15 days: a new round, unregistered again.'),
    (60, 'withdraw', '', '{received,accepted,verifying,registered}', '?',
     '{citizen:reporter,dispatcher,grid_worker:area,community:area,window_clerk:window}', '{}', true, 'public',
     'Voided; while other reporters remain it stays, and this one is off it.'),
    (70, 'merge', '', '{received,accepted,verifying,registered,source_handling}', 'merged',
     '{dispatcher}', '{merge_target,merge_known}', true, 'public',
     'Goes up in another case, with its reporters, references and arrivals.'),
    (80, 'ask_verification', '', '{accepted}', 'verifying',
     '{dispatcher}', '{verifier_known}', true, 'public',
     'Sends a grid worker of the grid to look.'),
    (90, 'report_verification', '', '{verifying}', 'accepted',
     '{grid_worker:area,community:area}', '{}', true, 'public',
     'Found or not; the dispatcher then registers or rejects.'),
    (100, 'register', '', '{accepted}', 'registered',
     '{dispatcher,grid_worker:area,community:area}', '{level_allowed}', true, 'public',
     '立案: level and category; only a dispatcher registers above ordinary.'),
    (110, 'reclass', '', '{in_work}', '=',
     '{dispatcher,leader}', '{reclass_leader}', true, 'staff',
     'Another level; past the due time only a leader.'),
    -- At the source
    (120, 'start_source', '', '{registered}', 'source_handling',
     '{grid_worker:area,community:area}', '{}', true, 'public',
     'Becomes the handler.'),
    (130, 'reassign', '', '{source_handling}', '=',
     '{dispatcher,community:area}', '{handler_known}', true, 'staff',
     'Another grid worker or community person of the area.'),
    (140, 'arrive', '', '{working}', '=',
     '{grid_worker:reach,community:reach,grid_worker:handler,community:handler,department:open}', '{}', true, 'public',
     'By the server''s time; the first counts, later ones are kept.'),
    (150, 'source_done', '', '{source_handling}', 'checking',
     '{grid_worker:handler,community:handler}', '{plan_carried_out,photo}', true, 'public',
     'Solved at the source: result, and the reply for the reporter.'),
    -- Dispatch
    (160, 'whistle', 'everyday', '{in_work}', '?',
     '{dispatcher}', '{lead_free,lead_named,organisations_known}', true, 'public',
     'Whistled; handling if a ticket was already signed in this round.'),
    (170, 'whistle', 'emergency', '{working,suspended}', '?',
     '{dispatcher,leader,community:area}', '{lead_free,lead_named,organisations_known}', true, 'public',
     'Accepts and registers as needed, ends a suspension, opens or joins a review.'),
    (180, 'whistle', 'hard', '{in_work}', '?',
     '{system}', '{lead_free,lead_named,organisations_known}', false, 'public',
     'By the last approval of its request.'),
    (190, 'whistle', 'proposed', '{registered,source_handling}', '?',
     '{system}', '{lead_free,lead_named,organisations_known}', false, 'public',
     'By approval of a grid worker''s request.'),
    (200, 'first_sign', '', '{whistled}', 'handling',
     '{system}', '{}', false, 'public',
     'The first signature of a ticket.'),
    (210, 'retake', '', '{whistled,handling}', 'source_handling',
     '{system}', '{}', false, 'public',
     'The lead went back and no ticket is open: somebody at the source takes it.'),
    -- Plan
    (220, 'plan', '', '{in_work}', '=',
     '{grid_worker:handler,community:handler,department:lead,dispatcher}', '{major,plan_once,plan_parties,plan_future}', true, 'staff',
     'Submitted; a leader decides. While one is approved it is a change.'),
    (230, 'step_done', '', '{in_work}', '=',
     '{grid_worker:step,community:step,department:step,dispatcher:step,leader:step,window_clerk:step,supervisor:step}',
     '{plan_in_force,step_left,step_mine,step_open}', true, 'staff',
     'By whom the step names.'),
    (240, 'step_waive', '', '{in_work}', '=',
     '{leader}', '{plan_in_force,step_left,step_open}', true, 'staff',
     'A step that is not needed after all.'),
    (250, 'feedback', '', '{handling}', 'checking',
     '{dispatcher}', '{no_open_ticket,lead_closed,plan_carried_out}', true, 'public',
     '办结反馈: the reply goes to the reporter.'),
    -- Check and rating
    (260, 'check_sampled_out', '', '{checking}', '?',
     '{system}', '{}', false, 'public',
     'The draw leaves this round unchecked: as a pass.'),
    (270, 'check', 'pass', '{checking}', '?',
     '{supervisor:check,leader:check,community:check,grid_worker:check}', '{check_near}', true, 'public',
     'Evaluating, or closed unrated when no reporter can be asked.'),
    (280, 'check', 'fail', '{checking}', '?',
     '{supervisor:check,leader:check,community:check,grid_worker:check}', '{check_near,reason,rework_named,organisations_known}', true, 'public',
     'Back to where the work came from: handling, or source_handling with the same handler.'),
    (290, 'callback', '', '{evaluating}', '?',
     '{supervisor}', '{rater_left,callback_answers}', true, 'staff',
     'Not reached counts a try; reached is a rating: closed.'),
    (300, 'rate', '', '{evaluating}', 'closed',
     '{citizen:reporter,dispatcher:reporter,grid_worker:reporter,community:reporter,window_clerk:reporter}',
     '{rate_once}', true, 'public',
     'Solved no, or satisfied 1 or 2, opens or joins a request to reopen.'),
    (310, 'rate', 'late', '{closed}', '=',
     '{citizen:reporter,dispatcher:reporter,grid_worker:reporter,community:reporter,window_clerk:reporter}',
     '{rate_once,rate_window}', true, 'public',
     'Reporters who have not rated, within 7 days after evaluating began.'),
    (320, 'auto_close', '', '{evaluating}', 'closed',
     '{system}', '{}', false, 'public',
     'Nobody rated within 7 days: unrated.'),
    (330, 'reopen', '', '{closed}', '?',
     '{system}', '{}', false, 'public',
     'By approval of its request: a new round, handling with tickets or source_handling with a handler.'),
    -- Beside the loop
    (340, 'suspend', '', '{in_work}', 'suspended',
     '{system}', '{}', false, 'public',
     '挂账, by approval of its request.'),
    (350, 'resume', '', '{suspended}', '?',
     '{dispatcher}', '{}', true, 'public',
     'The state before; by the system at 00:00 of the review date.'),
    (360, 'void', '', '{open}', 'voided',
     '{system}', '{}', false, 'public',
     'By approval of its request; every ticket not ended is recalled.'),
    (370, 'comment', '', '{open}', '=',
     '{dispatcher,leader,supervisor,community,grid_worker,window_clerk,department}', '{}', true, 'staff',
     'Public or internal.'),
    (380, 'urge', '', '{open}', '=',
     '{citizen:reporter,dispatcher:reporter,grid_worker:reporter,community:reporter,window_clerk:reporter}',
     '{urge_hourly}', true, 'public',
     '催办, once an hour.'),
    (390, 'supervise', '', '{open}', '=',
     '{leader,supervisor}', '{addressee_known}', true, 'staff',
     '督办: an opinion, and a reply wanted by when; by the system in stages.'),
    (400, 'reply_supervision', '', '{open}', '=',
     '{grid_worker:addressee,community:addressee,department:addressee,dispatcher:addressee,leader:addressee,window_clerk:addressee,supervisor:addressee}',
     '{supervision_open}', true, 'staff',
     'The addressee answers.');

-- One row for each state an action leads from: what the machine looks up.
CREATE TABLE case_moves (
    state text NOT NULL,
    action text NOT NULL,
    variant text NOT NULL,
    to_state text NOT NULL,
    who text[] NOT NULL,
    guards text[] NOT NULL,
    PRIMARY KEY (state, action, variant)
);
SELECT copy_everywhere('case_moves');
COMMENT ON TABLE case_moves IS 'case_transitions with its groups of states spelt out.';

INSERT INTO case_moves (state, action, variant, to_state, who, guards)
SELECT s.state, t.action, CASE WHEN t.variant = 'late' THEN '' ELSE t.variant END, t.to_state, t.who, t.guards
FROM case_transitions t
JOIN case_states s ON s.state = ANY (t.from_states)
    OR 'open' = ANY (t.from_states) AND s.open
    OR 'working' = ANY (t.from_states) AND s.working
    OR 'in_work' = ANY (t.from_states) AND s.in_work;

-- What may be offered in a state, and to whom: one row an action, whatever its variants.
CREATE TABLE case_offers (
    state text NOT NULL,
    ordinal integer NOT NULL,
    action text NOT NULL,
    who text[] NOT NULL,
    PRIMARY KEY (state, ordinal)
);
SELECT copy_everywhere('case_offers');
COMMENT ON TABLE case_offers IS 'case_moves as allowed_actions needs them.';

INSERT INTO case_offers (state, ordinal, action, who)
SELECT m.state, min(t.ordinal), m.action, array_agg(DISTINCT w.who)
FROM case_moves m
JOIN case_transitions t ON t.action = m.action AND t.offered
CROSS JOIN LATERAL unnest(m.who) AS w (who)
WHERE w.who <> 'system'
GROUP BY m.state, m.action;
