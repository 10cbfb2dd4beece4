-- What ticket_columns.sql needs beside t, c, m and n.
CROSS JOIN LATERAL (SELECT ticket_eyes(m, t, c) AS e OFFSET 0) AS i
