-- $1 tenant, $2 longitude, $3 latitude: the grid; on a border the lowest code.
SELECT a.code, a.community_code FROM areas a
WHERE a.tenant = $1 AND a.kind = 'grid' AND a.active AND ST_Intersects(a.geometry, ST_SetSRID(ST_MakePoint($2, $3), 4326))
ORDER BY a.code COLLATE "C" LIMIT 1
