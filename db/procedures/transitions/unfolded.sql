-- The tables of transitions as the machine looks them up: a row for each state an action leads from, guards by their stage,
-- and each of those who may as one bit, so that what somebody is to a row is one number and meeting it is one AND.

CREATE TABLE machine_parties (
    party text PRIMARY KEY,
    bits bigint NOT NULL UNIQUE
);
SELECT copy_everywhere('machine_parties');
COMMENT ON TABLE machine_parties IS 'Everybody whom a table of transitions names, a role or role:relation, and the bit that stands for it.';

INSERT INTO machine_parties (party, bits)
SELECT p.party, 1::bigint << (row_number() OVER (ORDER BY p.party) - 1)::integer
FROM (
    SELECT unnest(t.who) AS party FROM case_transitions t
    UNION SELECT unnest(t.who) FROM ticket_transitions t
    UNION SELECT unnest(t.who) FROM hazard_transitions t
    UNION SELECT unnest(k.asks) FROM request_kinds k
    -- Not who, but what must hold beside it.
    UNION VALUES ('+major'), ('+remote'), ('+recallable')
) AS p;

-- Constant for the planner, so that a statement that names a party holds its bit.
CREATE FUNCTION party(VARIADIC p_parties text[]) RETURNS bigint LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN (SELECT coalesce(bit_or(p.bits), 0) FROM machine_parties p WHERE p.party = ANY (p_parties));
END $$;
COMMENT ON FUNCTION party(text[]) IS 'The bits of these parties; none for one that no table names.';

-- What the roles are by themselves (relation ''), or in a relation to a row: expressions made from the table, of which the
-- planner keeps the terms of the relation that is asked for.
DO $do$
BEGIN
    EXECUTE format($f$
        CREATE FUNCTION role_bits(p_roles text[], p_relation text) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
        RETURN %s $f$, (
            SELECT string_agg(format('CASE WHEN p_relation = %L AND %L = ANY (p_roles) THEN %s ELSE 0 END',
                split_part(p.party, ':', 2), split_part(p.party, ':', 1), p.bits), ' | ' ORDER BY p.party)
            FROM machine_parties p WHERE p.party !~ '^[+]'));
END $do$;
COMMENT ON FUNCTION role_bits(text[], text) IS 'The bits of these roles in a relation';

CREATE FUNCTION guards_at(p_guards text[], p_stage integer) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN ARRAY(SELECT n.guard FROM unnest(p_guards) WITH ORDINALITY AS n (guard, n)
        JOIN machine_guards g ON g.guard = n.guard AND g.stage = p_stage ORDER BY n.n);
END $$;
COMMENT ON FUNCTION guards_at(text[], integer) IS 'Those of one stage, in the order of the table.';

CREATE FUNCTION bits_of(p_who text[]) RETURNS bigint[] LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN ARRAY(SELECT coalesce(p.bits, 0) FROM unnest(p_who) WITH ORDINALITY AS w (who, n)
        LEFT JOIN machine_parties p ON p.party = w.who ORDER BY w.n);
END $$;

CREATE TABLE case_moves (
    state text NOT NULL,
    action text NOT NULL,
    variant text NOT NULL,
    to_state text NOT NULL,
    who text[] NOT NULL,
    bits bigint[] NOT NULL,
    world text[] NOT NULL,
    person text[] NOT NULL,
    fields text[] NOT NULL,
    shown text NOT NULL,
    PRIMARY KEY (state, action, variant)
);
SELECT copy_everywhere('case_moves');
COMMENT ON TABLE case_moves IS 'case_transitions, a row for each state: who with their bits, guards of stage 409, 403 and 422.';

INSERT INTO case_moves (state, action, variant, to_state, who, bits, world, person, fields, shown)
SELECT s.state, t.action, CASE WHEN t.variant = 'late' THEN '' ELSE t.variant END, t.to_state, t.who, bits_of(t.who),
    guards_at(t.guards, 409), guards_at(t.guards, 403), guards_at(t.guards, 422), t.shown
FROM case_transitions t
JOIN case_states s ON s.state = ANY (t.from_states)
    OR 'open' = ANY (t.from_states) AND s.open
    OR 'working' = ANY (t.from_states) AND s.working
    OR 'in_work' = ANY (t.from_states) AND s.in_work;

CREATE TABLE ticket_moves (
    state text NOT NULL,
    action text NOT NULL,
    variant text NOT NULL,
    to_state text NOT NULL,
    who text[] NOT NULL,
    bits bigint[] NOT NULL,
    world text[] NOT NULL,
    person text[] NOT NULL,
    fields text[] NOT NULL,
    offered boolean NOT NULL,
    ordinal integer NOT NULL,
    PRIMARY KEY (state, action, variant)
);
SELECT copy_everywhere('ticket_moves');
COMMENT ON TABLE ticket_moves IS 'ticket_transitions in the same way.';

INSERT INTO ticket_moves (state, action, variant, to_state, who, bits, world, person, fields, offered, ordinal)
SELECT s.state, t.action, t.variant, t.to_state, t.who, bits_of(t.who),
    guards_at(t.guards, 409), guards_at(t.guards, 403), guards_at(t.guards, 422), t.offered, t.ordinal
FROM ticket_transitions t
JOIN ticket_states s ON s.state = ANY (t.from_states) OR 'open' = ANY (t.from_states) AND s.open;

CREATE TABLE hazard_moves (
    state text NOT NULL,
    action text NOT NULL,
    to_state text NOT NULL,
    who text[] NOT NULL,
    bits bigint[] NOT NULL,
    world text[] NOT NULL,
    fields text[] NOT NULL,
    offered boolean NOT NULL,
    ordinal integer NOT NULL,
    PRIMARY KEY (state, action)
);
SELECT copy_everywhere('hazard_moves');
COMMENT ON TABLE hazard_moves IS 'hazard_transitions in the same way; no guard of it looks at the person.';

INSERT INTO hazard_moves (state, action, to_state, who, bits, world, fields, offered, ordinal)
SELECT s.state, t.action, t.to_state, t.who, bits_of(t.who), guards_at(t.guards, 409), guards_at(t.guards, 422), t.offered,
    t.ordinal
FROM hazard_transitions t
JOIN hazard_states s ON s.state = ANY (t.from_states);

-- What may be offered in a state, in the order of the tables: one row an action, whatever its variants. An action is offered
-- to whom one of `bits` stands for, where all of `needs` hold.
CREATE TABLE machine_offers (
    machine text NOT NULL,
    state text NOT NULL,
    ordinal integer NOT NULL,
    action text NOT NULL,
    bits bigint NOT NULL,
    needs bigint NOT NULL,
    PRIMARY KEY (machine, state, ordinal)
);
SELECT copy_everywhere('machine_offers');
COMMENT ON TABLE machine_offers IS 'What allowed_actions and askable_requests choose from; the service reads it at start.';

INSERT INTO machine_offers (machine, state, ordinal, action, bits, needs)
SELECT 'case', m.state, min(t.ordinal), m.action, bit_or(w.bits), CASE m.action WHEN 'plan' THEN party('+major') ELSE 0 END
FROM case_moves m
JOIN case_transitions t ON t.action = m.action AND t.offered
CROSS JOIN LATERAL unnest(m.who, m.bits) AS w (who, bits)
WHERE w.who <> 'system'
GROUP BY m.state, m.action
UNION ALL
SELECT 'ticket', m.state, m.ordinal, m.action, (SELECT bit_or(b) FROM unnest(m.bits) AS b),
    CASE WHEN m.variant = 'remote' THEN party('+remote') WHEN m.action = 'recall' THEN party('+recallable') ELSE 0 END
FROM ticket_moves m WHERE m.offered
UNION ALL
SELECT 'hazard', m.state, m.ordinal, m.action, (SELECT bit_or(b) FROM unnest(m.bits) AS b), 0
FROM hazard_moves m WHERE m.offered
UNION ALL
SELECT 'case_asks', s.state, k.ordinal, k.kind, (SELECT bit_or(b) FROM unnest(bits_of(k.asks)) AS b), 0
FROM request_kinds k JOIN case_states s ON s.state = ANY (k.while_states)
WHERE k.subject = 'case' AND k.asks <> '{system}' AND k.kind <> 'plan'
UNION ALL
SELECT 'ticket_asks', s.state, k.ordinal, k.kind, (SELECT bit_or(b) FROM unnest(bits_of(k.asks)) AS b), 0
FROM request_kinds k JOIN ticket_states s ON s.state = ANY (k.while_states) WHERE k.subject = 'ticket'
UNION ALL
SELECT 'hazard_asks', s.state, k.ordinal, k.kind, (SELECT bit_or(b) FROM unnest(bits_of(k.asks)) AS b), 0
FROM request_kinds k JOIN hazard_states s ON s.state = ANY (k.while_states) WHERE k.subject = 'hazard';

CREATE FUNCTION offered(p_machine text, p_state text, p_bits bigint) RETURNS text[] LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN ARRAY(
        SELECT o.action FROM machine_offers o
        WHERE o.machine = p_machine AND o.state = p_state AND o.bits & p_bits <> 0 AND o.needs & p_bits = o.needs
        ORDER BY o.ordinal);
END $$;
COMMENT ON FUNCTION offered(text, text, bigint) IS 'What state and bits allow, as the encoder has it too.';

-- The role in which somebody reports: the first of the table's that the caller has; an expression, made from the table.
DO $do$
BEGIN
    EXECUTE format($f$
        CREATE FUNCTION creating_role(p_bits bigint) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
        RETURN CASE %s END $f$, (
            SELECT string_agg(format('WHEN p_bits & %s <> 0 THEN %L', p.bits, w.role), ' ' ORDER BY w.n)
            FROM case_transitions t CROSS JOIN LATERAL unnest(t.who) WITH ORDINALITY AS w (role, n)
            JOIN machine_parties p ON p.party = w.role
            WHERE t.action = 'create'));
END $do$;
COMMENT ON FUNCTION creating_role(bigint) IS 'The role in which a caller of these bits reports a case';

-- The step follows from the state: an expression, made from the table.
DO $do$
BEGIN
    EXECUTE format($f$
        CREATE FUNCTION case_step(p_state text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
        RETURN CASE p_state %s END $f$, (
            SELECT string_agg(format('WHEN %L THEN %L', s.state, s.step), ' ' ORDER BY s.ordinal)
            FROM case_states s WHERE s.step IS NOT NULL));
END $do$;
