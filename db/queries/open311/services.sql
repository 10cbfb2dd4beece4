-- @tenant @lang
SELECT k.code AS service_code, open311_category_name(k, @lang) AS service_name,
    open311_class_name(k, @lang) || ': ' || open311_category_name(k, @lang) AS description,
    k.questions <> '[]' AS metadata, k.open311 AS type,
    concat_ws(', ', open311_class_name(k, @lang), k.name, k.name_en) AS keywords, open311_class_name(k, @lang) AS "group"
FROM categories k
WHERE k.tenant = @tenant AND k.active AND k.open311 <> 'none'
ORDER BY k.ordinal, k.code;
