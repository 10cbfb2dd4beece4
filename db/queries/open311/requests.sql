-- @tenant @actor · @service_request_id @service_code @status @start_date @end_date @page @page_size @extensions @lang @now
SELECT r.* FROM open311_list(@tenant, @actor, @service_request_id, @service_code, @status, @start_date, @end_date,
    @page::integer, @page_size::integer, @lang, @extensions IN ('true', '1'), @now) AS r;
