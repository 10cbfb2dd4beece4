-- @tenant @actor · @service_request_id @start_date @end_date @now
SELECT u.* FROM open311_updates(@tenant, @actor, @service_request_id, @start_date, @end_date, @now) AS u;
