-- $1 tenant, $2 case, $3 id, $4 round, $5 reason, $6 now, $7 person, $8 role, $9 longitude, $10 latitude, $11 accuracy: a pass
INSERT INTO checks (tenant, case_id, id, round, pass, reason, at, person_id, role, point, accuracy, distance)
SELECT $1, $2::uuid, $3::uuid, $4, true, $5, $6, $7::uuid, $8, q.point, $11,
    (SELECT st_distance(q.point::geography, c.point::geography) FROM cases c WHERE c.tenant = $1 AND c.id = $2::uuid)
FROM (SELECT ST_SetSRID(ST_MakePoint($9, $10), 4326) AS point) AS q
