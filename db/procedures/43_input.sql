-- What a schema cannot say about a body: that what it names exists, and belongs to the caller.

-- Each attachment was uploaded by the caller, hangs nowhere yet, and is named once.
CREATE FUNCTION attachments_known(INOUT w work, p_field text DEFAULT 'attachments') LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_ids jsonb := CASE jsonb_typeof(w.body -> p_field)
        WHEN 'array' THEN w.body -> p_field WHEN 'string' THEN jsonb_build_array(w.body -> p_field) ELSE '[]' END;
    v_bad integer;
BEGIN
    IF v_ids = '[]' THEN
        RETURN;
    END IF;
    SELECT min(i.n) INTO v_bad
    FROM jsonb_array_elements_text(v_ids) WITH ORDINALITY AS i (id, n)
    WHERE NOT EXISTS (
            SELECT FROM attachments a
            WHERE a.tenant = (w.c).tenant AND a.id = i.id::uuid AND a.created_by = (w.me).person_id)
        OR EXISTS (SELECT FROM case_attachments h WHERE h.tenant = (w.c).tenant AND h.attachment_id = i.id::uuid)
        OR EXISTS (SELECT FROM hazard_attachments h WHERE h.tenant = (w.c).tenant AND h.attachment_id = i.id::uuid)
        OR EXISTS (
            SELECT FROM jsonb_array_elements_text(v_ids) WITH ORDINALITY AS j (id, n) WHERE j.id = i.id AND j.n < i.n);
    IF v_bad IS NOT NULL THEN
        w := refused(w, 'unknown_reference',
            '/' || p_field || CASE jsonb_typeof(w.body -> p_field) WHEN 'array' THEN '/' || (v_bad - 1) ELSE '' END);
    END IF;
END $$;

CREATE FUNCTION attach(INOUT w work, p_stage text, p_field text DEFAULT 'attachments') LANGUAGE plpgsql AS $$
DECLARE
    v_hung integer;
BEGIN
    IF NOT w.body ? p_field OR jsonb_typeof(w.body -> p_field) = 'null' THEN
        RETURN;
    END IF;
    INSERT INTO case_attachments (tenant, case_id, attachment_id, ticket_id, stage, event_seq)
    SELECT (w.c).tenant, (w.c).id, i.id::uuid, (w.t).id, p_stage, (w.c).event_seq
    FROM jsonb_array_elements_text(CASE jsonb_typeof(w.body -> p_field)
        WHEN 'array' THEN w.body -> p_field ELSE jsonb_build_array(w.body -> p_field) END) AS i (id);
    GET DIAGNOSTICS v_hung = ROW_COUNT;
    w.c.attachments_hung := (w.c).attachments_hung + v_hung;
END $$;
COMMENT ON FUNCTION attach(work, text, text) IS 'Hangs the attachments of a body on the case, at its latest event.';

-- Values of a choice: {code, zh, en}, or the code alone.
CREATE FUNCTION question_codes(p_question jsonb) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN (SELECT coalesce(jsonb_agg(coalesce(v.value -> 'code', v.value)), '[]') FROM jsonb_array_elements(p_question -> 'values') AS v);
END $$;

CREATE FUNCTION answer_fits(p_question jsonb, p_answer jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE p_question ->> 'type'
    WHEN 'boolean' THEN jsonb_typeof(p_answer) = 'boolean'
    WHEN 'number' THEN jsonb_typeof(p_answer) = 'number'
    WHEN 'integer' THEN jsonb_typeof(p_answer) = 'number' AND (p_answer #>> '{}')::numeric % 1 = 0
    WHEN 'date' THEN jsonb_typeof(p_answer) = 'string' AND p_answer #>> '{}' ~ '^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$'
        AND jsonb_path_exists(p_answer, '$.datetime("YYYY-MM-DD")', silent => true)
    WHEN 'choice' THEN jsonb_typeof(p_answer) = 'string' AND question_codes(p_question) @> p_answer
    WHEN 'choices' THEN jsonb_typeof(p_answer) = 'array' AND question_codes(p_question) @> p_answer
    ELSE jsonb_typeof(p_answer) = 'string' AND length(p_answer #>> '{}') <= 1000 END;
COMMENT ON FUNCTION answer_fits(jsonb, jsonb) IS 'Whether an answer is of the kind its question wants.';

CREATE FUNCTION json_pointer(p_name text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '/' || replace(replace(p_name, '~', '~0'), '/', '~1');

-- The category's own questions: no answer without a question, none missing that is required.
CREATE FUNCTION answers_known(INOUT w work, p_questions jsonb) LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_answers jsonb := coalesce(w.body -> 'answers', '{}');
    v_code text;
    v_question jsonb;
BEGIN
    FOR v_code IN SELECT jsonb_object_keys(v_answers) LOOP
        SELECT q.value INTO v_question FROM jsonb_array_elements(p_questions) AS q WHERE q.value ->> 'code' = v_code;
        IF v_question IS NULL THEN
            w := refused(w, 'unknown_reference', '/answers' || json_pointer(v_code));
            RETURN;
        ELSIF NOT coalesce(answer_fits(v_question, v_answers -> v_code), false) THEN
            w := refused(w, 'invalid_value', '/answers' || json_pointer(v_code));
            RETURN;
        END IF;
    END LOOP;
    SELECT q.value ->> 'code' INTO v_code FROM jsonb_array_elements(p_questions) AS q
    WHERE (q.value -> 'required') = 'true' AND NOT v_answers ? (q.value ->> 'code') LIMIT 1;
    IF v_code IS NOT NULL THEN
        w := refused(w, 'required', '/answers' || json_pointer(v_code));
    END IF;
END $$;

CREATE FUNCTION category_known(INOUT w work) LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF w.body ->> 'category' IS NOT NULL AND NOT EXISTS (
        SELECT FROM categories k
        WHERE k.tenant = (w.c).tenant AND k.code = w.body ->> 'category'
            AND (k.active OR k.code = (w.old).category)) THEN
        w := refused(w, 'unknown_reference', '/category');
    END IF;
END $$;

CREATE FUNCTION area_known(INOUT w work) LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF w.body ->> 'area' IS NOT NULL AND grid_of((w.c).tenant, w.body ->> 'area') IS NULL THEN
        w := refused(w, 'unknown_reference', '/area');
    END IF;
END $$;

CREATE FUNCTION place_known(INOUT w work) LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF w.body ->> 'place_id' IS NOT NULL AND NOT EXISTS (
        SELECT FROM places p WHERE p.tenant = (w.c).tenant AND p.id = (w.body ->> 'place_id')::uuid
            AND (p.active_to IS NULL OR p.active_to > (w.now AT TIME ZONE w.zone)::date)) THEN
        w := refused(w, 'unknown_reference', '/place_id');
    END IF;
END $$;

-- One or more of point, address, place, area: somebody must be able to find it.
CREATE FUNCTION is_placed(c cases) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (c).point IS NOT NULL OR (c).address IS NOT NULL OR (c).place_id IS NOT NULL OR (c).area IS NOT NULL;

CREATE FUNCTION place_kept(INOUT w work) LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF NOT is_placed(case_edited(w)) THEN
        w := refused(w, 'place_missing', '/location');
    END IF;
END $$;

-- Tickets of a body go to active organisations.
CREATE FUNCTION organisations_known(INOUT w work) LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_bad integer;
BEGIN
    SELECT min(t.n) INTO v_bad
    FROM jsonb_array_elements(coalesce(w.body -> 'tickets', '[]')) WITH ORDINALITY AS t (ticket, n)
    WHERE NOT EXISTS (
        SELECT FROM organisations o
        WHERE o.tenant = (w.c).tenant AND o.code = t.ticket ->> 'organisation' AND o.active);
    IF v_bad IS NOT NULL THEN
        w := refused(w, 'unknown_reference', format('/tickets/%s/organisation', v_bad - 1));
    END IF;
END $$;

-- Every reference that a body may carry, whatever the action.
CREATE FUNCTION references_known(INOUT w work) LANGUAGE plpgsql STABLE AS $$
BEGIN
    w := category_known(w);
    IF w.code IS NULL THEN
        w := area_known(w);
    END IF;
    IF w.code IS NULL THEN
        w := attachments_known(w);
    END IF;
    IF w.code IS NULL AND w.action = 'arrive' THEN
        w := attachments_known(w, 'photo');
    END IF;
END $$;
COMMENT ON FUNCTION references_known(work) IS
    'Refuses with unknown_reference and the field that names what is not there.';
