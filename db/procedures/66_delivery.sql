-- Whether a ticket reached its organisation: for those with a webhook of their own. Failed delivery is seen by people.

-- p_failed: three tries failed, or it is undelivered at its sign due. Else a later try, or a pull that shows it, delivered
-- it. Answers whether that changed anything. The ticket's version stays: what the department may do is the same in both
-- states, and who has read the ticket, which is what delivers it, can act on what it read.
CREATE FUNCTION ticket_delivery(p_tenant text, p_ticket uuid, p_failed boolean, p_now timestamptz)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    v_system actor := system_actor(p_tenant);
    v_case cases := case_locked(p_tenant, (SELECT t.case_id FROM tickets t WHERE t.tenant = p_tenant AND t.id = p_ticket));
    v_from text := CASE WHEN p_failed THEN 'issued' ELSE 'send_failed' END;
    w work;
BEGIN
    IF v_case.id IS NULL THEN
        RETURN false;
    END IF;
    w := work_on(v_system, coalesce(p_now, clock_timestamp()), 'delivery', '{}', v_case);
    w.role := 'system';
    w := ticket_loaded(w, p_ticket);
    IF (w.t).state <> v_from THEN
        RETURN false;
    END IF;
    w := settle_before(w);
    w := CASE WHEN p_failed THEN ticket_to(w, 'send_failed', 'send_failed') ELSE ticket_to(w, 'delivered', 'issued') END;
    w.t_old := w.t;
    w := case_written(ticket_saved(w));
    RETURN true;
END $$;
COMMENT ON FUNCTION ticket_delivery(text, uuid, boolean, timestamptz) IS
    'Notes that the delivery of a ticket failed, or came after all; answers whether that is new.';
