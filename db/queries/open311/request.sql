-- @tenant @actor · @service_request_id @extensions @lang
SELECT r.* FROM open311_get(@tenant, @actor, @service_request_id, @lang, lower(@extensions) IN ('true', '1')) AS r;
