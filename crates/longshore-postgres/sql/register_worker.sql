-- Enters a worker under a fresh id. Locks: none.
INSERT INTO worker (lease_ttl, pid, capacity, name, hostname, boot_id, version, queue_ids, host_ids, started_at, heartbeat_at)
VALUES (make_interval(secs => $1), $2, $3, $4, $5, $6, $7, $8, $9, clock_timestamp(), clock_timestamp())
RETURNING id
