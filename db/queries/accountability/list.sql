-- @tenant @actor @roles @op_roles @org @areas · @state @kind @organisation @person @case @decidable · @cursor @limit @count
SELECT l._code, l._item, l._cursor, l._total, (l.shown).*
FROM account_list(@tenant, @actor, @roles, @op_roles, @org, @areas,
    ROW(@state, @kind, @organisation, @person, @case, @decidable)::account_filter, @cursor, @limit, @count) AS l;
