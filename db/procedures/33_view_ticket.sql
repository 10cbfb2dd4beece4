-- A ticket as the API answers it, with what its department needs to know of the case.

CREATE TYPE ticket_reply AS (
    _code text, _pointer text, _detail jsonb, _version bigint, _location text, _replayed boolean,
    id uuid, number text, version bigint, case_id uuid, case_number text, kind text, role text,
    organisation__code text, organisation__name text, state text, task text,
    case__title text, case__description text, case__kind text, case__category__code text, case__category__name text,
    case__level text, case__state text, case__location__lon float8, case__location__lat float8,
    case__location__coord_sys text, case__location__address text, case__address text,
    case__area__code text, case__area__name text, case__community__code text, case__community__name text,
    case__reporter__name text, case__reporter__phone text, case__reporter__anonymous boolean,
    case__reporter__private boolean, case__reporter__contactable boolean,
    case__received_at timestamptz, case__resolve_due_at timestamptz,
    round integer, issued_at timestamptz, issued_by__kind text, issued_by__id text, issued_by__name text,
    sign_due_at timestamptz, contact_due_at timestamptz, report_due_at timestamptz, finish_due_at timestamptz,
    signed_at timestamptz, contacted_at timestamptz, reported_in_at timestamptz, started_at timestamptz,
    submitted_at timestamptz, closed_at timestamptz, overdue boolean, overdue_clocks text[],
    result text, reply text, cause_code text, not_contacted boolean, department_rating integer,
    rework_count integer, final boolean, attachments json, requests json, updated_at timestamptz, allowed_actions text[]
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

CREATE FUNCTION ticket_view_row(INOUT v ticket_reply, t tickets) LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    v._version := t.version;
    v.id := t.id;
    v.version := t.version;
    v.case_id := t.case_id;
    v.kind := t.kind;
    v.role := t.role;
    v.organisation__code := t.organisation;
    v.organisation__name := organisation_name(t.tenant, t.organisation);
    v.state := t.state;
    v.task := t.task;
    v.round := t.round;
    v.issued_at := t.issued_at;
    v.result := t.result;
    v.reply := t.reply;
    v.cause_code := t.cause_code;
    v.not_contacted := t.not_contacted;
    v.department_rating := t.department_rating;
    v.rework_count := t.rework_count;
    v.final := t.final;
    v.updated_at := t.updated_at;
END $$;

CREATE FUNCTION ticket_view_clocks(INOUT v ticket_reply, t tickets, p_now timestamptz)
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    v.sign_due_at := t.sign_due_at;
    v.contact_due_at := t.contact_due_at;
    v.report_due_at := t.report_due_at;
    v.finish_due_at := t.finish_due_at;
    v.signed_at := t.signed_at;
    v.contacted_at := t.contacted_at;
    v.reported_in_at := t.reported_in_at;
    v.started_at := t.started_at;
    v.submitted_at := t.submitted_at;
    v.closed_at := t.closed_at;
    v.overdue := coalesce(t.overdue_at < p_now, false);
    v.overdue_clocks := CASE WHEN v.overdue THEN ticket_overdue_clocks(t, p_now) ELSE '{}' END;
END $$;

CREATE FUNCTION ticket_view_case(INOUT v ticket_reply, p_me actor, c cases) LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    r reporter_shown := reporter_of(p_me, c);
BEGIN
    v.case_number := c.number;
    v.case__title := c.title;
    v.case__description := c.description;
    v.case__kind := c.kind;
    v.case__category__code := c.category;
    v.case__category__name := (SELECT k.name FROM categories k WHERE k.tenant = c.tenant AND k.code = c.category);
    v.case__level := c.level;
    v.case__state := c.state;
    IF c.point IS NOT NULL THEN
        v.case__location__lon := ST_X(c.point);
        v.case__location__lat := ST_Y(c.point);
        v.case__location__coord_sys := 'wgs84';
        v.case__location__address := c.address;
    END IF;
    v.case__address := c.address;
    v.case__area__code := c.area;
    v.case__area__name := (SELECT a.name FROM areas a WHERE a.tenant = c.tenant AND a.code = c.area);
    v.case__community__code := c.community;
    v.case__community__name := (SELECT a.name FROM areas a WHERE a.tenant = c.tenant AND a.code = c.community);
    v.case__reporter__name := r.name;
    v.case__reporter__phone := r.phone;
    v.case__reporter__anonymous := r.anonymous;
    v.case__reporter__private := r.private;
    v.case__reporter__contactable := r.contactable;
    v.case__received_at := c.received_at;
    v.case__resolve_due_at := c.resolve_due_at;
END $$;

CREATE FUNCTION ticket_view(p_me actor, p_ticket tickets, p_case cases, p_now timestamptz) RETURNS ticket_reply
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    v ticket_reply;
    p party := doer_party(p_me, p_ticket.issued_by, p_ticket.issued_role, NULL, false);
BEGIN
    v := ticket_view_row(v, p_ticket);
    v := ticket_view_clocks(v, p_ticket, coalesce(p_now, clock_timestamp()));
    v := ticket_view_case(v, p_me, p_case);
    v.number := p_case.number || '-' || p_ticket.n;
    v.issued_by__kind := p.kind;
    v.issued_by__id := p.id;
    v.issued_by__name := p.name;
    v.attachments := case_attachments_json(p_me, p_case, p_ticket.id);
    v.requests := case_requests_json(p_me, p_case, p_ticket.id);
    v.allowed_actions := ticket_allowed_actions(p_me, p_ticket, p_case);
    RETURN v;
END $$;
COMMENT ON FUNCTION ticket_view(actor, tickets, cases, timestamptz) IS 'The ticket as this reader may see it, now';

CREATE FUNCTION ticket_get(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[],
    p_ticket_id uuid, p_now timestamptz)
RETURNS ticket_reply LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    v_me actor := me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
    v_ticket tickets;
    v_case cases;
BEGIN
    IF v_me.refusal IS NOT NULL THEN
        RETURN ticket_refusal(v_me.refusal);
    END IF;
    SELECT * INTO v_ticket FROM tickets t WHERE t.tenant = p_tenant AND t.id = p_ticket_id;
    SELECT * INTO v_case FROM cases c WHERE c.tenant = p_tenant AND c.id = v_ticket.case_id;
    IF NOT FOUND OR NOT ticket_in_sight(v_me, v_ticket, v_case) THEN
        RETURN ticket_refusal('not_found');
    END IF;
    RETURN ticket_view(v_me, v_ticket, v_case, p_now);
END $$;
SELECT delegate('ticket_get(text, text, text[], text[], text, text[], uuid, timestamptz)');
