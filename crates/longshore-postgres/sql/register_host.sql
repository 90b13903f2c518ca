-- Enters a host, or notes that it was seen and is well: so it is not gone. Locks: the host's row. Index: host_executor_identity_key.
INSERT INTO host (executor, identity, boot_id, name) VALUES ($1, $2, $3, $4)
ON CONFLICT (executor, identity) DO UPDATE
SET boot_id = excluded.boot_id, name = excluded.name, last_seen_at = clock_timestamp(), problem = NULL,
    forgotten_at = NULL
RETURNING id
