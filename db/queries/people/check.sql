-- @tenant @actor @roles @op_roles @org @areas
-- Run when a body or parameter is wrong: whether the caller may do such things at all comes before what is wrong with it.
SELECT m.refusal AS _code FROM me(@tenant, @actor, @roles, @op_roles, @org, @areas) AS m;
