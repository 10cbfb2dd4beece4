-- How a row knows a person, and what it is called when it does not; and the guards with their codes.

CREATE TABLE machine_relations (
    relation text PRIMARY KEY,
    refusal text NOT NULL,
    about text NOT NULL
);
SELECT copy_everywhere('machine_relations');
COMMENT ON TABLE machine_relations IS 'The part behind the colon of who: code of the refusal, and what it means.';

INSERT INTO machine_relations (relation, refusal, about) VALUES
    ('area',       'not_in_area',  'Grid worker: a grid assigned; community: its area with all below. No area is nobody''s own.'),
    ('reach',      'not_in_area',  'As area; a case without an area is in everybody''s reach.'),
    ('window',     'not_handler',  'Created by the clerk''s own window.'),
    ('reporter',   'not_handler',  'One of the reporters who did not take themselves off.'),
    ('creator',    'not_handler',  'The machine client that brought it in.'),
    ('handler',    'not_handler',  'The handler at the source.'),
    ('lead',       'not_handler',  'Of the organisation that has the lead.'),
    ('open',       'not_handler',  'Of an organisation with an open ticket.'),
    ('step',       'not_handler',  'Named by a step of the plan in force.'),
    ('addressee',  'not_handler',  'A supervision waits for this person''s reply.'),
    ('check',      'worked_on_it', 'A checker: supervisor, leader, the case''s community, another grid of it, and did not work on it.'),
    ('own',        'not_handler',  'Of the organisation of the ticket.'),
    ('caller',     'not_handler',  'The same, and it is the lead of a case whose reporter may be asked.'),
    ('apart',      'worked_on_it', 'Did not act on the ticket; community: the case in its own area.'),
    ('supervised', 'not_handler',  'Of the organisation of the ticket, and a supervision waits.'),
    ('place',      'not_handler',  'Of the company that runs the place of the hazard, or the estate in which it lies.'),
    ('verify',     'worked_on_it', 'In whose area the hazard lies, or a supervisor, who neither started nor submitted it.');

CREATE TABLE machine_guards (
    guard text PRIMARY KEY,
    stage integer NOT NULL CHECK (stage IN (409, 403, 422)),
    refusal text NOT NULL,
    about text NOT NULL
);
SELECT copy_everywhere('machine_guards');
COMMENT ON TABLE machine_guards IS 'Guards: what only the world can change (409) comes before the person (403), and that before what needs the row (422).';

INSERT INTO machine_guards (guard, stage, refusal, about) VALUES
    ('object_once',         409, 'already_done',          'A case is objected to once.'),
    ('object_window',       409, 'window_over',           'Within 15 days of the rejection.'),
    ('rate_once',           409, 'already_done',          'Each reporter rates once a round.'),
    ('rate_window',         409, 'window_over',           'Within 7 days after evaluating began.'),
    ('rater_left',          409, 'already_done',          'A reporter who has not rated is left.'),
    ('urge_hourly',         409, 'already_done',          'Once an hour.'),
    ('no_open_ticket',      409, 'open_tickets',          'No ticket of the case is open.'),
    ('lead_closed',         409, 'lead_not_closed',       'The lead is closed.'),
    ('lead_free',           409, 'lead_not_closed',       'A new lead only where the present one is closed, returned or recalled.'),
    ('plan_carried_out',    409, 'plan_missing',          'Major: a plan is in force and each of its steps done or waived.'),
    ('plan_in_force',       409, 'plan_missing',          'A plan is in force.'),
    ('step_left',           409, 'already_done',          'The step is neither done nor waived.'),
    ('major',               409, 'not_major',             'Only a major case has a plan.'),
    ('plan_once',           409, 'request_pending',       'No plan waits for a decision.'),
    ('merge_target',        409, 'target_state',          'Another case, working or suspended.'),
    ('reopen_once',         409, 'already_done',          'Once per reporter and closure.'),
    ('reopen_window',       409, 'window_over',           'Within 15 days of closing.'),
    ('due_ahead',           409, 'window_over',           'The resolve due, else the plan due, is not past.'),
    ('finish_ahead',        409, 'window_over',           'The finish due is not past.'),
    ('delay_count',         409, 'already_done',          'No third delay.'),
    ('returnable',          409, 'already_done',          'Not final: no return of this whistle was approved, none of this ticket declined.'),
    ('return_window',       409, 'window_over',           'Within 4 working hours of issue; an emergency never.'),
    ('retake_free',         409, 'open_tickets',          'Taken back to the source only when no other ticket is open.'),
    ('recall_suspended',    409, 'invalid_transition',    'While the case is suspended only assists are recalled.'),
    ('node_left',           409, 'already_done',          'The node is not done.'),
    ('extendable',          409, 'invalid_transition',    'Red or orange, with a due that can move.'),
    ('stays_within',        403, 'not_in_area',           'Whoever has an area keeps the case inside it.'),
    ('level_allowed',       403, 'level_not_allowed',     'Above ordinary only a dispatcher registers.'),
    ('step_mine',           403, 'not_handler',           'The step names this person, role or organisation.'),
    ('reclass_leader',      403, 'level_not_allowed',     'Past the due time only a leader.'),
    ('caller_apart',        403, 'worked_on_it',          'Not the handler, while another supervisor is there to call.'),
    ('place_kept',          422, 'place_missing',         'A point, an address, a place or an area is left.'),
    ('step_open',           422, 'unknown_reference',     'The step is one of the plan in force.'),
    ('supervision_open',    422, 'unknown_reference',     'The supervision waits for a reply.'),
    ('plan_parties',        422, 'unknown_reference',     'Each step names the handler, a leader, a dispatcher or an organisation with an open ticket.'),
    ('plan_future',         422, 'not_in_future',         'Each step is due in the future.'),
    ('photo',               422, 'photo_missing',         'The category wants a photo.'),
    ('check_near',          422, 'too_far',               'On scene: the checker stood within 200 m and the accuracy, which counts for 100 m at most.'),
    ('reason',              422, 'required',              'A reason.'),
    ('lead_named',          422, 'lead_not_named',        'The first whistle names exactly one lead, a later one at most one.'),
    ('rework_named',        422, 'lead_not_named',        'A fail after feedback opens the lead again or names a new one; otherwise no tickets are named (invalid_value).'),
    ('lead_reply',          422, 'required',              'The lead says what the reporter is told.'),
    ('organisations_known', 422, 'unknown_reference',     'Tickets go to active organisations.'),
    ('verifier_known',      422, 'unknown_reference',     'A grid worker of the grid.'),
    ('addressee_known',     422, 'unknown_reference',     'Whom it addresses is active here.'),
    ('handler_known',       422, 'unknown_reference',     'A grid worker or community person of the area.'),
    ('replacement',         422, 'lead_not_named',        'What takes the place of a lead: new_lead, promote or retake.'),
    ('review_date',         422, 'out_of_range',          '1 to 90 days on.'),
    ('merge_known',         422, 'unknown_reference',     'The other case is there.'),
    ('callback_answers',    422, 'required',              'Who was reached has answered.'),
    ('delay_to',            422, 'out_of_range',          'Later than the due; an assist''s not later than the case''s.'),
    ('capacity_known',      422, 'capacity_unknown',      'Without the capacity of its place only what can be fixed the same day has a colour.'),
    ('nodes_future',        422, 'not_in_future',         'Each node is due in the future.'),
    ('nodes_within',        422, 'out_of_range',          'No node is due after the hazard, and of red and orange the last is due with it.'),
    ('node_known',          422, 'unknown_reference',     'The node is one of the plan that counts.'),
    ('nodes_planned',       422, 'nodes_missing',         'Red and orange have at least one node.'),
    ('photo_after',         422, 'photo_missing',         'A photo shows that it is fixed.'),
    ('extend_to',           422, 'out_of_range',          'Later than the due, and in the future.');
