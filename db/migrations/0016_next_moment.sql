-- When something of a case is due stands on the case alone: an action of a ticket looks at one number, not at every other
-- ticket and request, and the row of a ticket whose clock was met keeps its place in all indexes.

UPDATE cases c SET clock_next_at = least(c.clock_next_at,
    (SELECT min(t.clock_next_at) FROM tickets t WHERE t.tenant = c.tenant AND t.case_id = c.id),
    (SELECT min(r.clock_next_at) FROM requests r WHERE r.tenant = c.tenant AND r.case_id = c.id AND r.state = 'pending'))
WHERE c.ended IS NULL;
DROP INDEX tickets_clock, requests_clock;
COMMENT ON COLUMN cases.clock_next_at IS
    'Derived: when the clock job has to look at it next: not later than the first moment of the case, its tickets and its requests.';
