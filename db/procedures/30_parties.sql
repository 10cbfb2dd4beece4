-- Who is named in a reply, as this reader may see it: a person, an organisation, or only a role.

CREATE FUNCTION organisation_name(p_tenant text, p_code text) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
RETURN (SELECT o.name FROM organisations o WHERE o.tenant = p_tenant AND o.code = p_code);

CREATE FUNCTION organisation_party(p_tenant text, p_code text) RETURNS party LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE WHEN p_code IS NOT NULL
    THEN ROW('organisation', p_code, coalesce(organisation_name(p_tenant, p_code), p_code))::party END;

CREATE FUNCTION role_party(p_role text) RETURNS party LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE WHEN p_role IS NOT NULL THEN ROW('role', p_role, coalesce(
    (SELECT d.zh FROM dictionary_entries d WHERE d.dictionary = 'role' AND d.code = p_role), p_role))::party END;

CREATE FUNCTION organisation_json(p_tenant text, p_code text) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE
RETURN json_build_object('code', p_code, 'name', coalesce(organisation_name(p_tenant, p_code), p_code));

-- Citizens and clients see the organisation, else the role. Takes the columns, so that a list can join them once.
CREATE FUNCTION staff_party(p_me actor, p_id uuid, p_name text, p_role text, p_org text, p_org_name text) RETURNS party
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE WHEN p_id IS NULL THEN NULL
    WHEN sees_staff(p_me) OR p_id = (p_me).person_id THEN ROW('person', p_id::text, staff_name(p_me, p_name))::party
    WHEN p_org IS NOT NULL THEN ROW('organisation', p_org, coalesce(p_org_name, p_org))::party
    ELSE role_party(p_role) END;

-- A person who acts for the street.
CREATE FUNCTION person_party(p_me actor, p_person uuid) RETURNS party LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    v_person people;
BEGIN
    IF p_person IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT * INTO v_person FROM people p WHERE p.tenant = p_me.tenant AND p.id = p_person;
    RETURN staff_party(p_me, p_person, v_person.name, v_person.roles[1], v_person.organisation_code,
        organisation_name(p_me.tenant, v_person.organisation_code));
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

-- The lead's organisation while departments work, else the person.
CREATE FUNCTION handler_party(p_me actor, p_case cases) RETURNS party LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    IF p_case.state IN ('whistled', 'handling') THEN
        RETURN organisation_party(p_case.tenant, p_case.lead_org);
    END IF;
    RETURN person_party(p_me, p_case.handler);
END $$;
COMMENT ON FUNCTION handler_party(actor, cases) IS 'Who has the case in hand';

CREATE TYPE reporter_shown AS (name text, phone text, anonymous boolean, private boolean, contactable boolean);

-- Whoever wants no name anywhere has none, whoever reads.
CREATE FUNCTION reporter_masked(p_full boolean, p_name text, p_phone text, p_anonymous boolean, p_private boolean,
    p_contactable boolean)
RETURNS reporter_shown LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ROW(
    CASE WHEN p_anonymous THEN NULL WHEN p_full THEN p_name ELSE mask_name(p_name) END,
    CASE WHEN p_anonymous THEN NULL WHEN p_full THEN p_phone ELSE mask_phone(p_phone) END,
    p_anonymous, p_private, p_contactable)::reporter_shown;

CREATE FUNCTION has_reporter(p_case cases) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
RETURN (p_case).reporter_name IS NOT NULL OR (p_case).reporter_phone IS NOT NULL OR (p_case).reporters <> '{}'
    OR (p_case).reporter_anonymous OR (p_case).reporter_private OR (p_case).reporter_contactable;

-- First reporter, or for a citizen the own entry: in a merged case another's name is none of theirs.
CREATE FUNCTION reporter_of(p_me actor, p_case cases) RETURNS reporter_shown LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    v_own reporter_shown;
BEGIN
    IF 'citizen' = ANY (p_me.roles) AND p_me.person_id = ANY (p_case.reporters) THEN
        SELECT r.name, r.phone, r.anonymous, r.private, r.contactable INTO v_own
        FROM case_reporters r
        WHERE r.tenant = p_case.tenant AND r.case_id = p_case.id AND r.person_id = p_me.person_id
        ORDER BY r.n LIMIT 1;
        RETURN v_own;
    ELSIF NOT has_reporter(p_case) THEN
        RETURN NULL;
    END IF;
    RETURN reporter_masked(sees_reporter(p_me, p_case), p_case.reporter_name, p_case.reporter_phone,
        p_case.reporter_anonymous, p_case.reporter_private, p_case.reporter_contactable);
END $$;
COMMENT ON FUNCTION reporter_of(actor, cases) IS 'The reporter, as this reader may see them';
