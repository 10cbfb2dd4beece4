-- $1 tenant, $2 case, $3 category, $4 longitude, $5 latitude, $6 metres, $7 since: open cases that may be the same. A band of
-- latitude of what is open of one category is few rows.
SELECT x.id::text FROM cases x
WHERE x.tenant = $1 AND x.category = $3 AND x.id <> $2::uuid AND x.ended IS NULL AND x.point IS NOT NULL
    AND st_y(x.point) BETWEEN $5::float8 - $6::float8 / 110574 AND $5::float8 + $6::float8 / 110574
    AND x.received_at > $7
    AND st_distance(x.point::geography, ST_SetSRID(ST_MakePoint($4, $5), 4326)::geography) <= $6
ORDER BY x.received_at DESC LIMIT 20
