-- Somebody for every role. All people and phone numbers are invented.
-- `subject` is what a token's `sub` must say; script/tokens mints one for those that the tour needs.
SET search_path = whistled, public;

-- Fixed ids of the form of a UUIDv7, so that a second run finds the first one's rows.
INSERT INTO people (tenant, id, subject, name, phone, roles, organisation_code, areas, posts, head)
SELECT 'maoshan', ('01930000-0000-7000-8000-' || lpad(p.n::text, 12, '0'))::uuid, p.subject, p.name,
       '1390000' || lpad(p.n::text, 4, '0'), string_to_array(p.roles, ' '), p.organisation,
       string_to_array(p.areas, ' '), string_to_array(p.posts, ' '), p.head
FROM (VALUES
    -- the street
    (101, 'leader-secretary',  '郑立新', 'leader',                 'street',            '',      'secretary',   true),
    (102, 'leader-head',       '韩雪松', 'leader',                 'street',            '',      'street_head', false),
    (103, 'dispatcher-1',      '孟晓东', 'dispatcher',             'office-governance', '',      '',            true),
    (104, 'dispatcher-2',      '邹丽娜', 'dispatcher',             'office-governance', '',      '',            false),
    (105, 'supervisor-1',      '唐国强', 'supervisor',             'office-inspection', '',      '',            true),
    (106, 'supervisor-2',      '沈美玲', 'supervisor',             'office-inspection', '',      '',            false),
    (107, 'auditor-1',         '贺建平', 'auditor',                'office-general',    '',      '',            false),
    (108, 'admin-1',           '付志鹏', 'admin',                  'office-general',    '',      '',            true),
    (109, 'maoshan.01930000000070008000000000000109', '12345热线接入', 'client',          'center',            '',      '',            false),
    -- communities: their secretary, and a social worker
    (201, 'community-xf-1',    '于秀兰', 'community',              'community-xf',      'XF',    '',            true),
    (202, 'community-xf-2',    '孙浩然', 'community',              'community-xf',      'XF',    '',            false),
    (203, 'community-ca-1',    '曹玉梅', 'community',              'community-ca',      'CA',    '',            true),
    (204, 'community-ca-2',    '丁文博', 'community',              'community-ca',      'CA',    '',            false),
    (205, 'community-tj-1',    '崔桂芝', 'community',              'community-tj',      'TJ',    '',            true),
    (206, 'community-tj-2',    '田佳怡', 'community',              'community-tj',      'TJ',    '',            false),
    (207, 'community-ms-1',    '任海燕', 'community',              'community-ms',      'MS',    '',            true),
    (208, 'community-ms-2',    '姜明哲', 'community',              'community-ms',      'MS',    '',            false),
    (209, 'community-lm-1',    '范春华', 'community',              'community-lm',      'LM',    '',            true),
    (210, 'community-lm-2',    '方子涵', 'community',              'community-lm',      'LM',    '',            false),
    -- grid workers: their grids are assignments, below; one takes turns at the window (AB岗)
    (301, 'grid-xf-01',        '刘志刚', 'grid_worker',            'community-xf',      '',      '',            false),
    (302, 'grid-xf-02',        '陈思雨', 'grid_worker',            'community-xf',      '',      '',            false),
    (303, 'grid-ca-01',        '杨建国', 'grid_worker',            'community-ca',      '',      '',            false),
    (304, 'grid-ca-02',        '黄婷婷', 'grid_worker window_clerk', 'community-ca',    '',      '',            false),
    (305, 'grid-tj-01',        '周大勇', 'grid_worker',            'community-tj',      '',      '',            false),
    (306, 'grid-tj-02',        '吴晓梅', 'grid_worker',            'community-tj',      '',      '',            false),
    (307, 'grid-ms-01',        '徐海波', 'grid_worker',            'community-ms',      '',      '',            false),
    (308, 'grid-ms-02',        '马丽华', 'grid_worker',            'community-ms',      '',      '',            false),
    (309, 'grid-lm-01',        '朱永强', 'grid_worker',            'community-lm',      '',      '',            false),
    (310, 'grid-lm-02',        '胡雅静', 'grid_worker',            'community-lm',      '',      '',            false),
    (311, 'grid-reserve-1',    '郭振宇', 'grid_worker',            'community-xf',      '',      '',            false),
    (312, 'grid-reserve-2',    '何淑芬', 'grid_worker',            'community-tj',      '',      '',            false),
    -- windows
    (401, 'clerk-street',      '高翔宇', 'window_clerk',           'window-street',     '',      '',            true),
    (402, 'clerk-xf',          '林雨桐', 'window_clerk',           'community-xf',      '',      '',            false),
    (403, 'clerk-ca',          '罗芳',   'window_clerk',           'community-ca',      '',      '',            false),
    (404, 'clerk-lm',          '梁嘉琪', 'window_clerk',           'community-lm',      '',      '',            false),
    -- departments
    (501, 'police-1',          '宋铁军', 'department',             'public-security',   '',      '',            true),
    (502, 'police-2',          '谢子豪', 'department',             'public-security',   '',      '',            false),
    (503, 'urban-1',           '许长江', 'department',             'urban-management',  '',      '',            true),
    (504, 'urban-2',           '邓晓晨', 'department',             'urban-management',  '',      '',            false),
    (505, 'housing-1',         '萧国庆', 'department',             'housing',           '',      '',            true),
    (506, 'market-1',          '冯志远', 'department',             'market',            '',      '',            true),
    (507, 'emergency-1',       '董晓峰', 'department',             'emergency',         '',      '',            true),
    (508, 'fire-1',            '袁野',   'department',             'fire',              '',      '',            true),
    (509, 'fire-2',            '潘俊杰', 'department',             'fire',              '',      '',            false),
    (510, 'sanitation-1',      '蒋福生', 'department',             'sanitation',        '',      '',            true),
    (511, 'civil-1',           '蔡慧敏', 'department',             'civil-affairs',     '',      '',            true),
    (512, 'health-1',          '余静怡', 'department',             'health',            '',      '',            true),
    (513, 'water-1',           '杜长河', 'department',             'water-heat',        '',      '',            true),
    (514, 'water-2',           '叶冬梅', 'department',             'water-heat',        '',      '',            false),
    -- property companies
    (601, 'property-anju-1',   '程伟',   'property',               'property-anju',     '',      '',            true),
    (602, 'property-hexie-1',  '苏丹',   'property',               'property-hexie',    '',      '',            true),
    (603, 'property-shunda-1', '魏来',   'property',               'property-shunda',   '',      '',            true),
    -- residents
    (701, 'citizen-1',         '吕秀英', 'citizen',                NULL,                '',      '',            false),
    (702, 'citizen-2',         '欧阳建军', 'citizen',              NULL,                '',      '',            false),
    (703, 'citizen-3',         '钱小溪', 'citizen',                NULL,                '',      '',            false),
    (704, 'citizen-4',         '阿依古丽', 'citizen',              NULL,                '',      '',            false)
) AS p (n, subject, name, roles, organisation, areas, posts, head)
ON CONFLICT DO NOTHING;

-- The hotline's system. It has no secret until an administrator makes it one: POST /v1/clients/{client_id}/rotate-secret.
INSERT INTO clients (tenant, person_id, client_id, scopes, created_at)
SELECT p.tenant, p.id, p.subject, '{cases:create,cases:read}', p.created_at FROM people p
WHERE p.tenant = 'maoshan' AND p.roles = '{client}'
ON CONFLICT DO NOTHING;

-- One full-time holder for each grid; two of the second line help out.
INSERT INTO grid_assignments (tenant, id, grid_code, person_id, kind, valid_from)
SELECT 'maoshan', ('01930000-0000-7000-8001-' || right(p.id::text, 12))::uuid, a.grid, p.id, a.kind, '2024-05-13'
FROM (VALUES
    ('grid-xf-01', 'XF-01', 'full_time'), ('grid-xf-02', 'XF-02', 'full_time'),
    ('grid-ca-01', 'CA-01', 'full_time'), ('grid-ca-02', 'CA-02', 'full_time'),
    ('grid-tj-01', 'TJ-01', 'full_time'), ('grid-tj-02', 'TJ-02', 'full_time'),
    ('grid-ms-01', 'MS-01', 'full_time'), ('grid-ms-02', 'MS-02', 'full_time'),
    ('grid-lm-01', 'LM-01', 'full_time'), ('grid-lm-02', 'LM-02', 'full_time'),
    ('grid-reserve-1', 'XF-01', 'part_time'), ('grid-reserve-2', 'TJ-02', 'part_time')
) AS a (subject, grid, kind)
JOIN people p ON p.tenant = 'maoshan' AND p.subject = a.subject
ON CONFLICT DO NOTHING;
