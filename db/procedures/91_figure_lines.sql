-- From rows to roll-ups: which sums a round or a run goes into, and on which days.

-- Columns of figure_sums that rounds go into, and those that runs of tickets do.
CREATE FUNCTION figure_columns(p_of text) RETURNS text[] LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    c_rounds CONSTANT text[] := '{arrive,arrive_met,arrive_rest,arrive_rest_met,ordinary,ordinary_met,ordinary_rest,ordinary_rest_met,
        complex,complex_met,complex_rest,complex_rest_met,plan,plan_met,plan_rest,plan_rest_met,received,whistled,due,due_closed,
        due_on_time,closed,at_source,reworked,reached,contacted,solved,satisfied_1,satisfied_2,satisfied_3,satisfied_4,satisfied_5}';
    c_tickets CONSTANT text[] := '{issued,returned,finish,extended,contact,contact_met}';
BEGIN
    RETURN CASE p_of WHEN 'round' THEN c_rounds WHEN 'ticket' THEN c_tickets ELSE c_rounds || c_tickets END;
END $$;
COMMENT ON FUNCTION figure_columns(text) IS 'The sums of rounds, of tickets, or all of them.';

-- The columns, each put into a pattern: statements over all of them are written once.
CREATE FUNCTION figure_list(p_of text, p_pattern text) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN (SELECT string_agg(replace(p_pattern, '$', c.name), ', ' ORDER BY c.n)
        FROM unnest(figure_columns(p_of)) WITH ORDINALITY AS c (name, n));
END $$;

CREATE TYPE round_counts AS (
    day date, arrive integer, arrive_met integer, arrive_rest integer, arrive_rest_met integer, ordinary integer, ordinary_met integer,
    ordinary_rest integer, ordinary_rest_met integer, complex integer, complex_met integer, complex_rest integer, complex_rest_met integer,
    plan integer, plan_met integer, plan_rest integer, plan_rest_met integer, received integer, whistled integer, due integer,
    due_closed integer, due_on_time integer, closed integer, at_source integer, reworked integer, reached integer, contacted integer,
    solved integer, satisfied_1 integer, satisfied_2 integer, satisfied_3 integer, satisfied_4 integer, satisfied_5 integer);

-- A row for each day on which a round counts for something: the day says what for. Null where it does not.
CREATE FUNCTION counts_of_round(f round_figures) RETURNS SETOF round_counts LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT d.day,
        CASE WHEN d.kind = 'arrive' AND f.residents THEN 1 END, CASE WHEN d.kind = 'arrive' AND f.residents AND f.arrive_met THEN 1 END,
        CASE WHEN d.kind = 'arrive' AND NOT f.residents THEN 1 END, CASE WHEN d.kind = 'arrive' AND NOT f.residents AND f.arrive_met THEN 1 END,
        CASE WHEN d.kind = 'ordinary' AND f.residents THEN 1 END, CASE WHEN d.kind = 'ordinary' AND f.residents AND f.resolve_met THEN 1 END,
        CASE WHEN d.kind = 'ordinary' AND NOT f.residents THEN 1 END,
        CASE WHEN d.kind = 'ordinary' AND NOT f.residents AND f.resolve_met THEN 1 END,
        CASE WHEN d.kind = 'complex' AND f.residents THEN 1 END, CASE WHEN d.kind = 'complex' AND f.residents AND f.resolve_met THEN 1 END,
        CASE WHEN d.kind = 'complex' AND NOT f.residents THEN 1 END,
        CASE WHEN d.kind = 'complex' AND NOT f.residents AND f.resolve_met THEN 1 END,
        CASE WHEN d.kind = 'plan' AND f.residents THEN 1 END, CASE WHEN d.kind = 'plan' AND f.residents AND f.plan_met THEN 1 END,
        CASE WHEN d.kind = 'plan' AND NOT f.residents THEN 1 END, CASE WHEN d.kind = 'plan' AND NOT f.residents AND f.plan_met THEN 1 END,
        CASE WHEN d.kind = 'received' THEN 1 END, CASE WHEN d.kind = 'received' AND f.whistled THEN 1 END, CASE WHEN d.kind = 'due' THEN 1 END,
        CASE WHEN d.kind = 'done' THEN 1 END, CASE WHEN d.kind = 'done' AND f.on_time THEN 1 END, CASE WHEN d.kind = 'closed' THEN 1 END,
        CASE WHEN d.kind = 'closed' AND f.at_source THEN 1 END, CASE WHEN d.kind = 'closed' AND f.reworked THEN 1 END,
        CASE WHEN d.kind = 'closed' THEN nullif(f.reached, 0) END, CASE WHEN d.kind = 'closed' THEN nullif(f.contacted, 0) END,
        CASE WHEN d.kind = 'closed' THEN nullif(f.solved, 0) END, CASE WHEN d.kind = 'closed' THEN nullif(f.satisfied[1], 0) END,
        CASE WHEN d.kind = 'closed' THEN nullif(f.satisfied[2], 0) END, CASE WHEN d.kind = 'closed' THEN nullif(f.satisfied[3], 0) END,
        CASE WHEN d.kind = 'closed' THEN nullif(f.satisfied[4], 0) END, CASE WHEN d.kind = 'closed' THEN nullif(f.satisfied[5], 0) END
    FROM (VALUES ('received', f.received_on), ('arrive', f.arrive_due_on), (f.level, f.resolve_due_on), ('plan', f.plan_due_on), ('due', f.due_on),
        -- A round closed before it is due counts as closed from its due day on; one closed after it, from that day.
        ('done', CASE WHEN f.closed_on IS NOT NULL THEN f.due_on + greatest(0, f.closed_on - f.due_on) END), ('closed', f.closed_on)) AS d (kind, day)
    WHERE f.counts AND d.day IS NOT NULL;
$$;
COMMENT ON FUNCTION counts_of_round(round_figures) IS 'What a round adds to the figures, day by day.';

CREATE TYPE ticket_counts AS (
    day date, issued integer, returned integer, finish integer, extended integer, contact integer, contact_met integer);

CREATE FUNCTION counts_of_ticket(f run_figures) RETURNS SETOF ticket_counts LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT d.day, CASE WHEN d.kind = 'issued' THEN 1 END, CASE WHEN d.kind = 'issued' AND f.returned THEN 1 END,
        CASE WHEN d.kind = 'finish' THEN 1 END, CASE WHEN d.kind = 'finish' AND f.extended THEN 1 END,
        CASE WHEN d.kind = 'contact' THEN 1 END, CASE WHEN d.kind = 'contact' AND f.contact_met THEN 1 END
    FROM (VALUES ('issued', f.issued_on), ('finish', f.due_on), ('contact', f.contact_due_on)) AS d (kind, day)
    WHERE f.counts AND d.day IS NOT NULL;
$$;
COMMENT ON FUNCTION counts_of_ticket(run_figures) IS 'What a run of a ticket adds to the figures, day by day.';

-- Grains, from the finest: a period is put together from the largest that fit.
CREATE FUNCTION grain_start(p_grain text, p_day date) RETURNS date LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE p_grain WHEN 'day' THEN p_day
    WHEN 'ten' THEN date_trunc('month', p_day::timestamp)::date + 10 * least(2, (extract(day FROM p_day)::integer - 1) / 10)
    ELSE date_trunc(p_grain, p_day::timestamp)::date END;
COMMENT ON FUNCTION grain_start(text, date) IS 'First day of the day, ten days, month or year in which a day lies.';

-- What a day's sums for one area, category and organisation go into, beside themselves.
CREATE FUNCTION figure_cuts(p_area text, p_category text, p_organisation text) RETURNS TABLE (cut text, area text, category text, organisation text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT c.cut, c.area, c.category, c.organisation
    FROM (VALUES ('all', '', '', ''), ('area', p_area, '', ''), ('category', '', p_category, ''), ('organisation', '', '', p_organisation))
        AS c (cut, area, category, organisation)
    WHERE c.cut <> 'organisation' OR p_organisation <> '';
$$;

-- What a histogram goes into, and by which grains. A pair's is kept where there is something to sum.
CREATE FUNCTION step_cuts(p_community text, p_area text, p_category text, p_organisation text)
RETURNS TABLE (cut text, key text, grains text[]) LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT c.cut, c.key, c.grains
    FROM (VALUES ('all', '', '{day,ten,month,year}'::text[]), ('area', p_area, '{ten,month,year}'), ('category', p_category, '{ten,month,year}'),
        ('organisation', p_organisation, '{ten,month,year}'), ('community_category', p_community || '/' || p_category, '{month,year}'),
        ('community_organisation', p_community || '/' || p_organisation, '{month,year}'),
        ('category_organisation', p_category || '/' || p_organisation, '{month,year}')) AS c (cut, key, grains)
    WHERE p_organisation <> '' OR c.cut NOT LIKE '%organisation';
$$;
