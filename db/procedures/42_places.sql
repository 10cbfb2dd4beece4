-- Where: the grid and community that follow from a point, a place or an area that somebody named.

CREATE FUNCTION metres(a geometry, b geometry) RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN st_distance(a::geography, b::geography);

-- The grid at or above an area: a case named by its building still belongs to a grid.
CREATE FUNCTION grid_of(p_tenant text, p_area text) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT g.code FROM areas a JOIN areas g ON g.tenant = a.tenant AND g.code = ANY (a.path) AND g.kind = 'grid'
        WHERE a.tenant = p_tenant AND a.code = p_area AND a.active LIMIT 1);
END $$;

CREATE FUNCTION community_of(p_tenant text, p_area text) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT a.community_code FROM areas a WHERE a.tenant = p_tenant AND a.code = p_area);
END $$;

-- A case takes its grid from its point, else from the place it is about, else from the area somebody named.
CREATE FUNCTION case_placed(INOUT c cases, p_area text) LANGUAGE plpgsql STABLE AS $$
BEGIN
    c.area := NULL;
    c.community := NULL;
    IF c.point IS NOT NULL THEN
        c.area := grid_at(c.tenant, c.point);
    ELSIF c.place_id IS NOT NULL THEN
        c.area := (SELECT p.grid_code FROM places p WHERE p.tenant = c.tenant AND p.id = c.place_id);
    END IF;
    IF c.area IS NULL AND p_area IS NOT NULL THEN
        c.area := grid_of(c.tenant, p_area);
    END IF;
    IF c.area IS NOT NULL THEN
        c.community := community_of(c.tenant, c.area);
    END IF;
END $$;
COMMENT ON FUNCTION case_placed(cases, text) IS 'The case with the grid and community that follow from where it is.';
