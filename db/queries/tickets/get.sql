-- @tenant @actor @roles @op_roles @org @areas · @ticket_id @now
SELECT coalesce(m.refusal, CASE WHEN t.id IS NULL THEN 'not_found' END) AS _code, t.version AS _version, m.names_version AS _names, masks_staff(m) AS _masked,
\ir ../../parts/ticket_columns.sql
FROM me(@tenant, @actor, @roles, @op_roles, @org, @areas) AS m
CROSS JOIN (SELECT coalesce(@now, statement_timestamp()) AS now OFFSET 0) AS n
LEFT JOIN (tickets t JOIN cases c ON c.tenant = t.tenant AND c.id = t.case_id)
    ON t.tenant = @tenant AND t.id = @ticket_id AND m.refusal IS NULL AND ticket_in_sight(m, t, c)
CROSS JOIN LATERAL (
\ir ../../parts/ticket_eyes.sql
    OFFSET 0
) AS i
-- What is shown is delivered.
CROSS JOIN LATERAL (
    SELECT CASE WHEN t.state IN ('issued', 'send_failed') AND (m).org = t.organisation
            AND EXISTS (SELECT FROM webhook_tickets x WHERE x.tenant = @tenant AND x.ticket_id = t.id AND x.pulled_at IS NULL)
            THEN ticket_shown(m, t.id, t.organisation) END AS noted
    OFFSET 0
) AS s
;
