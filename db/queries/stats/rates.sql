-- @tenant @actor @roles @op_roles @org @areas · @from @to @area @organisation @category @level
SELECT s.refusal AS _code, s.pointer AS _pointer, s.period, s.behind, s.residents, s.others, s.rates, s.weights
FROM stats_rates(me(@tenant, @actor, @roles, @op_roles, @org, @areas), @from, @to, @area, @organisation, @category, @level) AS s;
