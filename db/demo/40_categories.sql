-- The catalogue: what a case may be about, in the classes usual in urban management, and what follows from each choice.
-- on_scene: somebody must come within five minutes. photo: a result needs a picture. lead: who leads when it is whistled.
SET search_path = whistled, public;

INSERT INTO dictionary_entries (dictionary, code, ordinal, zh, en)
VALUES
    ('category_class', 'city_appearance',     10,  '市容环境', 'City appearance'),
    ('category_class', 'sanitation',          20,  '环境卫生', 'Sanitation'),
    ('category_class', 'public_facilities',   30,  '公用设施', 'Public facilities'),
    ('category_class', 'road_traffic',        40,  '道路交通', 'Road traffic'),
    ('category_class', 'greening',            50,  '园林绿化', 'Greening'),
    ('category_class', 'construction',        60,  '施工管理', 'Construction'),
    ('category_class', 'emergencies',         70,  '突发事件', 'Emergencies'),
    ('category_class', 'fire_safety',         80,  '消防安全', 'Fire safety'),
    ('category_class', 'market_order',        90,  '市场秩序', 'Market order'),
    ('category_class', 'property_management', 100, '物业管理', 'Property management'),
    ('category_class', 'disputes',            110, '矛盾纠纷', 'Disputes'),
    ('category_class', 'public_security',     120, '治安防范', 'Public security'),
    ('category_class', 'livelihood',          130, '民生服务', 'Livelihood')
ON CONFLICT DO NOTHING;

-- Questions of single categories; the answers stand in the case's `answers` under `code`.
CREATE TEMPORARY TABLE question ON COMMIT DROP AS
SELECT category, questions::jsonb FROM (VALUES
    ('no-heat', '[{"code": "temperature", "zh": "室内温度（℃）", "en": "Indoor temperature (°C)", "type": "number", "required": false},
                  {"code": "since", "zh": "从何时开始", "en": "Since when", "type": "text", "required": false}]'),
    ('lift-fault', '[{"code": "trapped", "zh": "是否有人被困", "en": "Is anybody trapped", "type": "boolean", "required": true}]'),
    ('gas-leak', '[{"code": "smell", "zh": "气味程度", "en": "How strong is the smell", "type": "choice", "required": false,
                    "values": [{"code": "slight", "zh": "轻微", "en": "Slight"}, {"code": "strong", "zh": "强烈", "en": "Strong"}]},
                   {"code": "evacuated", "zh": "人员是否已撤离", "en": "Have people left", "type": "boolean", "required": false}]'),
    ('labour-dispute', '[{"code": "people", "zh": "涉及人数", "en": "People concerned", "type": "integer", "required": false}]'),
    ('elderly-care', '[{"code": "living_alone", "zh": "是否独居", "en": "Living alone", "type": "boolean", "required": false}]')
) AS q (category, questions);

INSERT INTO categories (tenant, code, class, name, name_en, lead_organisation, on_scene, photo_required, default_level,
                        joint_method, questions, ordinal, open311, open311_description)
SELECT 'maoshan', c.code, c.class, c.zh, c.en, c.lead, c.on_scene, c.photo, c.level,
       CASE
           WHEN c.code IN ('elderly-care', 'social-assistance', 'minor-protection') THEN 'joint_support'
           WHEN c.code = 'advice' THEN 'joint_publicity'
           WHEN c.class = 'disputes' THEN 'joint_mediation'
           WHEN c.class = 'public_security' THEN 'joint_defence'
           WHEN c.class = 'property_management' THEN 'joint_property'
       END,
       coalesce(q.questions, '[]'), c.ordinal,
       -- What lies in the street for all to see; what points at somebody is looked at first, and its words stay inside.
       CASE
           WHEN c.code IN ('illegal-building', 'smoke-barbecue', 'fly-tipping', 'illegal-parking', 'site-noise', 'site-dust',
                           'fire-exit') THEN 'batch'
           WHEN c.class IN ('city_appearance', 'sanitation', 'road_traffic', 'greening', 'construction')
               OR c.code IN ('manhole', 'street-lamp', 'water-leak', 'sewer', 'overhead-line', 'fitness-equipment') THEN 'realtime'
           ELSE 'none'
       END,
       c.code IN ('litter', 'overflowing-bin', 'road-dirt', 'snow-ice', 'manhole', 'street-lamp', 'fitness-equipment', 'pothole',
                  'traffic-light', 'fallen-tree')
FROM (VALUES
    -- 市容环境
    ('street-stall',      '占道经营',               'Trading on the pavement',               'urban-management', 'ordinary', true,  false, 10,  'city_appearance'),
    ('illegal-building',  '违法搭建',               'Unlicensed structure',                  'urban-management', 'complex',  true,  true,  20,  'city_appearance'),
    ('posters',           '乱贴乱画',               'Illegal posters and graffiti',          'urban-management', 'ordinary', true,  true,  30,  'city_appearance'),
    ('signboard',         '户外广告、牌匾破损',     'Damaged signboard',                     'urban-management', 'ordinary', true,  true,  40,  'city_appearance'),
    ('open-storage',      '乱堆物料',               'Things stored in the open',             'urban-management', 'ordinary', true,  true,  50,  'city_appearance'),
    ('smoke-barbecue',    '露天烧烤、油烟扰民',     'Barbecue and kitchen fumes',            'urban-management', 'ordinary', true,  false, 60,  'city_appearance'),
    -- 环境卫生
    ('litter',            '生活垃圾清运不及时',     'Rubbish not collected',                 'sanitation',       'ordinary', true,  false, 70,  'sanitation'),
    ('overflowing-bin',   '垃圾箱满溢、破损',       'Overflowing or broken bin',             'sanitation',       'ordinary', true,  false, 80,  'sanitation'),
    ('fly-tipping',       '偷倒建筑垃圾',           'Dumped building waste',                 'urban-management', 'complex',  true,  true,  90,  'sanitation'),
    ('road-dirt',         '道路不洁、积水',         'Dirty or flooded road',                 'sanitation',       'ordinary', true,  false, 100, 'sanitation'),
    ('snow-ice',          '积雪结冰',               'Snow and ice',                          'sanitation',       'ordinary', true,  false, 110, 'sanitation'),
    ('public-toilet',     '公共厕所问题',           'Public toilet',                         'sanitation',       'ordinary', true,  false, 120, 'sanitation'),
    -- 公用设施
    ('manhole',           '井盖缺失、破损',         'Missing or broken manhole cover',       'housing',          'ordinary', true,  true,  130, 'public_facilities'),
    ('street-lamp',       '路灯不亮',               'Street lamp out',                       'housing',          'ordinary', true,  false, 140, 'public_facilities'),
    ('water-leak',        '供水管道漏水',           'Burst water main',                      'water-heat',       'complex',  true,  true,  150, 'public_facilities'),
    ('no-water',          '停水、水压低',           'No water or low pressure',              'water-heat',       'complex',  false, false, 160, 'public_facilities'),
    ('no-heat',           '供热不足、停暖',         'No heating',                            'water-heat',       'complex',  true,  false, 170, 'public_facilities'),
    ('sewer',             '下水堵塞、污水外溢',     'Blocked sewer',                         'housing',          'complex',  true,  true,  180, 'public_facilities'),
    ('overhead-line',     '架空线缆下垂',           'Sagging cable',                         'housing',          'ordinary', true,  false, 190, 'public_facilities'),
    ('fitness-equipment', '健身器材、休闲设施损坏', 'Broken outdoor equipment',              'civil-affairs',    'ordinary', true,  true,  200, 'public_facilities'),
    -- 道路交通
    ('pothole',           '路面破损、坑洼',         'Pothole',                               'housing',          'complex',  true,  true,  210, 'road_traffic'),
    ('traffic-light',     '信号灯、标志标线故障',   'Traffic light or sign',                 'public-security',  'ordinary', true,  false, 220, 'road_traffic'),
    ('illegal-parking',   '机动车乱停',             'Illegal parking',                       'public-security',  'ordinary', true,  false, 230, 'road_traffic'),
    ('shared-bikes',      '非机动车乱停',           'Bicycles in the way',                   'urban-management', 'ordinary', true,  false, 240, 'road_traffic'),
    ('abandoned-vehicle', '废弃车辆',               'Abandoned vehicle',                     'urban-management', 'ordinary', true,  true,  250, 'road_traffic'),
    -- 园林绿化
    ('fallen-tree',       '树木倒伏、断枝',         'Fallen tree',                           'urban-management', 'ordinary', true,  true,  260, 'greening'),
    ('green-damage',      '毁绿占绿',               'Damaged green space',                   'urban-management', 'ordinary', true,  true,  270, 'greening'),
    ('pruning',           '树木修剪',               'Tree needs pruning',                    'urban-management', 'ordinary', true,  false, 280, 'greening'),
    -- 施工管理
    ('site-noise',        '施工噪声扰民',           'Noise of a building site',              'urban-management', 'ordinary', true,  false, 290, 'construction'),
    ('site-dust',         '施工扬尘',               'Dust of a building site',               'housing',          'ordinary', true,  true,  300, 'construction'),
    ('site-fence',        '工地围挡、占道施工',     'Site fence or blocked road',            'housing',          'ordinary', true,  true,  310, 'construction'),
    -- 突发事件
    ('gas-leak',          '燃气泄漏',               'Gas leak',                              'emergency',        'major',    true,  false, 320, 'emergencies'),
    ('collapse',          '房屋、墙体坍塌险情',     'Building in danger of collapse',        'emergency',        'major',    true,  false, 330, 'emergencies'),
    ('flood',             '内涝、山洪',             'Flooding',                              'emergency',        'major',    true,  false, 340, 'emergencies'),
    ('crowd',             '人员聚集',               'Crowd gathering',                       'public-security',  'major',    true,  false, 350, 'emergencies'),
    ('epidemic',          '疑似传染病、食物中毒',   'Suspected infection or food poisoning', 'health',           'major',    true,  false, 360, 'emergencies'),
    -- 消防安全
    ('fire-exit',         '占用、堵塞消防通道',     'Blocked fire exit',                     'fire',             'ordinary', true,  true,  370, 'fire_safety'),
    ('e-bike-charging',   '电动自行车违规充电',     'Unsafe e-bike charging',                'fire',             'ordinary', true,  true,  380, 'fire_safety'),
    ('fire-equipment',    '消防设施缺失、失效',     'Missing or dead fire equipment',        'fire',             'complex',  true,  true,  390, 'fire_safety'),
    ('fire-works',        '违规燃放、焚烧',         'Fireworks or open burning',             'fire',             'ordinary', true,  false, 400, 'fire_safety'),
    -- 市场秩序
    ('food-safety',       '食品安全',               'Food safety',                           'market',           'complex',  true,  true,  410, 'market_order'),
    ('unlicensed-trade',  '无证无照经营',           'Unlicensed trade',                      'market',           'complex',  true,  false, 420, 'market_order'),
    ('price-dispute',     '价格、消费纠纷',         'Price or consumer dispute',             'market',           'ordinary', false, false, 430, 'market_order'),
    ('lift-fault',        '电梯故障',               'Lift out of order',                     'market',           'complex',  true,  false, 440, 'market_order'),
    -- 物业管理
    ('property-service',  '物业服务不到位',         'Poor property service',                 'housing',          'ordinary', false, false, 450, 'property_management'),
    ('roof-leak',         '房屋漏雨、外墙脱落',     'Leaking roof or falling plaster',       'housing',          'complex',  true,  true,  460, 'property_management'),
    ('property-fees',     '物业收费争议',           'Property fee dispute',                  'housing',          'ordinary', false, false, 470, 'property_management'),
    ('unmanaged-estate',  '失管小区',               'Estate without a manager',              'housing',          'complex',  false, false, 480, 'property_management'),
    -- 矛盾纠纷
    ('neighbour-dispute', '邻里纠纷',               'Dispute between neighbours',            'public-security',  'ordinary', true,  false, 490, 'disputes'),
    ('family-dispute',    '婚姻家庭纠纷',           'Family dispute',                        'civil-affairs',    'ordinary', false, false, 500, 'disputes'),
    ('labour-dispute',    '劳资、欠薪纠纷',         'Unpaid wages',                          'public-security',  'complex',  false, false, 510, 'disputes'),
    ('noise-neighbour',   '社会生活噪声',           'Noise of neighbours or shops',          'public-security',  'ordinary', true,  false, 520, 'disputes'),
    -- 治安防范
    ('theft',             '盗窃、可疑人员',         'Theft or suspicious person',            'public-security',  'complex',  true,  false, 530, 'public_security'),
    ('fraud',             '电信网络诈骗线索',       'Fraud',                                 'public-security',  'complex',  false, false, 540, 'public_security'),
    ('dogs',              '犬类扰民、流浪犬',       'Dogs',                                  'public-security',  'ordinary', true,  false, 550, 'public_security'),
    -- 民生服务
    ('elderly-care',      '独居老人关爱',           'Care for elders living alone',          'civil-affairs',    'ordinary', true,  false, 560, 'livelihood'),
    ('social-assistance', '低保、临时救助',         'Social assistance',                     'civil-affairs',    'ordinary', false, false, 570, 'livelihood'),
    ('minor-protection',  '困境儿童、未成年人保护', 'Protection of minors',                  'civil-affairs',    'complex',  true,  false, 580, 'livelihood'),
    ('health-service',    '就医、义诊咨询',         'Medical service',                       'health',           'ordinary', false, false, 590, 'livelihood'),
    ('advice',            '政策咨询',               'Advice on policies',                    'civil-affairs',    'ordinary', false, false, 600, 'livelihood'),
    ('suggestion',        '意见建议',               'Suggestion',                            'civil-affairs',    'ordinary', false, false, 610, 'livelihood')
) AS c (code, zh, en, lead, level, on_scene, photo, ordinal, class)
LEFT JOIN question q ON q.category = c.code
ON CONFLICT DO NOTHING;
