-- The newest version of every template, by name.
SELECT name, version, body, created_at FROM template AS newest
WHERE version = (SELECT max(version) FROM template WHERE template.name = newest.name)
ORDER BY name
