-- A ticket as every action and a read of one answer it, with what its department needs to know of the case.

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

CREATE TYPE ticket_view AS (bits bigint, owns boolean, own own_report, reported boolean, seen boolean);

-- An expression, as case_replied.
CREATE FUNCTION ticket_replied(m actor, t tickets, c cases, p_now timestamptz, p_replayed boolean) RETURNS ticket_reply
LANGUAGE plpgsql STABLE AS $$
DECLARE
    n moment := ROW(coalesce(p_now, statement_timestamp()))::moment;
    i ticket_view := ROW(
\ir_row ../parts/ticket_eyes.sql
        )::ticket_view;
BEGIN
    RETURN ROW(NULL, NULL, NULL, t.version, NULL, p_replayed, m.names_version, masks_staff(m),
\ir_row ../parts/ticket_columns.sql
        )::ticket_reply;
END $$;
COMMENT ON FUNCTION ticket_replied(actor, tickets, cases, timestamptz, boolean) IS 'A ticket as an action answers it';
