-- Public holidays and worked weekend days; all other Saturdays and Sundays are free by themselves.
-- 2026 as published; 2027 as it may be expected, until it is.
SET search_path = whistled, public;

INSERT INTO calendar_days (tenant, day, kind, name)
SELECT 'maoshan', day::date, 'holiday', h.name
FROM (VALUES
    ('2026-01-01', '2026-01-03', '元旦'),   ('2026-02-15', '2026-02-23', '春节'),
    ('2026-04-04', '2026-04-06', '清明节'), ('2026-05-01', '2026-05-05', '劳动节'),
    ('2026-06-19', '2026-06-21', '端午节'), ('2026-09-25', '2026-09-27', '中秋节'),
    ('2026-10-01', '2026-10-07', '国庆节'),
    ('2027-01-01', '2027-01-03', '元旦'),   ('2027-02-05', '2027-02-12', '春节'),
    ('2027-04-03', '2027-04-05', '清明节'), ('2027-05-01', '2027-05-05', '劳动节'),
    ('2027-06-09', '2027-06-09', '端午节'), ('2027-09-15', '2027-09-15', '中秋节'),
    ('2027-10-01', '2027-10-07', '国庆节')
) AS h (first, last, name)
CROSS JOIN generate_series(h.first::date, h.last::date, interval '1 day') AS day
ON CONFLICT DO NOTHING;

INSERT INTO calendar_days (tenant, day, kind, name)
SELECT 'maoshan', w.day::date, 'workday', w.name
FROM (VALUES
    ('2026-01-04', '元旦调休'),   ('2026-02-14', '春节调休'),   ('2026-02-28', '春节调休'),
    ('2026-05-09', '劳动节调休'), ('2026-09-20', '国庆节调休'), ('2026-10-10', '国庆节调休'),
    ('2027-01-31', '春节调休'),   ('2027-02-14', '春节调休'),   ('2027-04-25', '劳动节调休'),
    ('2027-05-08', '劳动节调休'), ('2027-09-26', '国庆节调休'), ('2027-10-09', '国庆节调休')
) AS w (day, name)
ON CONFLICT DO NOTHING;
