-- The worker says goodbye; said again, it keeps the first time. No row if there is none such.
-- Locks: the worker's row. Index: worker_pkey.
UPDATE worker SET stopped_at = coalesce(stopped_at, clock_timestamp()), draining = true
WHERE id = $1 RETURNING id
