-- The newest version of every template, by name. Locks: none. Index: template_pkey.
SELECT DISTINCT ON (name) name, version, body, created_at FROM template ORDER BY name, version DESC
