-- A sign of life; no row once the worker is fenced. Locks: the worker's row. Index: worker_pkey.
UPDATE worker SET heartbeat_at = clock_timestamp() WHERE id = $1 AND NOT fenced RETURNING draining, heartbeat_at
