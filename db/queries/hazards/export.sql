-- @tenant @actor @roles @op_roles @org @areas · @id @request_id · @colour @state @overdue @community @place
-- @found_from @found_to @after · @cursor @now
-- export_hazards says which; what is shown of each is what a list shows, lists of it as lines of text.
SELECT l.code AS _code, k.id IS NOT NULL AS _item, l.place AS _cursor,
    (r.v).id, (r.v).version, (r.v).state, (r.v).colour, (r.v).same_day_fixable, (r.v).capacity, (r.v).capacity_unknown,
    (r.v).category__code, (r.v).category__name, (r.v).description, (r.v).place__id, (r.v).place__name, (r.v).place__address,
    (r.v).area__code, (r.v).area__name, (r.v).community__code, (r.v).community__name,
    (r.v).found_at, (r.v).found_by__kind, (r.v).found_by__id, (r.v).found_by__name,
    (r.v).responsible__name, (r.v).responsible__phone, (r.v).responsible__organisation__code,
    (r.v).responsible__organisation__name, (r.v).due_at, (r.v).overdue,
    hazard_node_lines(h) AS nodes, hazard_colour_lines(h) AS colour_history,
    (r.v).started_at, (r.v).rectified_at, (r.v).result, (r.v).verified_at,
    (r.v).verified_by__kind, (r.v).verified_by__id, (r.v).verified_by__name, (r.v).rework_count, (r.v).case_id,
    (r.v).created_at, (r.v).updated_at
FROM me(@tenant, @actor, @roles, @op_roles, @org, @areas) AS m
CROSS JOIN (SELECT coalesce(@now, statement_timestamp()) AS now OFFSET 0) AS n
CROSS JOIN LATERAL export_hazards(m, @id, @request_id, ROW(@colour, @state, @overdue, @community, @place)::hazard_filter,
    @found_from, @found_to, @after, @cursor, n.now) AS l
CROSS JOIN LATERAL unnest(l.ids) WITH ORDINALITY AS k (id, n)
LEFT JOIN hazards h ON h.tenant = @tenant AND h.id = k.id
LEFT JOIN LATERAL (SELECT hazard_row(m, h, n.now) AS v OFFSET 0) AS r ON k.id IS NOT NULL
ORDER BY k.n;
