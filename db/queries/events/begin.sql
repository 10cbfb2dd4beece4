-- @tenant @actor @roles @op_roles @org @areas · @cursor
SELECT * FROM stream_begin(@tenant, @actor, @roles, @op_roles, @org, @areas, @cursor);
