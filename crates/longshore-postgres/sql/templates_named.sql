-- The newest version of these templates. Locks: none. Index: template_pkey.
SELECT DISTINCT ON (name) name, version, body, created_at FROM template
WHERE name = ANY ($1) ORDER BY name, version DESC
