-- The demonstration street 茂山街道: its policy and every organisation that takes part.
-- The street, its five communities and the studio are those of the 2024 work plan; all else is invented.
-- Run by the owner; may be repeated: what is there already stays as it is.
SET search_path = whistled, public;

INSERT INTO tenants (tenant, name, number_prefix, zone)
VALUES ('maoshan', '茂山街道', 'MS', 'Asia/Shanghai')
ON CONFLICT DO NOTHING;

-- The numbers of the 2024 work plan (5 minutes, 30 minutes, 4 hours, 1 day) and those it leaves open. A key left out has
-- the same number by default; they stand here so that a street sees what it may change, in a version of its own.
INSERT INTO policies (tenant, version, valid_from, settings, note)
VALUES ('maoshan', 1, '2024-05-13T00:00:00+08:00', '{
    "arrive_minutes": 5, "ordinary_minutes": 30, "complex_minutes": 240, "plan_minutes": 1440,
    "plan_again_minutes": 240, "reopen_working_days": 3,
    "emergency_sign_minutes": 10, "emergency_report_minutes": 30,
    "everyday_sign_minutes": 60, "everyday_contact_minutes": 1440, "everyday_report_days": 3, "everyday_finish_days": 3,
    "hard_sign_minutes": 60, "hard_contact_minutes": 1440, "hard_report_days": 3, "hard_finish_days": 5,
    "floor_sign_minutes": 10, "floor_contact_minutes": 60, "floor_report_minutes": 30, "floor_finish_minutes": 60,
    "working_hours": ["09:00", "12:00", "13:00", "17:00"],
    "return_working_minutes": 240, "return_decide_working_minutes": 30, "review_minutes": 1440,
    "object_days": 15, "reopen_days": 15, "rate_days": 7, "evaluate_days": 7, "suspend_days": 90,
    "urge_minutes": 60, "callback_tries": 3, "check_metres": 200, "check_accuracy_metres": 100, "check_share": {},
    "duplicate_metres": 50, "duplicate_days": 30, "stages": [80, 100, 120]
}', '“12273”工作安排，2024年5月13日')
ON CONFLICT DO NOTHING;

-- Parents come first: one statement checks its foreign keys at its end, so order is for the reader.
INSERT INTO organisations (tenant, code, kind, name, parent_code, phone)
SELECT 'maoshan', code, kind, name, parent_code, phone
FROM (VALUES
    ('street',            'street',            '茂山街道办事处',             NULL,                '0435-0000100'),
    ('office-general',    'office',            '党政综合办公室',             'street',            '0435-0000101'),
    ('office-governance', 'office',            '基层治理办公室（调度室）',   'street',            '0435-0000102'),
    ('office-inspection', 'office',            '督查办公室',                 'street',            '0435-0000103'),
    ('office-justice',    'office',            '司法所',                     'street',            '0435-0000104'),
    ('office-petition',   'office',            '信访办公室',                 'street',            '0435-0000105'),
    ('window-street',     'office',            '街道便民服务大厅',           'street',            '0435-0000106'),
    ('center',            'governance_center', '街道综治中心',               'street',            '0435-0000107'),
    ('studio-wyh',        'studio',            '王艳华工作室',               'street',            '0435-0000108'),
    -- the five communities
    ('community-xf',      'community',         '新风社区居民委员会',         'street',            '0435-0000201'),
    ('community-ca',      'community',         '长安社区居民委员会',         'street',            '0435-0000202'),
    ('community-tj',      'community',         '团结社区居民委员会',         'street',            '0435-0000203'),
    ('community-ms',      'community',         '茂山社区居民委员会',         'street',            '0435-0000204'),
    ('community-lm',      'community',         '利民社区居民委员会',         'street',            '0435-0000205'),
    -- the ten departments that report when the street whistles
    ('public-security',   'department',        '公安分局',                   NULL,                '0435-0000301'),
    ('urban-management',  'department',        '城市管理局',                 NULL,                '0435-0000302'),
    ('housing',           'department',        '住房和城乡建设局',           NULL,                '0435-0000303'),
    ('market',            'department',        '市场监督管理局',             NULL,                '0435-0000304'),
    ('emergency',         'department',        '应急管理局',                 NULL,                '0435-0000305'),
    ('fire',              'department',        '消防救援大队',               NULL,                '0435-0000306'),
    ('sanitation',        'department',        '环境卫生服务中心',           NULL,                '0435-0000307'),
    ('civil-affairs',     'department',        '民政局',                     NULL,                '0435-0000308'),
    ('health',            'department',        '卫生健康局',                 NULL,                '0435-0000309'),
    ('water-heat',        'department',        '供水供热服务中心',           NULL,                '0435-0000310'),
    ('police-maoshan',    'police',            '茂山派出所',                 'public-security',   '0435-0000311'),
    -- party organisations
    ('party-street',      'party_org',         '街道党工委',                 NULL,                NULL),
    ('party-xf',          'party_org',         '新风社区党委',               'party-street',      NULL),
    ('party-ca',          'party_org',         '长安社区党委',               'party-street',      NULL),
    ('party-tj',          'party_org',         '团结社区党委',               'party-street',      NULL),
    ('party-ms',          'party_org',         '茂山社区党委',               'party-street',      NULL),
    ('party-lm',          'party_org',         '利民社区党委',               'party-street',      NULL),
    ('party-xf-01',       'party_org',         '新风第一网格党支部',         'party-xf',          NULL),
    ('party-tj-02',       'party_org',         '团结第二网格党支部',         'party-tj',          NULL),
    -- 1+N: what the party organisations lead
    ('women',             'mass_org',          '街道妇联',                   'party-street',      NULL),
    ('youth-league',      'mass_org',          '街道团工委',                 'party-street',      NULL),
    ('next-generation',   'mass_org',          '街道关工委',                 'party-street',      NULL),
    ('trade-union',       'mass_org',          '街道总工会',                 'party-street',      NULL),
    ('young-pioneers',    'mass_org',          '街道少工委',                 'party-street',      NULL),
    ('volunteers',        'social_org',        '街道志愿者协会',             'party-street',      NULL),
    -- property management
    ('property-anju',     'property_company',  '安居物业服务有限公司',       NULL,                '0435-0000401'),
    ('property-hexie',    'property_company',  '和谐家园物业服务有限公司',   NULL,                '0435-0000402'),
    ('property-shunda',   'property_company',  '顺达物业管理有限公司',       NULL,                '0435-0000403'),
    ('owners-hupan',      'owners_committee',  '湖畔花园业主委员会',         NULL,                NULL),
    ('owners-xinyuan',    'owners_committee',  '馨苑小区业主委员会',         NULL,                NULL),
    -- units, firms and shops in the street
    ('unit-school',       'resident_unit',     '茂山实验学校',               NULL,                '0435-0000501'),
    ('unit-hospital',     'resident_unit',     '茂山社区卫生服务中心',       NULL,                '0435-0000502'),
    ('firm-textile',      'enterprise',        '长白制衣有限公司',           NULL,                '0435-0000503'),
    ('shop-market',       'merchant',          '团结便民超市',               NULL,                '0435-0000504'),
    ('shop-noodles',      'merchant',          '老街面馆',                   NULL,                '0435-0000505')
) AS o (code, kind, name, parent_code, phone)
ON CONFLICT DO NOTHING;
