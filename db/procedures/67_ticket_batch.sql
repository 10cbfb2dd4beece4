-- Many actions on tickets in one call, each as if it were called alone: all or nothing of each, and what is refused or goes
-- wrong with one leaves the others as they are.

CREATE TYPE ticket_batch_row AS (
    _at bigint,              -- which item; -1: the batch as a whole is refused
    _batch_replayed boolean,
    _sqlstate text,          -- of what nobody foresaw
    _message text,
    reply ticket_reply
);

-- What concerns the whole transaction (a deadlock, a full disk, a shutdown) is not one item's error.
CREATE FUNCTION ticket_batch_item(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[],
    p_at bigint, p_action text, p_key text, p_fingerprint text, p_if_match bigint[], p_now timestamptz, p_ticket uuid,
    p_body jsonb)
RETURNS ticket_batch_row LANGUAGE plpgsql AS $$
DECLARE
    r ticket_batch_row;
BEGIN
    r._at := p_at;
    SELECT a INTO STRICT r.reply
    FROM ticket_act(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas, p_action, p_key, p_fingerprint, p_if_match, p_now,
        p_ticket, p_body) AS a;
    RETURN r;
EXCEPTION WHEN OTHERS THEN
    IF left(SQLSTATE, 2) IN ('0A', '08', '25', '40', '53', '57', '58') THEN
        RAISE;
    END IF;
    r._sqlstate := SQLSTATE;
    r._message := SQLERRM;
    RETURN r;
END $$;
COMMENT ON FUNCTION ticket_batch_item(text, text, text[], text[], text, text[], bigint, text, text, text, bigint[], timestamptz, uuid, jsonb)
    IS 'One item of a batch, in a subtransaction of its own';

-- Refused before it came here: by what is wrong with it, unless the person may not do such things at all.
CREATE FUNCTION ticket_batch_refused(p_me actor, p_op_roles text[], p_at bigint) RETURNS ticket_batch_row
LANGUAGE plpgsql STABLE AS $$
DECLARE
    r ticket_batch_row;
BEGIN
    r._at := p_at;
    IF NOT p_me.roles && p_op_roles THEN
        r.reply := ticket_refusal('insufficient_role');
    END IF;
    RETURN r;
END $$;

CREATE FUNCTION ticket_batch_whole(p_code text) RETURNS ticket_batch_row LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    r ticket_batch_row;
BEGIN
    r._at := -1;
    r.reply := ticket_refusal(p_code);
    RETURN r;
END $$;

-- In the order of cases, as every group of writes locks them; those of one case in the order they were sent in. The key of
-- the whole says only that it is the same batch: what became of an item its own key remembers.
CREATE FUNCTION ticket_batch(p_tenant text, p_actor text, p_roles text[], p_op_roles text[], p_org text, p_areas text[],
    p_id uuid, p_key text, p_fingerprint text, p_now timestamptz, p_items jsonb)
RETURNS SETOF ticket_batch_row LANGUAGE plpgsql AS $$
DECLARE
    v_me actor := me(p_tenant, p_actor, p_roles, p_op_roles, p_org, p_areas);
    v_key key_state;
    v_done boolean := false;
    i record;
    r ticket_batch_row;
BEGIN
    IF v_me.refusal IS NOT NULL THEN
        RETURN NEXT ticket_batch_whole(v_me.refusal);
        RETURN;
    END IF;
    v_key := key_begin(p_tenant, p_actor, 'tickets.batch', p_key, p_fingerprint);
    IF v_key.state = 'other' THEN
        RETURN NEXT ticket_batch_whole('idempotency_key_reused');
        RETURN;
    END IF;
    FOR i IN
        SELECT x.*
        FROM jsonb_to_recordset(p_items) AS x (n bigint, refused boolean, roles text[], ticket uuid, action text,
            if_match bigint[], key text, fingerprint text, body jsonb)
        LEFT JOIN tickets t ON t.tenant = p_tenant AND t.id = x.ticket
        ORDER BY t.case_id, x.n
    LOOP
        r := CASE WHEN i.refused THEN ticket_batch_refused(v_me, i.roles, i.n)
            ELSE ticket_batch_item(p_tenant, p_actor, p_roles, i.roles, p_org, p_areas, i.n, i.action, i.key, i.fingerprint,
                i.if_match, p_now, i.ticket, i.body) END;
        r._batch_replayed := v_key.state = 'replay';
        v_done := v_done OR (NOT i.refused AND r._sqlstate IS NULL AND (r.reply)._code IS NULL);
        RETURN NEXT r;
    END LOOP;
    IF v_done AND v_key.state = 'new' THEN
        PERFORM key_remember(p_tenant, p_actor, 'tickets.batch', p_key, p_fingerprint, p_id);
    END IF;
END $$;
COMMENT ON FUNCTION ticket_batch(text, text, text[], text[], text, text[], uuid, text, text, timestamptz, jsonb) IS 'tickets.batch';
SELECT delegate('ticket_batch(text, text, text[], text[], text, text[], uuid, text, text, timestamptz, jsonb)'::regprocedure);
