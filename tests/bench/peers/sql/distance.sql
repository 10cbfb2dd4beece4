-- $1 tenant, $2 case, $3 longitude, $4 latitude: metres from the case to there
SELECT st_distance(c.point::geography, ST_SetSRID(ST_MakePoint($3, $4), 4326)::geography) FROM cases c WHERE c.tenant = $1 AND c.id = $2::uuid
