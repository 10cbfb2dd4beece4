-- $1 tenant, $2 id, $3 subject: a citizen's first write makes the person.
INSERT INTO people (tenant, id, subject, name, roles) VALUES ($1, $2::uuid, $3, '', '{citizen}')
