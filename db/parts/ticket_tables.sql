-- What ticket_columns.sql needs beside t, c, m and n. OFFSET 0: worked out once, used often.
CROSS JOIN LATERAL (
    SELECT ticket_bits(m, t, c) AS bits, owns_report(m, c) AS owns,
        CASE WHEN owns_report(m, c) THEN own_reporter(m, c) END AS own, has_reporter(c) AS reported,
        has_reporter(c) AND NOT (c).reporter_anonymous AND sees_reporter(m, c) AS seen
    OFFSET 0
) AS i
