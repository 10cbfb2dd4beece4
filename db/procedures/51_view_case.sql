-- A case as intake and every action answer it. What a case shows, and to whom, stands in db/parts: statements that read have
-- it in their own text, where the planner sees through it; here it is set up once in a session. What few cases have is
-- behind a number of the row that says whether there is any.

-- The columns with an underscore steer the reply; a refusal is a row with nothing else.
CREATE TYPE case_reply AS (
    _code text, _pointer text, _detail jsonb, _version bigint, _location text, _replayed boolean, _names bigint, _masked boolean,
    id uuid, number text, state text, step text, kind text, category__code text,
    title text, description text, level text, proposed_level text, registered boolean, source text,
    location__lon float8, location__lat float8, location__coord_sys text, location__address text,
    address text, place_id uuid, area__code text, community__code text,
    reporter__name text, reporter__phone text, reporter__anonymous boolean, reporter__private boolean,
    reporter__contactable boolean, tags text[], attachments json, external_refs json, answers jsonb,
    claimed_at timestamptz, received_at timestamptz, round integer, round_started_at timestamptz,
    handler__kind text, handler__id text,
    first_contact__kind text, first_contact__id text,
    first_handler__kind text, first_handler__id text,
    arrive_due_at timestamptz, arrived_at timestamptz, resolve_due_at timestamptz, resolved_at timestamptz,
    plan_due_at timestamptz, planned_at timestamptz, overdue boolean, overdue_clocks text[],
    plan__request_id uuid, plan__state text, plan__steps json, result text, reply text,
    rejection__code text, rejection__basis text, rejection__reason text,
    merged_into uuid, review_date date, ratings json, tickets json, requests json,
    rework_count integer, urge_count integer, callback_tries integer,
    policy_version integer, updated_at timestamptz, version bigint, allowed_actions bigint,
    duplicates__count integer, duplicates__ids uuid[]
);

CREATE FUNCTION case_refusal(p_code text, p_pointer text DEFAULT NULL, p_detail jsonb DEFAULT NULL) RETURNS case_reply
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    v case_reply;
BEGIN
    v._code := p_code;
    v._pointer := p_pointer;
    v._detail := p_detail;
    RETURN v;
END $$;
COMMENT ON FUNCTION case_refusal(text, text, jsonb) IS 'A reply that only refuses';

-- p_duplicates: staff get the ids, a resident a count.
CREATE FUNCTION case_replied(m actor, c cases, p_now timestamptz, p_location text, p_replayed boolean, p_duplicates uuid[])
RETURNS SETOF case_reply LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1 AS $$
BEGIN
    RETURN QUERY
    SELECT NULL::text, NULL::text, NULL::jsonb, c.version, p_location, p_replayed, m.names_version, masks_staff(m),
\ir ../parts/case_columns.sql
        , cardinality(p_duplicates), CASE WHEN sees_staff(m) THEN p_duplicates END
    FROM (SELECT coalesce(p_now, statement_timestamp()) AS now OFFSET 0) AS n
\ir ../parts/case_tables.sql
    ;
END $$;
COMMENT ON FUNCTION case_replied(actor, cases, timestamptz, text, boolean, uuid[]) IS 'The case as this reader may see it, now';
