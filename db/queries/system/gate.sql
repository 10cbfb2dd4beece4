-- @client_id text, @jurisdiction text, @default text, @now timestamptz
-- Which street is meant, and the hashes that the client's key is compared with.
SELECT g.tenant, g.refusal, g.hash FROM open311_gate(@client_id, @jurisdiction, @default, @now) AS g;
