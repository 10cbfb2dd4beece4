-- Open311 GeoReport v2: which street is meant, what of it is public, and how it is told there.

-- A street takes part when it offers a category. One that offers none is not there.
CREATE FUNCTION open311_takes_part(p_tenant text) RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM tenants t WHERE t.tenant = p_tenant AND t.active)
        AND EXISTS (SELECT FROM categories k WHERE k.tenant = p_tenant AND k.active AND k.open311 <> 'none');
END $$;

-- Without jurisdiction_id: the configured street, else the only one that takes part.
CREATE FUNCTION open311_street(p_default text) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_streets text[];
BEGIN
    IF p_default IS NOT NULL THEN
        RETURN CASE WHEN open311_takes_part(p_default) THEN p_default END;
    END IF;
    v_streets := ARRAY(SELECT t.tenant FROM tenants t WHERE open311_takes_part(t.tenant) ORDER BY 1 LIMIT 2);
    RETURN CASE WHEN cardinality(v_streets) = 1 THEN v_streets[1] END;
END $$;

CREATE TYPE open311_gate AS (tenant text, refusal text, hash bytea);

-- A key is good in its own street only. One row for each of its client's keys, at least one.
CREATE FUNCTION open311_gate(p_client text, p_jurisdiction text, p_default text, p_now timestamptz)
RETURNS SETOF open311_gate LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_keyed text := split_part(p_client, '.', 1);
    v_tenant text := CASE
        WHEN p_jurisdiction IS NOT NULL THEN CASE WHEN open311_takes_part(p_jurisdiction) THEN p_jurisdiction END
        WHEN open311_takes_part(v_keyed) THEN v_keyed
        ELSE open311_street(p_default) END;
BEGIN
    RETURN QUERY
    SELECT v_tenant,
        CASE WHEN v_tenant IS NOT NULL THEN NULL WHEN p_jurisdiction IS NULL THEN 'jurisdiction_missing'
            ELSE 'unknown_jurisdiction' END, l.hash
    FROM (SELECT) AS one
    LEFT JOIN client_logins(p_client, 'api_key', p_now) AS l
        ON l.tenant = v_tenant AND 'open311' = ANY (string_to_array(l.scopes, ' '));
END $$;
COMMENT ON FUNCTION open311_gate(text, text, text, timestamptz) IS 'The street that is meant, and the hashes of the client''s keys';

CREATE FUNCTION open311_person(p_tenant text, p_subject text) RETURNS uuid LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN (SELECT p.id FROM people p WHERE p.tenant = p_tenant AND p.subject = p_subject AND 'client' = ANY (p.roles));
END $$;

-- What the world may read. Whoever reported something confidential, of a kind that concerns people rather than places, or
-- that somebody watches, reads nothing of it here; nor does who reported it by another channel find their words here.
-- What went up in another without being accepted has no first contact.
CREATE FUNCTION open311_public(c cases, k categories) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (k).open311 <> 'none' AND NOT ((k).open311 = 'batch' AND ((c).state IN ('received', 'rejected', 'voided')
        OR (c).state = 'merged' AND (c).first_contact IS NULL))
    AND (c).kind <> 'dispute' AND NOT (c).tags && '{petition,accident,police_case}' AND NOT (c).reporter_private
    AND ((c).point IS NOT NULL OR (c).address IS NOT NULL);

-- Cases that everybody or this client sees. What went up in one takes its watchers along. The planner takes it into the
-- statement that asks, whose filters go first.
CREATE FUNCTION open311_cases(p_tenant text, p_client uuid) RETURNS TABLE (c cases, k categories, own boolean)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT c, k, c.created_by = p_client IS TRUE
    FROM cases c JOIN categories k ON k.tenant = p_tenant AND k.code = c.category
    WHERE c.tenant = p_tenant AND (c.created_by = p_client OR open311_public(c, k)
        AND NOT EXISTS (
            SELECT FROM case_reporters r WHERE r.tenant = p_tenant AND r.case_id = c.id AND r.private)
        AND NOT EXISTS (
            SELECT FROM early_warning_cases e WHERE e.tenant = p_tenant AND e.case_id = c.id AND e.unlinked_at IS NULL)
        AND NOT EXISTS (
            SELECT FROM cases m
            JOIN early_warning_cases e ON e.tenant = p_tenant AND e.case_id = m.id AND e.unlinked_at IS NULL
            WHERE m.tenant = p_tenant AND m.merged_into = c.id))
$$;
COMMENT ON FUNCTION open311_cases(text, uuid) IS 'What Open311 shows, and whether the client reported it';

-- Words that people wrote for each other, before strangers read them: no phone, no id number, no address of a mail box, no
-- reporter's name. A date is left as it is.
CREATE FUNCTION open311_masked(p_text text, p_tenant text, p_case uuid) RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    v_text text := p_text;
    v_name text;
BEGIN
    v_text := regexp_replace(v_text, '[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+\.[A-Za-z0-9.-]+', '***', 'g');
    v_text := regexp_replace(v_text,
        '(?<![0-9０-９])(?![0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([^0-9]|$))[+＋]?[0-9０-９]([ 　.()（）-]*[0-9０-９]){6,}[xXｘＸ]?', '***', 'g');
    FOR v_name IN
        SELECT DISTINCT n.name FROM case_reporters r
        LEFT JOIN people p ON p.tenant = r.tenant AND p.id = r.person_id
        CROSS JOIN LATERAL (VALUES (r.name), (p.name)) AS n (name)
        WHERE r.tenant = p_tenant AND r.case_id = p_case AND length(n.name) > 1
    LOOP
        v_text := replace(v_text, v_name, mask_name(v_name));
    END LOOP;
    RETURN v_text;
END $$;
COMMENT ON FUNCTION open311_masked(text, text, uuid) IS 'A text without what tells who somebody is';

-- The street and the house, not the flat.
CREATE FUNCTION open311_address(p_address text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN nullif(trim(regexp_replace(regexp_replace(regexp_replace(regexp_replace(p_address,
    '[0-9０-９A-Za-z一二三四五六七八九十百]+\s*(单元|室|户|层|楼层).*$', ''),
    '[,，;； ]*\m(room|apartment|apt|flat|unit)\M.*$', '', 'i'),
    -- 7号楼2-502, 12号502
    '(号|栋|幢|楼|座|门)[-－ ]*([0-9]{1,2}[-－])*[0-9]{2,4}号?$', '\1'),
    -- 7-2-502
    '([0-9]+)[-－][0-9]+[-－][0-9]+$', '\1')), '');
COMMENT ON FUNCTION open311_address(text) IS 'An address as everybody may read it';

CREATE FUNCTION open311_status(p_state text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN p_state IN ('closed', 'rejected', 'merged', 'voided') THEN 'closed' ELSE 'open' END;

CREATE FUNCTION open311_detailed_status(p_state text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE p_state WHEN 'received' THEN 'RECEIVED' WHEN 'rejected' THEN 'REJECTED'
    WHEN 'checking' THEN 'PROCESSED' WHEN 'evaluating' THEN 'PROCESSED' WHEN 'closed' THEN 'PROCESSED'
    WHEN 'merged' THEN 'ARCHIVED' WHEN 'voided' THEN 'ARCHIVED' ELSE 'IN_PROCESS' END;

-- The extended states of servicerequestupdates, of the moment after an event.
CREATE FUNCTION open311_update_status(e case_history) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN (e).action IN ('reopen', 'object') THEN 'REOPEN'
    WHEN (e).action = 'retake' THEN 'INTERNAL_REFERRAL'
    ELSE CASE (e).to_state
        WHEN 'verifying' THEN 'INVESTIGATING'
        WHEN 'whistled' THEN 'ACTION_SCHEDULED'
        WHEN 'source_handling' THEN 'IN_PROGRESS'
        WHEN 'handling' THEN 'IN_PROGRESS'
        WHEN 'checking' THEN 'IN_PROGRESS'
        WHEN 'evaluating' THEN 'IN_PROGRESS'
        WHEN 'closed' THEN CASE WHEN (e).data ->> 'solved' = 'yes' THEN 'FIXED' ELSE 'CLOSED' END
        WHEN 'merged' THEN 'DUPLICATE'
        WHEN 'rejected' THEN 'NOT_COUNCILS_RESPONSIBILITY'
        WHEN 'voided' THEN 'NO_FURTHER_ACTION'
        ELSE 'OPEN' END
    END;

-- What the street said to the reporter, not what a reporter said.
CREATE FUNCTION open311_said(e case_history) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE WHEN (e).visibility = 'public' AND (e).ticket_id IS NULL AND (e).role NOT IN ('citizen', 'client')
    AND (e).action IN ('reject', 'source_done', 'feedback', 'comment') THEN nullif(trim((e).note), '') END;
COMMENT ON FUNCTION open311_said(case_history) IS 'The public words of an event, before they are masked';

-- Labels

CREATE FUNCTION open311_category_name(k categories, p_lang text) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE WHEN p_lang = 'en' THEN coalesce((k).name_en, (k).name) ELSE (k).name END;

CREATE FUNCTION open311_class_name(k categories, p_lang text) RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN coalesce(
        (SELECT CASE WHEN p_lang = 'en' THEN e.en ELSE e.zh END FROM tenant_entries e
        WHERE e.tenant = (k).tenant AND e.dictionary = 'category_class' AND e.code = (k).class),
        (SELECT CASE WHEN p_lang = 'en' THEN d.en ELSE d.zh END FROM dictionary_entries d
        WHERE d.dictionary = 'category_class' AND d.code = (k).class), (k).class);
END $$;

-- Questions as attributes

CREATE FUNCTION open311_datatype(p_type text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE p_type WHEN 'number' THEN 'number' WHEN 'integer' THEN 'number' WHEN 'date' THEN 'datetime'
    WHEN 'boolean' THEN 'singlevaluelist' WHEN 'choice' THEN 'singlevaluelist' WHEN 'choices' THEN 'multivaluelist'
    ELSE 'text' END;

CREATE FUNCTION open311_values(p_question jsonb, p_lang text) RETURNS json LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    v_values jsonb := CASE p_question ->> 'type'
        WHEN 'boolean' THEN jsonb '[{"code": "true", "zh": "是", "en": "Yes"}, {"code": "false", "zh": "否", "en": "No"}]'
        ELSE coalesce(p_question -> 'values', '[]') END;
BEGIN
    RETURN (
        SELECT coalesce(json_agg(json_build_object('key', coalesce(v.value ->> 'code', v.value #>> '{}'),
            'name', coalesce(v.value ->> p_lang, v.value ->> 'zh', v.value #>> '{}')) ORDER BY v.n), '[]')
        FROM jsonb_array_elements(v_values) WITH ORDINALITY AS v (value, n));
END $$;

CREATE FUNCTION open311_attributes(p_questions jsonb, p_lang text) RETURNS json LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN (
        SELECT coalesce(json_agg(
            CASE WHEN open311_datatype(q.question ->> 'type') LIKE '%list' THEN
                json_build_object('variable', true, 'code', q.question ->> 'code',
                    'datatype', open311_datatype(q.question ->> 'type'), 'required', q.question -> 'required',
                    'datatype_description', NULL, 'order', q.n,
                    'description', coalesce(q.question ->> p_lang, q.question ->> 'zh'),
                    'values', open311_values(q.question, p_lang))
            ELSE
                json_build_object('variable', true, 'code', q.question ->> 'code',
                    'datatype', open311_datatype(q.question ->> 'type'), 'required', q.question -> 'required',
                    'datatype_description', CASE q.question ->> 'type' WHEN 'date' THEN 'YYYY-MM-DD' WHEN 'integer' THEN '0' END,
                    'order', q.n, 'description', coalesce(q.question ->> p_lang, q.question ->> 'zh'))
            END ORDER BY q.n), '[]')
        FROM jsonb_array_elements(p_questions) WITH ORDINALITY AS q (question, n));
END $$;
COMMENT ON FUNCTION open311_attributes(jsonb, text) IS 'A category''s own questions as GeoReport v2 has them';

-- A datetime is of the day that it is here.
CREATE FUNCTION open311_day(p_text text) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN p_text::timestamptz::date;
EXCEPTION WHEN data_exception THEN
    RETURN p_text;
END $$;

-- A text of a form as the question wants it; what does not fit stays a text, and answers_known refuses it.
CREATE FUNCTION open311_answer(p_question jsonb, p_value jsonb) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_text text := p_value #>> '{}';
BEGIN
    IF p_question ->> 'type' = 'choices' THEN
        RETURN CASE jsonb_typeof(p_value) WHEN 'array' THEN p_value ELSE jsonb_build_array(p_value) END;
    ELSIF jsonb_typeof(p_value) <> 'string' THEN
        RETURN p_value;
    END IF;
    RETURN CASE
        WHEN p_question ->> 'type' IN ('number', 'integer') AND v_text ~ '^-?[0-9]{1,15}(\.[0-9]{1,15})?$' THEN to_jsonb(v_text::numeric)
        WHEN p_question ->> 'type' = 'boolean' AND v_text IN ('true', 'false') THEN to_jsonb(v_text::boolean)
        WHEN p_question ->> 'type' = 'date' AND v_text ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]' THEN to_jsonb(open311_day(v_text))
        ELSE p_value END;
END $$;

CREATE FUNCTION open311_answers(p_questions jsonb, p_attributes jsonb) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT coalesce(jsonb_object_agg(a.key, open311_answer(coalesce(q.value, '{}'), a.value)), '{}')
        FROM jsonb_each(coalesce(p_attributes, '{}')) AS a
        LEFT JOIN jsonb_array_elements(p_questions) AS q ON q.value ->> 'code' = a.key);
END $$;
COMMENT ON FUNCTION open311_answers(jsonb, jsonb) IS 'Attributes of a form as the answers of a case';
