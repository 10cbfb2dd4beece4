-- $1 tenant, $2 case, $3 grams
INSERT INTO case_texts (tenant, case_id, grams) VALUES ($1, $2::uuid, $3::text[])
