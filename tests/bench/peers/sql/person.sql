-- $1 tenant, $2 subject: who calls, and the grids held today.
SELECT p.id::text, p.name, p.phone, p.roles, p.organisation_code, p.areas, p.active,
    ARRAY(SELECT g.grid_code FROM grid_assignments g WHERE g.tenant = p.tenant AND g.person_id = p.id
        AND daterange(g.valid_from, g.valid_to, '[)') @> current_date) AS grids
FROM people p WHERE p.tenant = $1 AND p.subject = $2
