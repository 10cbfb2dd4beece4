-- What case_columns.sql needs beside c, m and n. OFFSET 0: worked out once, used often.
CROSS JOIN LATERAL (
    SELECT sees_staff(m) AS staff, tickets_in_sight(m, c) AS tickets, c.state IN ('whistled', 'handling') AS led,
        has_reporter(c) AS has, sees_reporter(m, c) AS sees, owns_report(m, c) AS owns,
        CASE WHEN owns_report(m, c) THEN own_reporter(m, c) END AS own,
        CASE WHEN NOT sees_staff(m) AND c.handler IS NOT NULL THEN person_party(m, c.handler) END AS handler,
        CASE WHEN NOT sees_staff(m) AND c.first_contact IS NOT NULL THEN person_party(m, c.first_contact) END AS contact,
        CASE WHEN NOT sees_staff(m) AND c.first_handler IS NOT NULL THEN person_party(m, c.first_handler) END AS first,
        CASE WHEN c.level = 'major' OR c.plan_request IS NOT NULL THEN case_plan(m, c) END AS plan
    OFFSET 0
) AS i
