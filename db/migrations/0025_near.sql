-- Duplicates: a band of latitude went through the whole street, and all of it was read for the few that are near. Cut into rows of
-- a two-thousandth of a degree (55 metres), the index holds each row by longitude: what is near is a short stretch of two or three.
DROP INDEX cases_near;
CREATE INDEX cases_near ON cases (tenant, category, (floor(public.st_y(point) * 2000)::integer), (public.st_x(point)), (public.st_y(point)))
    WHERE ended IS NULL AND point IS NOT NULL;
-- What an index is of has no statistics before.
ANALYZE cases;
