-- @tenant @service_code @lang
SELECT CASE WHEN k.code IS NULL THEN 'unknown_service' END AS _code, k.code AS service_code,
    open311_attributes(k.questions, @lang) AS attributes
FROM (SELECT) AS one
LEFT JOIN categories k ON k.tenant = @tenant AND k.code = @service_code AND k.active AND k.open311 <> 'none';
