-- @tenant @actor @roles @op_roles @org @areas
-- What a caller who waits hangs under: the organisation, the own grids and what lies nowhere, or the whole street.
SELECT k.key
FROM me(@tenant, @actor, @roles, @op_roles, @org, @areas) AS m
CROSS JOIN LATERAL (
    SELECT 't' AS key WHERE sees_all(m)
    UNION SELECT 'o:' || m.org WHERE 'department' = ANY (m.roles)
    UNION SELECT 'g:' || u.area FROM unnest(m.areas || ARRAY['none']) AS u (area)
    WHERE m.roles && '{grid_worker,community}' AND (u.area = 'none' OR EXISTS (
        SELECT FROM areas a WHERE a.tenant = @tenant AND a.code = u.area AND a.kind = 'grid'))
) AS k
WHERE m.refusal IS NULL AND k.key IS NOT NULL
LIMIT 64;
