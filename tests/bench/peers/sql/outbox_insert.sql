-- $1 tenant, $2 case, $3 organisations, $4 grid, $5 now, then a list each: $6 seq, $7 ticket
INSERT INTO outbox (tenant, case_id, event_seq, ticket_id, organisations, grid, at)
SELECT $1, $2::uuid, e.seq, e.ticket::uuid, $3::text[], $4, $5 FROM unnest($6::integer[], $7::text[]) AS e (seq, ticket)
