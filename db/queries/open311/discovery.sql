-- @tenant @base_url @contact @lang
-- Of all streets that take part together, so @tenant is nobody: which of them is meant says jurisdiction_id.
SELECT open311_changeset() AS changeset,
    coalesce(@contact, CASE @lang WHEN 'en' THEN 'The subdistrict office' ELSE '街道办事处' END) AS contact,
    coalesce(@contact, CASE @lang WHEN 'en' THEN 'The subdistrict office gives keys to those who ask for one'
        ELSE '请向街道办事处申请接口密钥' END) AS key_service,
    json_build_array(json_build_object('specification', 'http://wiki.open311.org/GeoReport_v2',
        'url', @base_url || '/open311/v2', 'changeset', iso(open311_changeset()), 'type', 'production',
        'formats', json_build_array('text/xml', 'application/json'))) AS endpoints
WHERE @tenant IS NULL;
