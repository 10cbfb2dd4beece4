-- Whether a machine may do this now: by a scope that its token has, the operation asks for, and its row still has.
CREATE FUNCTION client_may(p_tenant text, p_person uuid, p_rights text[], p_op_rights text[]) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM clients k WHERE k.tenant = p_tenant AND k.person_id = p_person
            AND k.scopes && ARRAY(SELECT unnest(p_rights) INTERSECT SELECT unnest(p_op_rights)));
END $$;
COMMENT ON FUNCTION client_may(text, uuid, text[], text[]) IS 'Scopes: token ∩ operation ∩ row';
