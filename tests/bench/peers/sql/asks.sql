-- What may be asked of a case or of a ticket in a state, and by whom; of plans there is an action.
SELECT k.subject, s.state, k.kind, k.asks AS who
FROM request_kinds k CROSS JOIN LATERAL unnest(k.while_states) AS s (state)
WHERE k.subject IN ('case', 'ticket') AND k.asks <> '{system}' AND k.kind <> 'plan'
ORDER BY k.subject, s.state, k.ordinal
