-- What each machine offers in each state, in order; read once, at start.
SELECT o.machine, o.state, o.action, o.bits, o.needs FROM machine_offers o
ORDER BY o.machine COLLATE "C", o.state COLLATE "C", o.ordinal;
