-- Who is named in a reply, as this reader may see it: a person, an organisation, or only a role.

-- Functions here are of two kinds: an expression alone, which the planner writes into the statement that uses it, and plpgsql
-- for what has to look something up. An SQL function with a SELECT in it is neither, and costs more than both.
CREATE FUNCTION organisation_name(p_tenant text, p_code text) RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN (SELECT o.name FROM organisations o WHERE o.tenant = p_tenant AND o.code = p_code);
END $$;

CREATE FUNCTION organisation_named(p_code text, p_name text) RETURNS party LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN p_code IS NOT NULL THEN ROW('organisation', p_code, coalesce(p_name, p_code))::party END;

CREATE FUNCTION organisation_party(p_tenant text, p_code text) RETURNS party LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN organisation_named(p_code, organisation_name(p_tenant, p_code));
END $$;

CREATE FUNCTION role_party(p_role text) RETURNS party LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN CASE WHEN p_role IS NOT NULL THEN ROW('role', p_role, coalesce(
        (SELECT d.zh FROM dictionary_entries d WHERE d.dictionary = 'role' AND d.code = p_role), p_role))::party END;
END $$;

CREATE FUNCTION named_json(p_code text, p_name text) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE
RETURN json_build_object('code', p_code, 'name', coalesce(p_name, p_code));

-- Citizens and clients see the organisation, else the role.
CREATE FUNCTION staff_party(p_me actor, p_id uuid, p_name text, p_role text, p_org text) RETURNS party
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    IF p_id IS NULL THEN
        RETURN NULL;
    ELSIF sees_staff(p_me) OR p_id = p_me.person_id THEN
        RETURN ROW('person', p_id::text, staff_name(p_me, p_name))::party;
    END IF;
    RETURN coalesce(organisation_party(p_me.tenant, p_org), role_party(p_role));
END $$;

-- A person who acts for the street.
CREATE FUNCTION person_party(p_me actor, p_person uuid) RETURNS party LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    v_person people;
BEGIN
    IF p_person IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT * INTO v_person FROM people p WHERE p.tenant = p_me.tenant AND p.id = p_person;
    RETURN staff_party(p_me, p_person, v_person.name, v_person.roles[1], v_person.organisation_code);
END $$;
COMMENT ON FUNCTION person_party(actor, uuid) IS 'A person as this reader may see them';

-- Who did something in some role. A reporter's own name follows the rules for reporters; NULL is the system.
CREATE FUNCTION doer_party(p_me actor, p_person uuid, p_role text, p_org text, p_sees_reporter boolean) RETURNS party
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    v_name text;
BEGIN
    IF p_person IS NULL THEN
        RETURN role_party(p_role);
    ELSIF NOT sees_staff(p_me) THEN
        RETURN coalesce(organisation_party(p_me.tenant, p_org), role_party(p_role));
    ELSIF p_role NOT IN ('citizen', 'client') THEN
        RETURN person_party(p_me, p_person);
    END IF;
    SELECT p.name INTO v_name FROM people p WHERE p.tenant = p_me.tenant AND p.id = p_person;
    IF NOT p_sees_reporter OR v_name = '' THEN
        RETURN role_party(p_role);
    END IF;
    RETURN ROW('person', p_person::text, v_name)::party;
END $$;
COMMENT ON FUNCTION doer_party(actor, uuid, text, text, boolean) IS 'Who did it, as this reader may see them';

CREATE FUNCTION named_party(p_me actor, p_kind text, p_id text) RETURNS party LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN CASE p_kind
        WHEN 'person' THEN person_party(p_me, p_id::uuid)
        WHEN 'organisation' THEN organisation_party(p_me.tenant, p_id)
        ELSE role_party(p_id) END;
END $$;
COMMENT ON FUNCTION named_party(actor, text, text) IS 'Whom a step or a supervision names';

-- What a reporter said. merged: in a case that has since gone up in this one, whose words are another's.
CREATE TYPE own_report AS (
    name text, phone text, anonymous boolean, private boolean, contactable boolean, merged boolean, title text, description text,
    point geometry, address text, answers jsonb
);

CREATE FUNCTION has_reporter(p_case cases) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
RETURN (p_case).reporter_name IS NOT NULL OR (p_case).reporter_phone IS NOT NULL OR (p_case).reporters <> '{}'
    OR (p_case).reporter_anonymous OR (p_case).reporter_private OR (p_case).reporter_contactable;

-- A citizen reads the own entry: in a merged case another's name is none of theirs.
CREATE FUNCTION owns_report(p_me actor, p_case cases) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
RETURN 'citizen' = ANY ((p_me).roles) AND ((p_me).person_id = ANY ((p_case).reporters)) IS TRUE;

CREATE FUNCTION entered_report(p_person uuid, p_tenant text, p_case uuid) RETURNS own_report LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    v_own own_report;
    v_from uuid;
BEGIN
    SELECT r.name, r.phone, r.anonymous, r.private, r.contactable, r.from_case IS NOT NULL, r.from_case
    INTO v_own.name, v_own.phone, v_own.anonymous, v_own.private, v_own.contactable, v_own.merged, v_from
    FROM case_reporters r
    WHERE r.tenant = p_tenant AND r.case_id = p_case AND r.person_id = p_person
    ORDER BY r.n LIMIT 1;
    IF v_own.merged THEN
        SELECT c.title, c.description, c.point, c.address, c.answers
        INTO v_own.title, v_own.description, v_own.point, v_own.address, v_own.answers
        FROM cases c WHERE c.tenant = p_tenant AND c.id = v_from;
    END IF;
    RETURN v_own;
END $$;

-- Whoever entered it is its first reporter, whom the row itself names.
CREATE FUNCTION own_reporter(p_me actor, p_case cases) RETURNS own_report LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE WHEN (p_case).created_role = 'citizen' AND (p_case).created_by = (p_me).person_id
        AND (p_me).person_id <> ALL ((p_case).withdrawn)
    THEN ROW((p_case).reporter_name, (p_case).reporter_phone, (p_case).reporter_anonymous, (p_case).reporter_private,
        (p_case).reporter_contactable, false, NULL, NULL, NULL, NULL, NULL)::own_report
    ELSE entered_report((p_me).person_id, (p_case).tenant, (p_case).id) END;
COMMENT ON FUNCTION own_reporter(actor, cases) IS 'What a reporter said, of themselves and of the matter';
