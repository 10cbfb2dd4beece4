-- @tenant text
-- What the encoder puts beside a key: c category, a area, o organisation, p member of staff, r role.
SELECT 'c' AS kind, c.code AS key, c.name FROM categories c WHERE c.tenant = @tenant
UNION ALL SELECT 'a', a.code, a.name FROM areas a WHERE a.tenant = @tenant
UNION ALL SELECT 'o', o.code, o.name FROM organisations o WHERE o.tenant = @tenant
UNION ALL SELECT 'p', p.id::text, p.name FROM people p WHERE p.tenant = @tenant AND NOT p.roles <@ '{citizen,client}'
UNION ALL SELECT 'r', d.code, d.zh FROM dictionary_entries d WHERE d.dictionary = 'role';
