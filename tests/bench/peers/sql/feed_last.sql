-- $1 tenant: where the feed ends.
SELECT last_position FROM feed_positions WHERE tenant = $1
