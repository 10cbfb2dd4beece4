-- @tenant @actor @roles @op_roles @org @areas
-- What a caller who waits hangs under. None: it is not let in, or no staff: residents and clients ask, and are answered at once.
SELECT k.key
FROM me(@tenant, @actor, @roles, @op_roles, @org, @areas) AS m
CROSS JOIN LATERAL unnest(own_keys(m)) AS k (key)
WHERE m.refusal IS NULL AND sees_staff(m);
