-- @tenant @actor @roles @op_roles @org @areas · @case_id @now
SELECT coalesce(m.refusal, CASE WHEN c.id IS NULL THEN 'not_found' END) AS _code, c.version AS _version, m.names_version AS _names, masks_staff(m) AS _masked,
\ir ../../parts/case_columns.sql
    , NULL::integer AS duplicates__count, NULL::uuid[] AS duplicates__ids
FROM me(@tenant, @actor, @roles, @op_roles, @org, @areas) AS m
CROSS JOIN (SELECT coalesce(@now, statement_timestamp()) AS now OFFSET 0) AS n
LEFT JOIN cases c ON c.tenant = @tenant AND c.id = @case_id AND m.refusal IS NULL AND case_in_sight(m, c)
\ir ../../parts/case_tables.sql
;
