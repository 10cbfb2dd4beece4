-- What ticket_columns.sql needs beside t, c, m and n. OFFSET 0: worked out once, used often.
CROSS JOIN LATERAL (
    SELECT ticket_bits(m, t, c) AS bits, owns_report(m, c) AS own, has_reporter(c) AS reported,
        has_reporter(c) AND NOT (c).reporter_anonymous AND sees_reporter(m, c) AS seen
    OFFSET 0
) AS i
