-- The case machine, a row for each state that an action leads from.
SELECT s.state, t.action, CASE WHEN t.variant = 'late' THEN '' ELSE t.variant END AS variant, t.who, t.guards, t.offered
FROM case_transitions t
JOIN case_states s ON s.state = ANY (t.from_states)
    OR 'open' = ANY (t.from_states) AND s.open
    OR 'working' = ANY (t.from_states) AND s.working
    OR 'in_work' = ANY (t.from_states) AND s.in_work
ORDER BY t.ordinal
