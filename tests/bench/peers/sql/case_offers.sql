-- What may be offered in a state, and to whom: one row an action, whatever its variants.
SELECT s.state, t.action, array_agg(DISTINCT w.who) AS who
FROM case_transitions t
JOIN case_states s ON s.state = ANY (t.from_states)
    OR 'open' = ANY (t.from_states) AND s.open
    OR 'working' = ANY (t.from_states) AND s.working
    OR 'in_work' = ANY (t.from_states) AND s.in_work
CROSS JOIN LATERAL unnest(t.who) AS w (who)
WHERE w.who <> 'system' AND EXISTS (SELECT FROM case_transitions o WHERE o.action = t.action AND o.offered)
GROUP BY s.state, t.action
ORDER BY s.state, (SELECT min(o.ordinal) FROM case_transitions o WHERE o.action = t.action AND o.offered)
