-- @tenant @actor @roles @op_roles @org @areas · @request_id @now @early_warning_id
-- A reading that writes: each leaves an audit row, in the same transaction.
SELECT r._code, r._pointer, r._detail, r._version, r._location, r._replayed, (r.shown).*
FROM warning_get(@tenant, @actor, @roles, @op_roles, @org, @areas, @request_id, @now, @early_warning_id) AS r;
