-- Working time: n working days are n × 24 h counted on working days only; working hours are the hours of a policy on them.

-- A calendar day says otherwise than the week: a holiday, or a weekend day that is worked.
CREATE FUNCTION is_working_day(p_tenant text, p_day date) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN coalesce(
        (SELECT d.kind = 'workday' FROM calendar_days d WHERE d.tenant = p_tenant AND d.day = p_day AND d.active),
        extract(isodow FROM p_day) < 6);
END $$;

CREATE FUNCTION whole_days() RETURNS time[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ARRAY['00:00', '24:00']::time[];
COMMENT ON FUNCTION whole_days() IS 'The hours that count when days are counted: opening, closing.';

CREATE FUNCTION working_hours(p_policy jsonb) RETURNS time[] LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN ARRAY(SELECT jsonb_array_elements_text(setting(p_policy, 'working_hours'))::time);
END $$;
COMMENT ON FUNCTION working_hours(jsonb) IS 'The hours of a working day: opening, closing, opening, closing …';

-- Walks from day to day; a due time that falls on closing stays there and does not slide to the next opening.
CREATE FUNCTION add_working_time(p_tenant text, p_zone text, p_from timestamptz, p_amount interval, p_hours time[])
RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_at timestamp := p_from AT TIME ZONE p_zone;
    v_left interval := p_amount;
    v_opens timestamp;
    v_closes timestamp;
BEGIN
    FOR v_day IN 0..3660 LOOP
        CONTINUE WHEN NOT is_working_day(p_tenant, v_at::date + v_day);
        FOR n IN 1..cardinality(p_hours) BY 2 LOOP
            v_opens := greatest(v_at, v_at::date + v_day + p_hours[n]);
            v_closes := v_at::date + v_day + p_hours[n + 1];
            CONTINUE WHEN v_opens >= v_closes;
            IF v_left <= v_closes - v_opens THEN
                RETURN (v_opens + v_left) AT TIME ZONE p_zone;
            END IF;
            v_left := v_left - (v_closes - v_opens);
        END LOOP;
    END LOOP;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION add_working_time(text, text, timestamptz, interval, time[]) IS
    'The moment at which that much working time has passed; null after ten years.';

CREATE FUNCTION working_time_between(p_tenant text, p_zone text, p_from timestamptz, p_to timestamptz, p_hours time[])
RETURNS interval LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_from timestamp := p_from AT TIME ZONE p_zone;
    v_to timestamp := p_to AT TIME ZONE p_zone;
    v_sum interval := '0';
BEGIN
    FOR v_day IN 0..(v_to::date - v_from::date) LOOP
        CONTINUE WHEN NOT is_working_day(p_tenant, v_from::date + v_day);
        FOR n IN 1..cardinality(p_hours) BY 2 LOOP
            v_sum := v_sum + greatest(interval '0',
                least(v_to, v_from::date + v_day + p_hours[n + 1]) - greatest(v_from, v_from::date + v_day + p_hours[n]));
        END LOOP;
    END LOOP;
    RETURN v_sum;
END $$;
COMMENT ON FUNCTION working_time_between(text, text, timestamptz, timestamptz, time[]) IS
    'Working time from one moment to another.';

CREATE FUNCTION add_working_days(w work, p_from timestamptz, p_days text) RETURNS timestamptz LANGUAGE sql STABLE
RETURN add_working_time((w.c).tenant, w.zone, p_from, days(w.policy, p_days), whole_days());
COMMENT ON FUNCTION add_working_days(work, timestamptz, text) IS
    'So many working days on as the policy says under that name.';
