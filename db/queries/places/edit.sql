-- @tenant @actor @roles @op_roles @org @areas · @id @if_match @now @place_id @body
SELECT * FROM place_edit(@tenant, @actor, @roles, @op_roles, @org, @areas, @id, @if_match, @now, @place_id, @body);
