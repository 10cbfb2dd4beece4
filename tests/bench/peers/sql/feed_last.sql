-- $1 tenant, $2 era of the caller's place, if any: where the feed ends, and up to where that era's positions are part of it.
SELECT f.last_position, f.era, CASE WHEN f.era = $2 THEN f.last_position
    ELSE (SELECT e.upto FROM feed_eras e WHERE e.tenant = f.tenant AND e.era = $2) END AS upto
FROM feed_positions f WHERE f.tenant = $1
