-- The worker says goodbye; said again, it keeps the first time. Locks: the worker's row.
-- Index: worker_pkey.
UPDATE worker SET stopped_at = clock_timestamp(), draining = true WHERE id = $1 AND stopped_at IS NULL
