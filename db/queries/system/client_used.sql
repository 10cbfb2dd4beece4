-- @client_id text, @now timestamptz
SELECT client_used(@client_id, @now) AS noted;
