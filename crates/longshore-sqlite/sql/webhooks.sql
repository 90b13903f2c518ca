-- Every webhook, by name.
SELECT id, name, url, states, queue, enabled, created_at FROM webhook ORDER BY name
