-- Every webhook, by name. Locks: none.
SELECT id, name, url, states::text AS states, queue, enabled, created_at FROM webhook ORDER BY name COLLATE "C"
