-- Text search. Chinese words have two characters, which trigrams do not index: so pairs of neighbours, and single Chinese
-- characters; what the index finds is compared with the words themselves.

CREATE FUNCTION text_fold(p_text text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN lower(normalize(p_text, NFKC));
COMMENT ON FUNCTION text_fold(text) IS 'Full-width and half-width, upper and lower case are the same';

CREATE FUNCTION text_grams(p_text text) RETURNS text[] LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    -- ASCII and Chinese punctuation, spelt out: what a character class means depends on the database's locale.
    c_gaps CONSTANT text := '[\s!-/:-@\[-`{-~\u2000-\u206f\u3000-\u303f]+';
    v_all text[] := string_to_array(regexp_replace(text_fold(p_text), c_gaps, ' ', 'g'), NULL);
BEGIN
    RETURN ARRAY(
        SELECT g.one || g.next FROM (SELECT unnest(v_all) AS one, unnest(v_all[2:]) AS next) AS g WHERE g.one <> ' ' AND g.next <> ' '
        UNION ALL
        SELECT g.one FROM (SELECT unnest(v_all) AS one) AS g WHERE g.one >= U&'\4e00' COLLATE "C"
        -- As the index wants them: it sorts what is sorted in no time.
        ORDER BY 1);
END $$;
COMMENT ON FUNCTION text_grams(text) IS 'What a text is found by; what it holds twice may stand twice';

CREATE FUNCTION text_words(p_q text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN array_remove(regexp_split_to_array(text_fold(p_q), '\s+'), '');

CREATE FUNCTION case_words(p_title text, p_description text, p_address text) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
RETURN text_fold(concat_ws(E'\n', p_title, p_description, p_address));

CREATE FUNCTION case_grams(p_title text, p_description text, p_address text) RETURNS text[] LANGUAGE sql STABLE PARALLEL SAFE
RETURN text_grams(concat_ws(E'\n', p_title, p_description, p_address));
COMMENT ON FUNCTION case_grams(text, text, text) IS 'What case_texts holds of these words.';
