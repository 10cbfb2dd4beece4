-- What case_columns.sql needs beside c, m and n. OFFSET 0: worked out once, used often.
CROSS JOIN LATERAL (SELECT case_eyes(m, c) AS e OFFSET 0) AS i
CROSS JOIN LATERAL (SELECT
\ir case_words.sql
) AS w
