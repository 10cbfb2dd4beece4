-- @tenant @actor @roles @op_roles @org @areas · @now · @community @place
SELECT * FROM hazard_summary(@tenant, @actor, @roles, @op_roles, @org, @areas, @now,
    ROW(NULL, NULL, NULL, @community, @place)::hazard_filter);
