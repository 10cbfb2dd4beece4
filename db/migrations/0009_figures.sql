-- Figures: what each case and each ticket counts for, and the roll-ups over them. Written by one job from the feed, never in
-- the transaction of an action: a counter that every write must lock would make a queue of them.

CREATE TABLE case_figures (
    tenant text NOT NULL,
    case_id uuid NOT NULL,
    areas text[] NOT NULL,
    category text NOT NULL,
    organisation text,
    level text NOT NULL,
    residents boolean NOT NULL,
    counts boolean NOT NULL,
    received_on date NOT NULL,
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
    reworked boolean NOT NULL,
    reached integer NOT NULL,
    contacted integer NOT NULL,
    solved integer NOT NULL,
    satisfied integer[] NOT NULL,
    excluded text CHECK (excluded IN ('anonymous', 'unreachable', 'unreasonable', 'no_reporter', 'not_reached')),
    excluded_on date,
    accept_ms bigint,
    register_ms bigint,
    arrive_ms bigint,
    whistle_ms bigint,
    resolve_ms bigint,
    check_ms bigint,
    evaluate_ms bigint,
    close_ms bigint,
    PRIMARY KEY (tenant, case_id)
);
SELECT spread('case_figures');
CREATE INDEX case_figures_closed ON case_figures (tenant, closed_on) WHERE closed_on IS NOT NULL;
CREATE INDEX case_figures_category ON case_figures (tenant, category, closed_on);
CREATE INDEX case_figures_organisation ON case_figures (tenant, organisation, closed_on) WHERE organisation IS NOT NULL;
CREATE INDEX case_figures_areas ON case_figures USING gin (areas);
CREATE INDEX case_figures_excluded ON case_figures (tenant, excluded_on, case_id) WHERE excluded IS NOT NULL;
COMMENT ON TABLE case_figures IS 'What one case counts for. Days are local days of the street.';
COMMENT ON COLUMN case_figures.tenant IS 'The subdistrict.';
COMMENT ON COLUMN case_figures.case_id IS 'The case.';
COMMENT ON COLUMN case_figures.areas IS 'Path of its area from the street down; empty when it lies in none.';
COMMENT ON COLUMN case_figures.category IS 'Category as it is now.';
COMMENT ON COLUMN case_figures.organisation IS 'Organisation of the lead; null when it was not whistled.';
COMMENT ON COLUMN case_figures.level IS 'Level as it is now.';
COMMENT ON COLUMN case_figures.residents IS 'Residents raised it: the four 5341 rates count it.';
COMMENT ON COLUMN case_figures.counts IS 'False: rejected, merged or voided, in no rate.';
COMMENT ON COLUMN case_figures.received_on IS 'Day of intake.';
COMMENT ON COLUMN case_figures.whistled IS 'A ticket was issued.';
COMMENT ON COLUMN case_figures.arrive_due_on IS 'Day of the arrive due of round 1; null where nobody must come, or the clock ended before.';
COMMENT ON COLUMN case_figures.arrive_met IS 'Somebody came by then.';
COMMENT ON COLUMN case_figures.resolve_due_on IS 'Day of the resolve due of round 1.';
COMMENT ON COLUMN case_figures.resolve_met IS 'Solved in round 1, that clock not breached.';
COMMENT ON COLUMN case_figures.plan_due_on IS 'Day of the first plan due of round 1; major only.';
COMMENT ON COLUMN case_figures.plan_met IS 'A plan was submitted in round 1 before that clock was breached.';
COMMENT ON COLUMN case_figures.due_on IS 'Day of the resolve due of the present round; null while suspended.';
COMMENT ON COLUMN case_figures.closed_on IS 'Day it was closed; null unless it stands closed.';
COMMENT ON COLUMN case_figures.on_time IS 'Closed, and the resolve clock of the present round not breached.';
COMMENT ON COLUMN case_figures.reworked IS 'A check failed or a ticket was sent back.';
COMMENT ON COLUMN case_figures.reached IS 'Reporters who rated, or were reached by a callback, in the present round.';
COMMENT ON COLUMN case_figures.contacted IS 'Those of them who say that they were contacted.';
COMMENT ON COLUMN case_figures.solved IS 'Those of them who say that it is solved.';
COMMENT ON COLUMN case_figures.satisfied IS 'How many of them gave 1, 2, 3, 4 and 5.';
COMMENT ON COLUMN case_figures.excluded IS 'Why it is not among the rated: 剔除.';
COMMENT ON COLUMN case_figures.excluded_on IS 'Day it was closed or rejected.';
COMMENT ON COLUMN case_figures.accept_ms IS 'Milliseconds from intake to the first acceptance.';
COMMENT ON COLUMN case_figures.register_ms IS 'From intake to the first registration.';
COMMENT ON COLUMN case_figures.arrive_ms IS 'From intake to the first arrival.';
COMMENT ON COLUMN case_figures.whistle_ms IS 'From intake to the first whistle.';
COMMENT ON COLUMN case_figures.resolve_ms IS 'From intake to the solution that stood.';
COMMENT ON COLUMN case_figures.check_ms IS 'From the last submission for checking to the check that passed.';
COMMENT ON COLUMN case_figures.evaluate_ms IS 'From that check to closing.';
COMMENT ON COLUMN case_figures.close_ms IS 'From intake to closing.';

CREATE TABLE ticket_figures (
    tenant text NOT NULL,
    ticket_id uuid NOT NULL,
    case_id uuid NOT NULL,
    areas text[] NOT NULL,
    category text NOT NULL,
    organisation text NOT NULL,
    level text NOT NULL,
    counts boolean NOT NULL,
    issued_on date NOT NULL,
    returned boolean NOT NULL,
    due_on date,
    extended boolean NOT NULL,
    contact_due_on date,
    contact_met boolean NOT NULL,
    closed_on date,
    sign_ms bigint,
    contact_ms bigint,
    report_ms bigint,
    work_ms bigint,
    approve_ms bigint,
    PRIMARY KEY (tenant, ticket_id)
);
SELECT spread('ticket_figures');
CREATE INDEX ticket_figures_case ON ticket_figures (tenant, case_id);
CREATE INDEX ticket_figures_closed ON ticket_figures (tenant, closed_on) WHERE closed_on IS NOT NULL;
CREATE INDEX ticket_figures_category ON ticket_figures (tenant, category, closed_on);
CREATE INDEX ticket_figures_organisation ON ticket_figures (tenant, organisation, closed_on);
CREATE INDEX ticket_figures_areas ON ticket_figures USING gin (areas);
COMMENT ON TABLE ticket_figures IS 'What one ticket counts for. Days are local days of the street.';
COMMENT ON COLUMN ticket_figures.tenant IS 'The subdistrict.';
COMMENT ON COLUMN ticket_figures.ticket_id IS 'The ticket.';
COMMENT ON COLUMN ticket_figures.case_id IS 'Its case.';
COMMENT ON COLUMN ticket_figures.areas IS 'Path of the case''s area from the street down.';
COMMENT ON COLUMN ticket_figures.category IS 'Category of the case as it is now.';
COMMENT ON COLUMN ticket_figures.organisation IS 'The organisation that was asked.';
COMMENT ON COLUMN ticket_figures.level IS 'Level of the case as it is now.';
COMMENT ON COLUMN ticket_figures.counts IS 'False: its case was rejected, merged or voided.';
COMMENT ON COLUMN ticket_figures.issued_on IS 'Day it was issued.';
COMMENT ON COLUMN ticket_figures.returned IS 'It was returned: 退单.';
COMMENT ON COLUMN ticket_figures.due_on IS 'Day of its finish due; null when returned, recalled or suspended.';
COMMENT ON COLUMN ticket_figures.extended IS 'A delay was approved: 延期.';
COMMENT ON COLUMN ticket_figures.contact_due_on IS 'Day of its contact due; null where there is none.';
COMMENT ON COLUMN ticket_figures.contact_met IS 'The reporter was contacted by then.';
COMMENT ON COLUMN ticket_figures.closed_on IS 'Day it was closed; null unless it stands closed.';
COMMENT ON COLUMN ticket_figures.sign_ms IS 'Milliseconds from issue to signing.';
COMMENT ON COLUMN ticket_figures.contact_ms IS 'From issue to the first contact.';
COMMENT ON COLUMN ticket_figures.report_ms IS 'From issue to reporting in, or starting where nobody must come.';
COMMENT ON COLUMN ticket_figures.work_ms IS 'From issue to the last submission.';
COMMENT ON COLUMN ticket_figures.approve_ms IS 'From that submission to closing.';

CREATE TABLE figures (
    tenant text NOT NULL,
    cut text NOT NULL CHECK (cut IN ('all', 'area', 'category', 'organisation')),
    key text NOT NULL,
    grain text NOT NULL CHECK (grain IN ('day', 'month')),
    measure text NOT NULL,
    day date NOT NULL,
    level text NOT NULL,
    by_day date NOT NULL,
    bucket smallint NOT NULL,
    cases bigint NOT NULL,
    hits bigint NOT NULL,
    ms bigint NOT NULL,
    PRIMARY KEY (tenant, cut, key, grain, measure, day, level, by_day, bucket)
);
SELECT spread('figures');
COMMENT ON TABLE figures IS 'Roll-ups: sums over what cases and tickets count for, by day and by month.';
COMMENT ON COLUMN figures.tenant IS 'The subdistrict.';
COMMENT ON COLUMN figures.cut IS 'By what it is summed: nothing, area, category or organisation.';
COMMENT ON COLUMN figures.key IS 'Which area, category or organisation; empty for all.';
COMMENT ON COLUMN figures.grain IS 'Day or month. Steps by day are kept for all only: their edges are read from the rows.';
COMMENT ON COLUMN figures.measure IS 'What is counted.';
COMMENT ON COLUMN figures.day IS 'The day by which it falls into a period, or the first of that month.';
COMMENT ON COLUMN figures.level IS 'Level of the case.';
COMMENT ON COLUMN figures.by_day IS 'Hits count in periods that end after this day: a closure after the end is none.';
COMMENT ON COLUMN figures.bucket IS 'Steps: the power of 1.1 that the milliseconds reach; -1 for none. Rates: -2.';
COMMENT ON COLUMN figures.cases IS 'Denominator: cases, tickets or reporters.';
COMMENT ON COLUMN figures.hits IS 'Numerator.';
COMMENT ON COLUMN figures.ms IS 'Steps: sum of the milliseconds.';

CREATE TABLE figure_progress (
    tenant text PRIMARY KEY,
    position bigint NOT NULL
);
SELECT spread('figure_progress');
COMMENT ON TABLE figure_progress IS 'How far the figures have read each street''s feed.';
COMMENT ON COLUMN figure_progress.tenant IS 'The subdistrict.';
COMMENT ON COLUMN figure_progress.position IS 'Everything up to here is counted.';
