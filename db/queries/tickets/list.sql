-- @tenant @actor @roles @op_roles @org @areas · @status @case @organisation @kind @role @mine @overdue @number
-- @updated_after @sort · @cursor @limit @count @now
-- ticket_list says which; of what a ticket shows, a list shows less.
SELECT v._code, v._item, v._cursor, v._total, v._more, v._names, v._masked,
    v.id, v.number, v.version, v.case_id, v.case_number, v.kind, v.role, v.organisation__code, v.state, v.task, v.case__title, v.case__description, v.case__kind, v.case__category__code, v.case__level, v.case__state, v.case__location__lon, v.case__location__lat, v.case__location__coord_sys,
    v.case__location__address, v.case__address, v.case__area__code, v.case__community__code,
    v.case__reporter__name, v.case__reporter__phone, v.case__reporter__anonymous,
    v.case__reporter__private, v.case__reporter__contactable, v.case__received_at, v.case__resolve_due_at, v.round,
    v.issued_at, v.issued_by__kind, v.issued_by__id, v.sign_due_at, v.contact_due_at,
    v.report_due_at, v.finish_due_at, v.signed_at, v.contacted_at, v.reported_in_at, v.started_at, v.submitted_at,
    v.closed_at, v.overdue, v.overdue_clocks, v.cause_code, v.not_contacted, v.department_rating, v.rework_count,
    v.final, v.updated_at, v.allowed_actions
FROM (
    SELECT l.code AS _code, k.id IS NOT NULL AS _item, k.cursor AS _cursor, l.total AS _total, l.more AS _more, k.n AS place,
        m.names_version AS _names, masks_staff(m) AS _masked,
\ir ../../parts/ticket_columns.sql
    FROM me(@tenant, @actor, @roles, @op_roles, @org, @areas) AS m
    CROSS JOIN (SELECT coalesce(@now, statement_timestamp()) AS now OFFSET 0) AS n
    CROSS JOIN LATERAL ticket_list(m,
        ROW(@status, @case, @organisation, @kind, @role, @mine, @overdue, @number)::ticket_filter,
        @updated_after, @sort, @cursor, @limit, @count, n.now) AS l
    CROSS JOIN LATERAL unnest(l.ids, l.cursors) WITH ORDINALITY AS k (id, cursor, n)
    LEFT JOIN tickets t ON t.tenant = @tenant AND t.id = k.id
    LEFT JOIN cases c ON c.tenant = @tenant AND c.id = t.case_id
    CROSS JOIN LATERAL (SELECT
\ir ../../parts/ticket_eyes.sql
    ) AS i
    -- What is shown is delivered; the row behind the page is not shown.
    CROSS JOIN LATERAL (
        SELECT CASE WHEN t.state IN ('issued', 'send_failed') AND k.n < @limit AND (m).org = t.organisation
            AND EXISTS (SELECT FROM webhook_tickets x WHERE x.tenant = @tenant AND x.ticket_id = t.id AND x.pulled_at IS NULL)
            THEN ticket_shown(m, t.id, t.organisation) END AS noted
        OFFSET 0
    ) AS s
) AS v
ORDER BY v.place;
