-- @tenant @actor @roles @op_roles @org @areas · @action @id @idempotency_key @fingerprint @if_match @now @code @body
SELECT r._code, r._pointer, r._detail, r._version, r._location, r._replayed, d.*, r._version AS version
FROM admin_act(@tenant, @actor, @roles, @op_roles, @org, @areas, 'category', @action, @code, @id,
    @idempotency_key, @fingerprint, @if_match, @now, @body) AS r
CROSS JOIN LATERAL jsonb_to_record(coalesce(r.document, '{}')) AS d (
    code text, class text, zh text, en text, lead_organisation text, on_scene boolean, photo_required boolean,
    default_level text, joint_method text, questions json, ordinal integer, open311 text,
    open311_description boolean, active boolean);
