-- Every host. Locks: none.
SELECT id, executor, identity, boot_id, name, labels::text AS labels, capacity, weight, enabled, last_seen_at
FROM host ORDER BY id
