-- Figures again, for streets with a million cases: what each round of a case and each run of a ticket counts for, and
-- roll-ups that a period of any length is put together from. A round that was reopened keeps what it counted for. Written by
-- one job from the feed, which begins at its start. The tables of 0009 stay for the releases before, until none reads them.

CREATE TABLE round_figures (
    tenant text NOT NULL,
    case_id uuid NOT NULL,
    round integer NOT NULL,
    area text NOT NULL,
    category text NOT NULL,
    organisation text NOT NULL,
    level text NOT NULL,
    residents boolean NOT NULL,
    counts boolean NOT NULL,
    received_on date,
    whistled boolean NOT NULL,
    arrive_due_on date,
    arrive_met boolean NOT NULL,
    resolve_due_on date,
    resolve_met boolean NOT NULL,
    plan_due_on date,
    plan_met boolean NOT NULL,
    due_on date,
    closed_on date,
    on_time boolean NOT NULL,
    late smallint,
    at_source boolean NOT NULL,
    reworked boolean NOT NULL,
    reached integer NOT NULL,
    contacted integer NOT NULL,
    solved integer NOT NULL,
    satisfied integer[] NOT NULL,
    excluded text CHECK (excluded IN ('anonymous', 'unreachable', 'unreasonable', 'no_reporter', 'not_reached')),
    excluded_on date,
    steps smallint[] NOT NULL,
    ms bigint[] NOT NULL,
    PRIMARY KEY (tenant, case_id, round)
);
SELECT spread('round_figures');
-- Steps are read from the rows under two filters, and under one for single days; so is what a period closes of earlier dues.
CREATE INDEX round_figures_closed ON round_figures (tenant, closed_on) WHERE closed_on IS NOT NULL;
CREATE INDEX round_figures_area ON round_figures (tenant, area, closed_on) WHERE closed_on IS NOT NULL;
CREATE INDEX round_figures_category ON round_figures (tenant, category, area, closed_on) WHERE closed_on IS NOT NULL;
CREATE INDEX round_figures_organisation ON round_figures (tenant, organisation, area, closed_on) WHERE closed_on IS NOT NULL;
CREATE INDEX round_figures_carried ON round_figures (tenant, late, due_on) WHERE late > 0;
CREATE INDEX round_figures_excluded ON round_figures (tenant, excluded_on, case_id, round) WHERE excluded IS NOT NULL;
COMMENT ON TABLE round_figures IS 'What one round of a case counts for. Days are local days of the street.';
COMMENT ON COLUMN round_figures.tenant IS 'The subdistrict.';
COMMENT ON COLUMN round_figures.case_id IS 'The case.';
COMMENT ON COLUMN round_figures.round IS 'Its round: a reopening or an objection begins the next.';
COMMENT ON COLUMN round_figures.area IS 'Its area as it is now; empty when it lies in none.';
COMMENT ON COLUMN round_figures.category IS 'Category as it is now.';
COMMENT ON COLUMN round_figures.organisation IS 'Organisation of the lead; empty when it was not whistled.';
COMMENT ON COLUMN round_figures.level IS 'Level as it is now.';
COMMENT ON COLUMN round_figures.residents IS 'Residents raised it: the four 5341 rates count it.';
COMMENT ON COLUMN round_figures.counts IS 'False: rejected, merged or voided, in no rate.';
COMMENT ON COLUMN round_figures.received_on IS 'Round 1: day of intake.';
COMMENT ON COLUMN round_figures.whistled IS 'A ticket was issued.';
COMMENT ON COLUMN round_figures.arrive_due_on IS 'Round 1: day of the arrive due; null where nobody must come, or the clock ended before.';
COMMENT ON COLUMN round_figures.arrive_met IS 'Somebody came by then.';
COMMENT ON COLUMN round_figures.resolve_due_on IS 'Round 1: day of the resolve due.';
COMMENT ON COLUMN round_figures.resolve_met IS 'Solved in round 1, that clock not breached.';
COMMENT ON COLUMN round_figures.plan_due_on IS 'Round 1: day of the first plan due; major only.';
COMMENT ON COLUMN round_figures.plan_met IS 'A plan was submitted in round 1 before that clock was breached.';
COMMENT ON COLUMN round_figures.due_on IS 'Day of the round''s resolve due; null while suspended, and where a rejection ended the round.';
COMMENT ON COLUMN round_figures.closed_on IS 'Day on which the round was closed.';
COMMENT ON COLUMN round_figures.on_time IS 'Closed, and the round''s resolve clock not breached.';
COMMENT ON COLUMN round_figures.late IS 'Days from due to closing, in classes that double: 0, 1, 2–3, 4–7 …; null while open or not due.';
COMMENT ON COLUMN round_figures.at_source IS 'Closed before any ticket was issued.';
COMMENT ON COLUMN round_figures.reworked IS 'Until it was closed a check failed or a ticket was sent back.';
COMMENT ON COLUMN round_figures.reached IS 'Reporters who rated this round, in person or when they were called.';
COMMENT ON COLUMN round_figures.contacted IS 'Those of them who say that they were contacted.';
COMMENT ON COLUMN round_figures.solved IS 'Those of them who say that it is solved.';
COMMENT ON COLUMN round_figures.satisfied IS 'How many of them gave 1, 2, 3, 4 and 5.';
COMMENT ON COLUMN round_figures.excluded IS 'Why it is not among the rated: 剔除.';
COMMENT ON COLUMN round_figures.excluded_on IS 'Day it was closed or rejected.';
COMMENT ON COLUMN round_figures.steps IS 'Of a closed round: each step that happened, as 512 times its number and the bucket of its length.';
COMMENT ON COLUMN round_figures.ms IS 'How long each of them took, in milliseconds.';

CREATE TABLE run_figures (
    tenant text NOT NULL,
    ticket_id uuid NOT NULL,
    run integer NOT NULL,
    case_id uuid NOT NULL,
    area text NOT NULL,
    category text NOT NULL,
    organisation text NOT NULL,
    level text NOT NULL,
    counts boolean NOT NULL,
    issued_on date,
    returned boolean NOT NULL,
    due_on date,
    extended boolean NOT NULL,
    contact_due_on date,
    contact_met boolean NOT NULL,
    closed_on date,
    steps smallint[] NOT NULL,
    ms bigint[] NOT NULL,
    PRIMARY KEY (tenant, ticket_id, run)
);
SELECT spread('run_figures');
CREATE INDEX run_figures_case ON run_figures (tenant, case_id);
CREATE INDEX run_figures_closed ON run_figures (tenant, closed_on) WHERE closed_on IS NOT NULL;
CREATE INDEX run_figures_area ON run_figures (tenant, area, closed_on) WHERE closed_on IS NOT NULL;
CREATE INDEX run_figures_category ON run_figures (tenant, category, area, closed_on) WHERE closed_on IS NOT NULL;
CREATE INDEX run_figures_organisation ON run_figures (tenant, organisation, area, closed_on) WHERE closed_on IS NOT NULL;
COMMENT ON TABLE run_figures IS 'What one run of a ticket counts for. Days are local days of the street.';
COMMENT ON COLUMN run_figures.tenant IS 'The subdistrict.';
COMMENT ON COLUMN run_figures.ticket_id IS 'The ticket.';
COMMENT ON COLUMN run_figures.run IS 'The run of its finish clock: one more with each reopening.';
COMMENT ON COLUMN run_figures.case_id IS 'Its case.';
COMMENT ON COLUMN run_figures.area IS 'Area of the case as it is now; empty when it lies in none.';
COMMENT ON COLUMN run_figures.category IS 'Category of the case as it is now.';
COMMENT ON COLUMN run_figures.organisation IS 'The organisation that was asked.';
COMMENT ON COLUMN run_figures.level IS 'Level of the case as it is now.';
COMMENT ON COLUMN run_figures.counts IS 'False: its case was rejected, merged or voided.';
COMMENT ON COLUMN run_figures.issued_on IS 'Run 1: day it was issued.';
COMMENT ON COLUMN run_figures.returned IS 'It was returned: 退单.';
COMMENT ON COLUMN run_figures.due_on IS 'Day of the run''s finish due; null when returned, recalled or suspended.';
COMMENT ON COLUMN run_figures.extended IS 'A delay was approved in this run: 延期.';
COMMENT ON COLUMN run_figures.contact_due_on IS 'Run 1: day of the contact due; null where there is none.';
COMMENT ON COLUMN run_figures.contact_met IS 'The reporter was contacted by then.';
COMMENT ON COLUMN run_figures.closed_on IS 'Day on which the run was closed.';
COMMENT ON COLUMN run_figures.steps IS 'Of a closed run: its steps, as in round_figures.';
COMMENT ON COLUMN run_figures.ms IS 'How long each of them took, in milliseconds.';

-- Sums are null where there is nothing to count: most of a row is.
CREATE TABLE figure_sums (
    tenant text NOT NULL,
    cut text NOT NULL CHECK (cut IN ('all', 'area', 'category', 'organisation', 'cell')),
    area text NOT NULL,
    category text NOT NULL,
    organisation text NOT NULL,
    grain text NOT NULL CHECK (grain IN ('day', 'ten', 'month', 'year')),
    day date NOT NULL,
    level text NOT NULL,
    arrive integer,
    arrive_met integer,
    arrive_rest integer,
    arrive_rest_met integer,
    ordinary integer,
    ordinary_met integer,
    ordinary_rest integer,
    ordinary_rest_met integer,
    complex integer,
    complex_met integer,
    complex_rest integer,
    complex_rest_met integer,
    plan integer,
    plan_met integer,
    plan_rest integer,
    plan_rest_met integer,
    received integer,
    whistled integer,
    due integer,
    due_closed integer,
    due_on_time integer,
    closed integer,
    at_source integer,
    reworked integer,
    reached integer,
    contacted integer,
    solved integer,
    satisfied_1 integer,
    satisfied_2 integer,
    satisfied_3 integer,
    satisfied_4 integer,
    satisfied_5 integer,
    issued integer,
    returned integer,
    finish integer,
    extended integer,
    contact integer,
    contact_met integer,
    PRIMARY KEY (tenant, cut, area, category, organisation, grain, day, level)
);
SELECT spread('figure_sums');
CREATE INDEX figure_sums_cells ON figure_sums (tenant, grain, day) WHERE cut = 'cell';
COMMENT ON TABLE figure_sums IS 'Roll-ups of rates: what rounds and runs count for, by day, ten days, month and year.';
COMMENT ON COLUMN figure_sums.tenant IS 'The subdistrict.';
COMMENT ON COLUMN figure_sums.cut IS 'By what it is summed: nothing, one of area, category and organisation, or all three (cell).';
COMMENT ON COLUMN figure_sums.area IS 'Which area, empty for none; empty where it is not summed by area.';
COMMENT ON COLUMN figure_sums.category IS 'Which category; empty where it is not summed by category.';
COMMENT ON COLUMN figure_sums.organisation IS 'Which organisation; empty where it is not summed by organisation.';
COMMENT ON COLUMN figure_sums.grain IS 'Day, ten days (from the 1st, 11th and 21st: 旬), month or year.';
COMMENT ON COLUMN figure_sums.day IS 'Its first day.';
COMMENT ON COLUMN figure_sums.level IS 'Level of the case.';
COMMENT ON COLUMN figure_sums.arrive IS 'Raised by residents, arrive due then.';
COMMENT ON COLUMN figure_sums.arrive_met IS 'Those somebody came to in time.';
COMMENT ON COLUMN figure_sums.arrive_rest IS 'The same of all others.';
COMMENT ON COLUMN figure_sums.arrive_rest_met IS 'The same of all others.';
COMMENT ON COLUMN figure_sums.ordinary IS 'Raised by residents, of level ordinary, resolve due then.';
COMMENT ON COLUMN figure_sums.ordinary_met IS 'Those solved in time.';
COMMENT ON COLUMN figure_sums.ordinary_rest IS 'The same of all others.';
COMMENT ON COLUMN figure_sums.ordinary_rest_met IS 'The same of all others.';
COMMENT ON COLUMN figure_sums.complex IS 'Raised by residents, of level complex, resolve due then.';
COMMENT ON COLUMN figure_sums.complex_met IS 'Those solved in time.';
COMMENT ON COLUMN figure_sums.complex_rest IS 'The same of all others.';
COMMENT ON COLUMN figure_sums.complex_rest_met IS 'The same of all others.';
COMMENT ON COLUMN figure_sums.plan IS 'Raised by residents, of level major, plan due then.';
COMMENT ON COLUMN figure_sums.plan_met IS 'Those with a plan in time.';
COMMENT ON COLUMN figure_sums.plan_rest IS 'The same of all others.';
COMMENT ON COLUMN figure_sums.plan_rest_met IS 'The same of all others.';
COMMENT ON COLUMN figure_sums.received IS 'Cases received then.';
COMMENT ON COLUMN figure_sums.whistled IS 'Those for which a ticket was issued.';
COMMENT ON COLUMN figure_sums.due IS 'Rounds with a resolve due then.';
COMMENT ON COLUMN figure_sums.due_closed IS 'Rounds closed then, or when they were due if they had been closed before.';
COMMENT ON COLUMN figure_sums.due_on_time IS 'Those of them whose clock was not breached.';
COMMENT ON COLUMN figure_sums.closed IS 'Rounds closed then.';
COMMENT ON COLUMN figure_sums.at_source IS 'Those without a ticket.';
COMMENT ON COLUMN figure_sums.reworked IS 'Those with a failed check or a ticket sent back.';
COMMENT ON COLUMN figure_sums.reached IS 'Reporters who rated them.';
COMMENT ON COLUMN figure_sums.contacted IS 'Those of them who were contacted.';
COMMENT ON COLUMN figure_sums.solved IS 'Those of them for whom it is solved.';
COMMENT ON COLUMN figure_sums.satisfied_1 IS 'Those of them who gave 1.';
COMMENT ON COLUMN figure_sums.satisfied_2 IS 'Those of them who gave 2.';
COMMENT ON COLUMN figure_sums.satisfied_3 IS 'Those of them who gave 3.';
COMMENT ON COLUMN figure_sums.satisfied_4 IS 'Those of them who gave 4.';
COMMENT ON COLUMN figure_sums.satisfied_5 IS 'Those of them who gave 5.';
COMMENT ON COLUMN figure_sums.issued IS 'Tickets issued then.';
COMMENT ON COLUMN figure_sums.returned IS 'Those that were returned.';
COMMENT ON COLUMN figure_sums.finish IS 'Runs of tickets with a finish due then.';
COMMENT ON COLUMN figure_sums.extended IS 'Those with an approved delay.';
COMMENT ON COLUMN figure_sums.contact IS 'Tickets with a contact due then.';
COMMENT ON COLUMN figure_sums.contact_met IS 'Those whose reporter was contacted in time.';

CREATE TABLE figure_steps (
    tenant text NOT NULL,
    cut text NOT NULL CHECK (cut IN ('all', 'area', 'category', 'organisation')),
    key text NOT NULL,
    grain text NOT NULL CHECK (grain IN ('day', 'ten', 'month', 'year')),
    day date NOT NULL,
    level text NOT NULL,
    steps smallint[] NOT NULL,
    counts integer[] NOT NULL,
    ms bigint[] NOT NULL,
    PRIMARY KEY (tenant, cut, key, grain, day, level),
    CHECK (cardinality(steps) = cardinality(counts) AND cardinality(steps) = cardinality(ms))
);
SELECT spread('figure_steps');
COMMENT ON TABLE figure_steps IS 'Roll-ups of steps: histograms of how long they took, by the day on which the round or run was closed.';
COMMENT ON COLUMN figure_steps.tenant IS 'The subdistrict.';
COMMENT ON COLUMN figure_steps.cut IS 'By what it is summed: nothing, area, category or organisation.';
COMMENT ON COLUMN figure_steps.key IS 'Which of them; empty for all, and for no area.';
COMMENT ON COLUMN figure_steps.grain IS 'As in figure_sums; by day for all only: of one area there is little to sum in a day.';
COMMENT ON COLUMN figure_steps.day IS 'Its first day.';
COMMENT ON COLUMN figure_steps.level IS 'Level of the case.';
COMMENT ON COLUMN figure_steps.steps IS 'Buckets that are not empty: 512 times the step''s number and the bucket.';
COMMENT ON COLUMN figure_steps.counts IS 'How many fell into each.';
COMMENT ON COLUMN figure_steps.ms IS 'The sum of their milliseconds.';

CREATE TABLE figure_positions (
    tenant text PRIMARY KEY,
    position bigint NOT NULL
);
SELECT spread('figure_positions');
COMMENT ON TABLE figure_positions IS 'How far the figures have read each street''s feed.';
COMMENT ON COLUMN figure_positions.tenant IS 'The subdistrict.';
COMMENT ON COLUMN figure_positions.position IS 'Everything up to here is counted.';

COMMENT ON TABLE case_figures IS 'Given up for round_figures: only releases before it write here.';
COMMENT ON TABLE ticket_figures IS 'Given up for run_figures: only releases before it write here.';
COMMENT ON TABLE figures IS 'Given up for figure_sums and figure_steps: only releases before them write here.';
COMMENT ON TABLE figure_progress IS 'Given up for figure_positions: only releases before it write here.';

-- The street's list of breaches, newest first.
CREATE INDEX breaches_breached ON breaches (tenant, breached_at, subject, clock, run);

INSERT INTO dictionary_entries (dictionary, code, ordinal, zh, en) VALUES
    ('breach_clock', 'arrive', 10, '到场', 'Arrive'),
    ('breach_clock', 'resolve', 20, '解决', 'Resolve'),
    ('breach_clock', 'late_registration', 25, '逾期未立案', 'Registered late'),
    ('breach_clock', 'plan', 30, '形成方案', 'Plan'),
    ('breach_clock', 'sign', 40, '签收', 'Sign'),
    ('breach_clock', 'contact', 50, '联系群众', 'Contact'),
    ('breach_clock', 'report', 60, '报到', 'Report in'),
    ('breach_clock', 'finish', 70, '办结', 'Finish');
