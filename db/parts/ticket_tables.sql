-- What ticket_columns.sql needs beside t, c, m and n.
CROSS JOIN LATERAL (SELECT has_reporter(c) AS has, sees_reporter(m, c) AS sees OFFSET 0) AS i
