-- The list of supervisions reads from the newest, mostly those that wait for a reply.

CREATE INDEX supervisions_newest ON supervisions (tenant, raised_at, id);
CREATE INDEX supervisions_unanswered ON supervisions (tenant, raised_at, id) WHERE replied_at IS NULL;
CREATE INDEX supervisions_ticket ON supervisions (tenant, ticket_id) WHERE ticket_id IS NOT NULL;
