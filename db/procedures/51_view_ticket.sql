-- A ticket as every action answers it, with what its department needs to know of the case.

CREATE FUNCTION ticket_eyes(m actor, t tickets, c cases) RETURNS case_eyes LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    e case_eyes;
BEGIN
    IF t.id IS NULL THEN
        RETURN NULL;
    END IF;
    e := eyes_reporter(e, m, c);
    e.bits := ticket_bits(m, t, c);
    RETURN e;
END $$;
COMMENT ON FUNCTION ticket_eyes(actor, tickets, cases) IS 'The ticket as this reader may see it: what is not the row''s own';

CREATE TYPE ticket_reply AS (
    _code text, _pointer text, _detail jsonb, _version bigint, _location text, _replayed boolean, _names bigint, _masked boolean,
    id uuid, number text, version bigint, case_id uuid, case_number text, kind text, role text,
    organisation__code text, state text, task text,
    case__title text, case__description text, case__kind text, case__category__code text,
    case__level text, case__state text, case__location__lon float8, case__location__lat float8,
    case__location__coord_sys text, case__location__address text, case__address text,
    case__area__code text, case__community__code text,
    case__reporter__name text, case__reporter__phone text, case__reporter__anonymous boolean,
    case__reporter__private boolean, case__reporter__contactable boolean,
    case__received_at timestamptz, case__resolve_due_at timestamptz,
    round integer, issued_at timestamptz, issued_by__kind text, issued_by__id text,
    sign_due_at timestamptz, contact_due_at timestamptz, report_due_at timestamptz, finish_due_at timestamptz,
    signed_at timestamptz, contacted_at timestamptz, reported_in_at timestamptz, started_at timestamptz,
    submitted_at timestamptz, closed_at timestamptz, overdue boolean, overdue_clocks text[],
    result text, reply text, cause_code text, not_contacted boolean, department_rating integer,
    rework_count integer, final boolean, attachments json, requests json, updated_at timestamptz, allowed_actions bigint, askable_requests bigint
);

CREATE FUNCTION ticket_refusal(p_code text, p_pointer text DEFAULT NULL, p_detail jsonb DEFAULT NULL) RETURNS ticket_reply
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    v ticket_reply;
BEGIN
    v._code := p_code;
    v._pointer := p_pointer;
    v._detail := p_detail;
    RETURN v;
END $$;
COMMENT ON FUNCTION ticket_refusal(text, text, jsonb) IS 'A reply that only refuses';
