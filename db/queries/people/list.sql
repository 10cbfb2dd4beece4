-- @tenant @actor @roles @op_roles @org @areas · @role @organisation @area @q @active · @cursor @limit @count
WITH me AS MATERIALIZED (SELECT m.* FROM me(@tenant, @actor, @roles, @op_roles, @org, @areas) AS m),
found AS NOT MATERIALIZED (
    SELECT p AS person FROM people p
    WHERE p.tenant = @tenant AND p.active = coalesce(@active, true) AND NOT p.roles <@ '{citizen}' AND NOT 'client' = ANY (p.roles)
        AND (@role IS NULL OR p.roles && @role) AND (@organisation IS NULL OR p.organisation_code = ANY (@organisation))
        AND (@area IS NULL OR EXISTS (
            SELECT FROM areas a
            WHERE a.tenant = @tenant AND a.code = ANY (@area) AND a.path && areas_held(p, p.roles)))
        AND (@q IS NULL OR strpos(text_fold(p.name), text_fold(@q)) > 0)
)
SELECT me.refusal AS _code, (p.person).id IS NOT NULL AS _item, (p.person).id::text AS _cursor,
    CASE WHEN @count = 'exact' THEN (SELECT count(*) FROM found) END AS _total,
    (p.person).id, CASE WHEN 'auditor' = ANY (me.roles) THEN mask_name((p.person).name) ELSE (p.person).name END AS name,
    (p.person).roles, (p.person).organisation_code AS organisation__code, o.name AS organisation__name,
    areas_held(p.person, (p.person).roles) AS areas, (p.person).posts,
    CASE WHEN NOT 'auditor' = ANY (me.roles) AND me.roles && '{dispatcher,leader,supervisor,admin}'
        THEN (p.person).phone ELSE mask_phone((p.person).phone) END AS phone
FROM me
LEFT JOIN LATERAL (
    SELECT f.person FROM found f WHERE @cursor IS NULL OR (f.person).id > @cursor::uuid ORDER BY (f.person).id LIMIT @limit
) AS p ON me.refusal IS NULL
LEFT JOIN organisations o ON o.tenant = @tenant AND o.code = (p.person).organisation_code
ORDER BY (p.person).id;
