-- Enters a host, or notes that it was seen and is well: so it is not gone.
INSERT INTO host (executor, identity, boot_id, name, last_seen_at)
VALUES (:executor, :identity, :boot_id, :name, :now)
ON CONFLICT (executor, identity) DO UPDATE SET
    boot_id = excluded.boot_id, name = excluded.name, last_seen_at = excluded.last_seen_at,
    problem = NULL, forgotten_at = NULL
RETURNING id
