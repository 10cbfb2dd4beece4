-- $1 tenant, $2 case, $3 category, $4 longitude, $5 latitude, $6 metres, $7 since: open cases that may be the same. A box in
-- the index of what is open of one category, cut into rows of the map; twenty are enough, the newest of them first.
SELECT n.id::text FROM (
    SELECT x.id, x.received_at FROM cases x
    WHERE x.tenant = $1 AND x.category = $3 AND x.id <> $2::uuid AND x.ended IS NULL AND x.point IS NOT NULL
        AND floor(st_y(x.point) * 2000)::integer = ANY (ARRAY(SELECT generate_series(
            floor(($5::float8 - $6::float8 / 110574) * 2000)::integer, floor(($5::float8 + $6::float8 / 110574) * 2000)::integer)))
        AND st_y(x.point) BETWEEN $5::float8 - $6::float8 / 110574 AND $5::float8 + $6::float8 / 110574
        AND st_x(x.point) BETWEEN $4::float8 - $6::float8 / (111319 * cos(radians(least(abs($5::float8) + $6::float8 / 110574, 89.9))))
            AND $4::float8 + $6::float8 / (111319 * cos(radians(least(abs($5::float8) + $6::float8 / 110574, 89.9))))
        AND x.received_at > $7
        AND st_distance(x.point::geography, ST_SetSRID(ST_MakePoint($4, $5), 4326)::geography) <= $6
    LIMIT 20) AS n
ORDER BY n.received_at DESC
