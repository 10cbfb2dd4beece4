-- @client_id text, @now timestamptz
-- What a token for a machine needs, and the hashes that its secret is compared with.
SELECT l.tenant, l.organisation, l.department, l.scopes, l.stale, l.hash FROM client_logins(@client_id, 'client_secret', @now) AS l;
