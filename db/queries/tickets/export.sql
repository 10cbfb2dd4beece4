-- @tenant @actor @roles @op_roles @org @areas · @id @request_id · @status @case @organisation @kind @role @mine @overdue
-- @issued_from @issued_to @after · @cursor @now
-- export_tickets says which; what is shown of each is what a list shows, and what was done.
SELECT v._code, v._item, v._cursor, v._names, v._masked,
    v.id, v.number, v.version, v.case_id, v.case_number, v.kind, v.role, v.organisation__code, v.state, v.task,
    v.case__title, v.case__description, v.case__kind, v.case__category__code, v.case__level, v.case__state,
    v.case__location__lon, v.case__location__lat, v.case__location__coord_sys, v.case__location__address,
    v.case__address, v.case__area__code, v.case__community__code, v.case__reporter__name, v.case__reporter__phone,
    v.case__reporter__anonymous, v.case__reporter__private, v.case__reporter__contactable, v.case__received_at,
    v.case__resolve_due_at, v.round, v.issued_at, v.issued_by__kind, v.issued_by__id, v.sign_due_at, v.contact_due_at,
    v.report_due_at, v.finish_due_at, v.signed_at, v.contacted_at, v.reported_in_at, v.started_at, v.submitted_at,
    v.closed_at, v.overdue, v.overdue_clocks, v.result, v.reply, v.cause_code, v.not_contacted, v.department_rating,
    v.rework_count, v.final, v.updated_at
FROM (
    SELECT l.code AS _code, k.id IS NOT NULL AS _item, l.place AS _cursor, k.n AS place,
        m.names_version AS _names, masks_staff(m) AS _masked,
\ir ../../parts/ticket_columns.sql
    FROM me(@tenant, @actor, @roles, @op_roles, @org, @areas) AS m
    CROSS JOIN (SELECT coalesce(@now, statement_timestamp()) AS now OFFSET 0) AS n
    CROSS JOIN LATERAL export_tickets(m, @id, @request_id,
        ROW(@status, @case, @organisation, @kind, @role, @mine, @overdue, NULL)::ticket_filter,
        @issued_from, @issued_to, @after, @cursor, n.now) AS l
    CROSS JOIN LATERAL unnest(l.ids) WITH ORDINALITY AS k (id, n)
    LEFT JOIN tickets t ON t.tenant = @tenant AND t.id = k.id
    LEFT JOIN cases c ON c.tenant = @tenant AND c.id = t.case_id
    CROSS JOIN LATERAL (SELECT
\ir ../../parts/ticket_eyes.sql
    ) AS i
) AS v
ORDER BY v.place;
