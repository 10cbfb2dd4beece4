-- A few shops, halls and sites, with how many people each holds: what patrols visit and hazards are found in.
SET search_path = whistled, public;

INSERT INTO places (tenant, id, grid_code, kind, name, address, location, capacity, contact_name, contact_phone)
SELECT 'maoshan', ('01930000-0000-7000-8002-' || lpad(p.n::text, 12, '0'))::uuid, p.grid, p.kind, p.name, p.address,
       ST_SetSRID(ST_MakePoint(p.lon, p.lat), 4326), p.capacity, p.contact, '1390001' || lpad(p.n::text, 4, '0')
FROM (VALUES
    (1,  'XF-01', 'restaurant',   '湖畔饺子馆',       '新风路12号',       125.7338, 41.6738, 29,   '姚师傅'),
    (2,  'XF-01', 'shop',         '新风粮油店',       '新风路26号',       125.7320, 41.6765, 12,   '秦雪'),
    (3,  'XF-02', 'school',       '茂山实验学校',     '新风北街1号',      125.7322, 41.6858, 1200, '白老师'),
    (4,  'CA-01', 'clinic',       '长安口腔诊所',     '长安街8号',        125.7415, 41.6745, 30,   '江医生'),
    (5,  'CA-02', 'internet_cafe', '飞宇网咖',        '长安街77号',       125.7420, 41.6850, 80,   '史明'),
    (6,  'TJ-01', 'supermarket',  '团结便民超市',     '团结路3号',        125.7500, 41.6760, 150,  '侯晓燕'),
    (7,  'TJ-01', 'restaurant',   '老街面馆',         '团结路15号',       125.7515, 41.6722, 31,   '邵强'),
    (8,  'TJ-02', 'workshop',     '长白制衣有限公司', '纺织巷6号',        125.7511, 41.6866, 260,  '孟庆丰'),
    (9,  'MS-01', 'hotel',        '茂山宾馆',         '茂山大街100号',    125.7588, 41.6735, 120,  '龙梅'),
    (10, 'MS-02', 'ktv',          '金色年华歌厅',     '茂山大街168号',    125.7582, 41.6848, 200,  '段誉龙'),
    (11, 'LM-01', 'nursing_home', '夕阳红养老院',     '利民路9号',        125.7670, 41.6745, 90,   '雷敏'),
    (12, 'LM-02', 'repair_shop',  '利民电动车维修',   '利民路58号',       125.7680, 41.6846, NULL, '黎小军')
) AS p (n, grid, kind, name, address, lon, lat, capacity, contact)
ON CONFLICT DO NOTHING;
