-- The tree of areas: street, five communities, ten grids that adjoin without gap or overlap, estates and buildings.
-- The outlines are invented, near 125.75° E, 41.68° N.
SET search_path = whistled, public;

-- The corners of ten blocks, two rows of five. Grids share corners and a community is the union of its two, so that no
-- point lies between two grids and none lies in a grid but outside its community.
CREATE TEMPORARY TABLE corner ON COMMIT DROP AS
SELECT * FROM (VALUES
    (0, 0, 125.7290, 41.6706), (1, 0, 125.7374, 41.6698), (2, 0, 125.7461, 41.6701),
    (3, 0, 125.7546, 41.6693), (4, 0, 125.7632, 41.6699), (5, 0, 125.7716, 41.6710),
    (0, 1, 125.7284, 41.6802), (1, 1, 125.7370, 41.6795), (2, 1, 125.7457, 41.6799),
    (3, 1, 125.7549, 41.6796), (4, 1, 125.7630, 41.6803), (5, 1, 125.7722, 41.6806),
    (0, 2, 125.7291, 41.6893), (1, 2, 125.7377, 41.6899), (2, 2, 125.7463, 41.6896),
    (3, 2, 125.7544, 41.6902), (4, 2, 125.7636, 41.6898), (5, 2, 125.7718, 41.6891)
) AS c (x, y, lon, lat);

CREATE TEMPORARY TABLE block ON COMMIT DROP AS
SELECT code, name, community,
       (SELECT ST_Multi(ST_SetSRID(ST_MakePolygon(ST_MakeLine(ST_MakePoint(c.lon, c.lat) ORDER BY turn)), 4326))
        FROM (VALUES (1, 0, 0), (2, 1, 0), (3, 1, 1), (4, 0, 1), (5, 0, 0)) AS t (turn, dx, dy)
        JOIN corner c ON c.x = b.x + t.dx AND c.y = b.y + t.dy) AS geometry
FROM (VALUES
    (0, 0, 'XF-01', '新风第一网格', 'XF'), (0, 1, 'XF-02', '新风第二网格', 'XF'),
    (1, 0, 'CA-01', '长安第一网格', 'CA'), (1, 1, 'CA-02', '长安第二网格', 'CA'),
    (2, 0, 'TJ-01', '团结第一网格', 'TJ'), (2, 1, 'TJ-02', '团结第二网格', 'TJ'),
    (3, 0, 'MS-01', '茂山第一网格', 'MS'), (3, 1, 'MS-02', '茂山第二网格', 'MS'),
    (4, 0, 'LM-01', '利民第一网格', 'LM'), (4, 1, 'LM-02', '利民第二网格', 'LM')
) AS b (x, y, code, name, community);

INSERT INTO areas (tenant, code, kind, name, path, organisation_code, geometry)
SELECT 'maoshan', 'MSJD', 'street', '茂山街道', ARRAY['MSJD'], 'street', ST_Multi(ST_Union(geometry)) FROM block
ON CONFLICT DO NOTHING;

INSERT INTO areas (tenant, code, kind, name, parent_code, path, community_code, organisation_code, geometry)
SELECT 'maoshan', c.code, 'community', c.name, 'MSJD', ARRAY['MSJD', c.code], c.code, c.organisation,
       (SELECT ST_Multi(ST_Union(b.geometry)) FROM block b WHERE b.community = c.code)
FROM (VALUES
    ('XF', '新风社区', 'community-xf'), ('CA', '长安社区', 'community-ca'), ('TJ', '团结社区', 'community-tj'),
    ('MS', '茂山社区', 'community-ms'), ('LM', '利民社区', 'community-lm')
) AS c (code, name, organisation)
ON CONFLICT DO NOTHING;

INSERT INTO areas (tenant, code, kind, name, parent_code, path, community_code, geometry)
SELECT 'maoshan', code, 'grid', name, community, ARRAY['MSJD', community, code], community, geometry FROM block
ON CONFLICT DO NOTHING;

-- Estates and the company that manages each; one is without a manager, as the work plan knows them.
INSERT INTO areas (tenant, code, kind, name, parent_code, path, community_code, organisation_code, geometry)
SELECT 'maoshan', e.code, 'estate', e.name, e.grid, g.path || e.code, g.community_code, e.company,
       ST_Multi(ST_MakeEnvelope(e.lon - 0.0012, e.lat - 0.0009, e.lon + 0.0012, e.lat + 0.0009, 4326))
FROM (VALUES
    ('XF-01-HP', '湖畔花园',   'XF-01', 'property-anju',   125.7325, 41.6748),
    ('XF-02-XY', '馨苑小区',   'XF-02', 'property-hexie',  125.7330, 41.6850),
    ('CA-01-CA', '长安佳苑',   'CA-01', 'property-shunda', 125.7418, 41.6750),
    ('TJ-01-TJ', '团结新村',   'TJ-01', 'property-hexie',  125.7502, 41.6745),
    ('TJ-02-FZ', '纺织家属院', 'TJ-02', NULL,              125.7505, 41.6851),
    ('MS-01-MS', '茂山雅居',   'MS-01', 'property-anju',   125.7590, 41.6750),
    ('LM-02-LM', '利民小区',   'LM-02', 'property-shunda', 125.7676, 41.6852)
) AS e (code, name, grid, company, lon, lat)
JOIN areas g ON g.tenant = 'maoshan' AND g.code = e.grid
ON CONFLICT DO NOTHING;

INSERT INTO areas (tenant, code, kind, name, parent_code, path, community_code)
SELECT 'maoshan', e.code || '-' || n, 'building', e.name || n || '号楼', e.code, e.path || (e.code || '-' || n),
       e.community_code
FROM areas e CROSS JOIN generate_series(1, 3) AS n
WHERE e.tenant = 'maoshan' AND e.kind = 'estate'
ON CONFLICT DO NOTHING;
