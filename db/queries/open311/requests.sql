-- @tenant @actor · @service_request_id @service_code @status @start_date @end_date @updated_after @updated_before @page @page_size @extensions @lang @now
SELECT r.* FROM open311_list(@tenant, @actor, @service_request_id, @service_code, @status, @start_date, @end_date,
    @updated_after, @updated_before, @page::integer, @page_size::integer, @lang, lower(@extensions) IN ('true', '1'), @now) AS r;
