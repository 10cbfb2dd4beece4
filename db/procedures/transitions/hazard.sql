-- The hazard machine as one table; read it as transitions/case.sql.

CREATE TABLE hazard_states (
    state text PRIMARY KEY,
    open boolean NOT NULL,
    ordinal integer NOT NULL
);
SELECT copy_everywhere('hazard_states');
COMMENT ON TABLE hazard_states IS 'The 6 states of a hazard. Open: it colours its place.';

INSERT INTO hazard_states (state, open, ordinal) VALUES
    ('open', true, 1), ('rectifying', true, 2), ('submitted', true, 3), ('verified', false, 4), ('referred', true, 5),
    ('voided', false, 6);

CREATE TABLE hazard_transitions (
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
SELECT copy_everywhere('hazard_transitions');
COMMENT ON TABLE hazard_transitions IS 'Every transition of a hazard: action, from, to, who, guards.';

INSERT INTO hazard_transitions (ordinal, action, variant, from_states, to_state, who, guards, offered, about) VALUES
    (10, 'create', '', '{-}', 'open',
     '{grid_worker:area,community:area}', '{capacity_known}', false,
     'Coloured by what was declared and by the capacity of its place.'),
    (20, 'plan', '', '{open,rectifying}', '=',
     '{grid_worker:area,community:area,property:place}', '{nodes_future,nodes_within}', true,
     'The nodes; the last of the first plan gives red and orange their due. What was done stays done.'),
    (30, 'node_done', '', '{open,rectifying}', '=',
     '{grid_worker:area,community:area,property:place}', '{node_known,node_left}', true,
     'A node, with its evidence.'),
    (40, 'start', '', '{open}', 'rectifying',
     '{grid_worker:area,community:area,property:place}', '{nodes_planned}', true,
     'Red and orange: with at least one node.'),
    (50, 'submit', '', '{open,rectifying}', 'submitted',
     '{grid_worker:area,community:area,property:place}', '{photo_after}', true,
     'Fixed, with a photo.'),
    (60, 'pass', '', '{submitted}', 'verified',
     '{grid_worker:verify,community:verify,supervisor:verify,leader:verify}', '{}', true,
     'Found fixed: its colour is what it then was.'),
    (70, 'fail', '', '{submitted}', 'rectifying',
     '{grid_worker:verify,community:verify,supervisor:verify,leader:verify}', '{}', true,
     'Not fixed; past the midnight of a blue it is recoloured at once.'),
    (80, 'refer', '', '{open,rectifying}', 'referred',
     '{community:area,dispatcher}', '{}', true,
     'Goes on as a case.'),
    (90, 'case_closed', '', '{referred}', 'submitted',
     '{system}', '{}', false,
     'Its case was closed.'),
    (100, 'case_dropped', '', '{referred}', 'open',
     '{system}', '{}', false,
     'Its case was rejected or voided.'),
    (110, 'case_merged', '', '{referred}', '=',
     '{system}', '{}', false,
     'Its case went up in another, which it follows from then on.'),
    (120, 'case_reopened', '', '{submitted}', 'referred',
     '{system}', '{}', false,
     'Its closed case is worked on again, and nobody has verified it yet.'),
    (130, 'recolour', '', '{open,rectifying}', '=',
     '{system}', '{}', false,
     'At 24:00 of a blue, by a change of capacity, and when it comes back to work.'),
    (140, 'extend', '', '{open,rectifying}', '=',
     '{system}', '{}', false,
     'By approval of its request: the due of red and orange moves.'),
    (150, 'void', '', '{open,rectifying}', 'voided',
     '{system}', '{}', false,
     'By approval of its request.');
