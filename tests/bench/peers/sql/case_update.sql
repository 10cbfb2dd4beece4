-- $1 tenant, $2 id, and what the actions of the loop change
UPDATE cases SET version = $3, state = $4, category = $5, level = $6, registered_at = $7, handler = $8::uuid,
    first_contact = $9::uuid, first_handler_org = $10, workers = $11::text[]::uuid[], lead_ticket = $12::uuid, lead_org = $13,
    organisations = $14::text[], open_orgs = $15::text[], tickets_issued = $16, tickets_open = $17, tickets_unsubmitted = $18,
    resolve_due_at = $19, resolved_at = $20, overdue_at = $21, clock_next_at = $22, state_at = $23, state_before = $24,
    signed_round = $25, result = $26, reply = $27, evaluating_at = $28, closed_at = $29, closed_how = $30, callback_tries = $31,
    event_seq = $32, updated_at = $33
WHERE tenant = $1 AND id = $2::uuid
