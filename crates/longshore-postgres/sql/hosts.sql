-- Every host, by name: in the order of its bytes, as in the other store. Locks: none.
SELECT id, executor, identity, boot_id, name, labels::text AS labels, capacity, weight, enabled, last_seen_at
FROM host ORDER BY name COLLATE "C", id
