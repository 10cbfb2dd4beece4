-- Attachments: the row beside the file that the core has stored.

CREATE TYPE attachment_reply AS (
    _code text, _location text, _replayed boolean,
    id uuid, content_type text, size bigint, sha256 text, width integer, height integer, created_at timestamptz
);

CREATE FUNCTION attachment_view(p_code text, a attachments, p_replayed boolean) RETURNS attachment_reply
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    v attachment_reply;
BEGIN
    v._code := p_code;
    v._location := '/v1/attachments/' || a.id;
    v._replayed := p_replayed;
    v.id := a.id;
    v.content_type := a.content_type;
    v.size := a.size;
    v.sha256 := a.sha256;
    v.width := a.width;
    v.height := a.height;
    v.created_at := a.created_at;
    RETURN v;
END $$;

-- p_found: what the core found in the file: its type by content, size, hash and pixels.
CREATE FUNCTION attachment_create(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text,
    p_areas text[], p_id uuid, p_found jsonb, p_key text, p_fingerprint text, p_now timestamptz)
RETURNS attachment_reply LANGUAGE plpgsql AS $$
DECLARE
    v_me actor := me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
    v_new attachments := jsonb_populate_record(NULL::attachments, p_found);
    v_key key_state;
BEGIN
    IF v_me.refusal IS NOT NULL THEN
        RETURN attachment_view(v_me.refusal, NULL, false);
    END IF;
    v_key := key_begin(p_tenant, p_actor, 'attachments.create', p_key, p_fingerprint);
    IF v_key.state = 'other' THEN
        RETURN attachment_view('idempotency_key_reused', NULL, false);
    ELSIF v_key.state = 'replay' THEN
        SELECT * INTO v_new FROM attachments a WHERE a.tenant = p_tenant AND a.id = v_key.object_id;
        RETURN attachment_view(NULL, v_new, true);
    END IF;
    v_me := me_known(v_me);
    v_new.tenant := p_tenant;
    v_new.id := p_id;
    v_new.created_by := v_me.person_id;
    v_new.created_at := coalesce(p_now, clock_timestamp());
    INSERT INTO attachments VALUES (v_new.*);
    PERFORM key_remember(p_tenant, p_actor, 'attachments.create', p_key, p_fingerprint, p_id);
    RETURN attachment_view(NULL, v_new, false);
END $$;
SELECT delegate('attachment_create(text, text, text[], text[], text, text[], uuid, jsonb, text, text, timestamptz)');

-- For whoever may see what it hangs on; until it hangs somewhere, for who uploaded it.
CREATE FUNCTION attachment_visible(p_me actor, p_attachment attachments) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    v_hung case_attachments;
    v_case cases;
BEGIN
    IF p_attachment.created_by = p_me.person_id THEN
        RETURN true;
    END IF;
    IF hazard_in_sight(p_me, (SELECT h FROM hazard_attachments x JOIN hazards h ON h.tenant = x.tenant AND h.id = x.hazard_id
        WHERE x.tenant = p_me.tenant AND x.attachment_id = p_attachment.id)) THEN
        RETURN true;
    END IF;
    SELECT * INTO v_hung FROM case_attachments h WHERE h.tenant = p_me.tenant AND h.attachment_id = p_attachment.id;
    SELECT * INTO v_case FROM cases c WHERE c.tenant = p_me.tenant AND c.id = v_hung.case_id;
    RETURN FOUND AND case_in_sight(p_me, v_case) AND attachment_in_sight(p_me, v_hung,
        (SELECT t.organisation FROM tickets t WHERE t.tenant = p_me.tenant AND t.id = v_hung.ticket_id),
        tickets_in_sight(p_me, v_case));
END $$;

CREATE FUNCTION attachment_get(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text,
    p_areas text[], p_attachment_id uuid)
RETURNS attachment_reply LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    v_me actor := me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
    v_attachment attachments;
BEGIN
    IF v_me.refusal IS NOT NULL THEN
        RETURN attachment_view(v_me.refusal, NULL, false);
    END IF;
    SELECT * INTO v_attachment FROM attachments a WHERE a.tenant = p_tenant AND a.id = p_attachment_id;
    IF NOT FOUND OR NOT attachment_visible(v_me, v_attachment) THEN
        RETURN attachment_view('not_found', NULL, false);
    END IF;
    RETURN attachment_view(NULL, v_attachment, false);
END $$;
SELECT delegate('attachment_get(text, text, text[], text[], text, text[], uuid)');
