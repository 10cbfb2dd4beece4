-- @tenant @actor @roles @op_roles @org @areas
WITH me AS MATERIALIZED (SELECT m.* FROM me(@tenant, @actor, @roles, @op_roles, @org, @areas) AS m)
SELECT me.refusal AS _code, me.tenant AS tenant__code, t.name AS tenant__name, me.subject, me.person_id, me.name, me.roles,
    me.org AS organisation__code, o.name AS organisation__name, me.areas, me.posts, me.head
FROM me
LEFT JOIN tenants t ON t.tenant = @tenant
LEFT JOIN organisations o ON o.tenant = @tenant AND o.code = me.org;
