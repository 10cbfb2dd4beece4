-- Less to do for each intake.

-- Duplicates: a band of latitude goes through the whole street, and most of what lies in it is not near.
DROP INDEX cases_near;
CREATE INDEX cases_near ON cases (tenant, category, (public.st_y(point)), (public.st_x(point))) WHERE ended IS NULL AND point IS NOT NULL;
-- What an index is of has no statistics before.
ANALYZE cases;
