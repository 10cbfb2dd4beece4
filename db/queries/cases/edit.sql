-- @tenant @actor @roles @op_roles @org @areas · @if_match @now @case_id @body
SELECT * FROM case_act(@tenant, @actor, @roles, @op_roles, @org, @areas, 'edit', NULL, NULL, @if_match, @now, @case_id, @body);
