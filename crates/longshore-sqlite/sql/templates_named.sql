-- The newest version of a template. By primary key, from its end.
SELECT name, version, body, created_at FROM template
WHERE name = :name ORDER BY version DESC LIMIT 1
