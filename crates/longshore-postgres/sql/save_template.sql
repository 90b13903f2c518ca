-- Saves a new version; no row if the newest has the same body, or if another was saved just now.
-- Locks: the key of the new version. Index: template_pkey.
INSERT INTO template (name, version, body)
SELECT $1, coalesce(max(version), 0) + 1, $2 FROM template WHERE name = $1
HAVING (array_agg(body ORDER BY version DESC))[1] IS DISTINCT FROM $2
ON CONFLICT (name, version) DO NOTHING
RETURNING name, version, body, created_at
