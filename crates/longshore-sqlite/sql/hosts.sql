-- Every host.
SELECT id, executor, identity, boot_id, name, labels, capacity, weight, enabled, last_seen_at
FROM host ORDER BY name, id
