-- Names and phones, masked for whoever has no business with them.

CREATE FUNCTION mask_name(p_name text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN left(p_name, 1) || repeat('*', length(p_name) - 1);
COMMENT ON FUNCTION mask_name(text) IS 'The surname''s first character, a star for each of the rest';

CREATE FUNCTION mask_phone(p_phone text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN length(p_phone) >= 9
    THEN left(p_phone, 3) || repeat('*', length(p_phone) - 7) || right(p_phone, 4)
    ELSE repeat('*', greatest(length(p_phone) - 2, 0)) || right(p_phone, least(length(p_phone) / 2, 2)) END;
COMMENT ON FUNCTION mask_phone(text) IS 'Enough digits to recognise one''s own, too few to call';

-- What the staff who deal with a case must see to call the reporter. A token that carries auditor sees masks whatever
-- else it carries.
CREATE FUNCTION sees_reporter(p_me actor, p_case cases) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
RETURN NOT 'auditor' = ANY ((p_me).roles)
    AND (  (p_me).roles && '{dispatcher,leader,supervisor}'
        OR (p_me).person_id = (p_case).handler
        OR (p_case).area = ANY ((p_me).areas)
        OR ('department' = ANY ((p_me).roles) AND NOT (p_case).reporter_private
            AND (p_me).org = (p_case).lead_org AND (p_me).org = ANY ((p_case).open_orgs)));
COMMENT ON FUNCTION sees_reporter(actor, cases) IS 'Whether names and phones are written out in full';

-- Citizens and machine clients learn which organisation or role did something, not who.
CREATE FUNCTION sees_staff(p_me actor) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
RETURN (p_me).roles && '{grid_worker,community,window_clerk,dispatcher,leader,department,supervisor,auditor,admin}';

CREATE FUNCTION masks_staff(p_me actor) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
RETURN 'auditor' = ANY ((p_me).roles);
COMMENT ON FUNCTION masks_staff(actor) IS 'Whether colleagues'' names are masked for this reader';

CREATE FUNCTION staff_name(p_me actor, p_name text) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE WHEN masks_staff(p_me) THEN mask_name(p_name) ELSE p_name END;
COMMENT ON FUNCTION staff_name(actor, text) IS 'A colleague''s name as this reader may see it';
