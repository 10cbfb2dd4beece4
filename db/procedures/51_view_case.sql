-- A case as intake, every action and a read of one answer it. What a case shows, and to whom, stands in db/parts: lists and exports have
-- it in their own text, where the planner sees through it; here it is set up once in a transaction. What few cases have is
-- behind a number of the row that says whether there is any.

-- What of a case is another for each reader. Step by step: most readers and most cases need few of these steps.
CREATE TYPE case_eyes AS (
    tickets text, -- all, own or none
    merged boolean, own own_report, -- the reader's own words, if the reader's report was merged into this case
    reporter_name text, reporter_phone text, reporter_anonymous boolean, reporter_private boolean, reporter_contactable boolean,
    handler party, contact party, first party,
    plan plan_shown,
    bits bigint
);

CREATE FUNCTION eyes_reporter(INOUT e case_eyes, m actor, c cases) LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    v_own own_report;
    v_full boolean;
BEGIN
    IF owns_report(m, c) THEN
        v_own := own_reporter(m, c);
        e.reporter_name := v_own.name;
        e.reporter_phone := v_own.phone;
        e.reporter_anonymous := v_own.anonymous;
        e.reporter_private := v_own.private;
        e.reporter_contactable := v_own.contactable;
        IF v_own.merged THEN
            e.merged := true;
            e.own := v_own;
        END IF;
    ELSIF has_reporter(c) THEN
        e.reporter_anonymous := c.reporter_anonymous;
        e.reporter_private := c.reporter_private;
        e.reporter_contactable := c.reporter_contactable;
        IF NOT c.reporter_anonymous THEN
            v_full := sees_reporter(m, c);
            e.reporter_name := CASE WHEN v_full THEN c.reporter_name ELSE mask_name(c.reporter_name) END;
            e.reporter_phone := CASE WHEN v_full THEN c.reporter_phone ELSE mask_phone(c.reporter_phone) END;
        END IF;
    END IF;
END $$;

-- Their names are the encoder's to add.
CREATE FUNCTION eyes_party(m actor, p_person uuid) RETURNS party LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    IF p_person IS NULL THEN
        RETURN NULL;
    ELSIF sees_staff(m) THEN
        RETURN ('person', p_person::text, NULL)::party;
    END IF;
    RETURN person_party(m, p_person);
END $$;

CREATE FUNCTION case_eyes(m actor, c cases) RETURNS case_eyes LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    e case_eyes;
BEGIN
    IF c.id IS NULL THEN
        RETURN NULL;
    END IF;
    e := eyes_reporter(e, m, c);
    e.tickets := tickets_in_sight(m, c);
    IF c.state IN ('whistled', 'handling') THEN
        e.handler := CASE WHEN c.lead_org IS NOT NULL THEN ('organisation', c.lead_org, NULL)::party END;
    ELSIF c.handler IS NOT NULL THEN
        e.handler := eyes_party(m, c.handler);
    END IF;
    IF c.first_contact IS NOT NULL THEN
        e.contact := eyes_party(m, c.first_contact);
    END IF;
    IF c.first_handler_org IS NOT NULL THEN
        e.first := ('organisation', c.first_handler_org, NULL)::party;
    ELSIF c.first_handler IS NOT NULL THEN
        e.first := eyes_party(m, c.first_handler);
    END IF;
    IF c.level = 'major' OR c.plan_request IS NOT NULL THEN
        e.plan := case_plan(m, c);
    END IF;
    e.bits := case_bits(m, c);
    RETURN e;
END $$;
COMMENT ON FUNCTION case_eyes(actor, cases) IS 'The case as this reader may see it: what is not the row''s own';

-- The columns with an underscore steer the reply; a refusal is a row with nothing else.
CREATE TYPE case_reply AS (
    _code text, _pointer text, _detail jsonb, _version bigint, _location text, _replayed boolean, _names bigint, _masked boolean,
    id uuid, number text, state text, step text, kind text, category__code text,
    title text, description text, level text, proposed_level text, registered boolean, source text,
    location__lon float8, location__lat float8, location__coord_sys text, location__address text,
    address text, place_id uuid, hazard_id uuid, area__code text, community__code text,
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
    policy_version integer, updated_at timestamptz, version bigint, allowed_actions bigint, askable_requests bigint,
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

-- What db/parts reads beside rows and reader, as PL/pgSQL has it.
CREATE TYPE moment AS (now timestamptz);
CREATE TYPE case_view AS (e case_eyes);
CREATE TYPE own_words AS (title text, description text, point geometry, address text, answers jsonb);

CREATE FUNCTION cases_in_sight(p_me actor, p_cases uuid[]) RETURNS uuid[] LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN ARRAY(
        SELECT i.id FROM unnest(p_cases) WITH ORDINALITY AS i (id, n) JOIN cases c ON c.tenant = p_me.tenant AND c.id = i.id
        WHERE case_in_sight(p_me, c) ORDER BY i.n);
END $$;

-- An expression, not a statement: once set up, it serves all calls of a transaction, and a group of writes is one.
CREATE FUNCTION case_replied(m actor, c cases, p_now timestamptz, p_replayed boolean, p_location text DEFAULT NULL, p_duplicates uuid[] DEFAULT NULL)
RETURNS case_reply LANGUAGE plpgsql STABLE AS $$
DECLARE
    n moment := ROW(coalesce(p_now, statement_timestamp()))::moment;
    i case_view := ROW(case_eyes(m, c))::case_view;
    w own_words := ROW(
\ir_row ../parts/case_words.sql
        )::own_words;
BEGIN
    RETURN ROW(NULL, NULL, NULL, c.version, p_location, p_replayed, m.names_version, masks_staff(m),
\ir_row ../parts/case_columns.sql
        , cardinality(p_duplicates), CASE WHEN sees_staff(m) AND p_duplicates IS NOT NULL THEN cases_in_sight(m, p_duplicates) END)::case_reply;
END $$;
COMMENT ON FUNCTION case_replied(actor, cases, timestamptz, boolean, text, uuid[]) IS 'A case as an action answers it';
