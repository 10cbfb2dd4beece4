-- The ticket machine in the same way.
SELECT s.state, t.action, t.variant, t.who, t.guards, t.offered
FROM ticket_transitions t
JOIN ticket_states s ON s.state = ANY (t.from_states) OR 'open' = ANY (t.from_states) AND s.open
ORDER BY t.ordinal
