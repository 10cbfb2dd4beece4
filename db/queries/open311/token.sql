-- @tenant @token
SELECT r.* FROM open311_resolve(@tenant, @token) AS r;
