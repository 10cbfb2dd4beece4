-- Answers when the database does and this build's own schema is there.
SELECT EXISTS (SELECT FROM case_states) AS ready;
