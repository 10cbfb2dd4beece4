-- @tenant @actor @roles @op_roles @org @areas
WITH me AS MATERIALIZED (SELECT m.* FROM me(@tenant, @actor, @roles, @op_roles, @org, @areas) AS m),
-- A street's own entry stands for the one that all streets have.
terms AS (
    SELECT e.dictionary, e.code, e.ordinal, e.zh, e.en, e.active FROM tenant_entries e WHERE e.tenant = @tenant
    UNION ALL
    SELECT d.dictionary, d.code, d.ordinal, d.zh, d.en, d.active FROM dictionary_entries d
    WHERE NOT EXISTS (
        SELECT FROM tenant_entries e WHERE e.tenant = @tenant AND e.dictionary = d.dictionary AND e.code = d.code)
)
SELECT me.refusal AS _code,
    (SELECT json_object_agg(d.dictionary, d.entries ORDER BY d.dictionary)
    FROM (SELECT e.dictionary,
            json_agg(json_build_object('code', e.code, 'zh', e.zh, 'en', e.en) ORDER BY e.ordinal, e.code) AS entries
        FROM terms e WHERE e.active GROUP BY e.dictionary) AS d) AS dictionaries,
    coalesce((SELECT json_agg(json_build_object('code', k.code, 'class', k.class, 'zh', k.name,
            'en', coalesce(k.name_en, k.name), 'lead_organisation', k.lead_organisation, 'on_scene', k.on_scene,
            'photo_required', k.photo_required, 'default_level', k.default_level, 'joint_method', k.joint_method,
            'questions', k.questions) ORDER BY k.ordinal, k.code)
        FROM categories k WHERE k.tenant = @tenant AND k.active), '[]') AS categories
FROM me;
