-- launching → running; said again, it keeps the first time. No row: the lease is lost.
-- Locks: the row in lease. Index: lease_pkey; a heap-only update.
UPDATE lease SET started_at = coalesce(started_at, clock_timestamp()), note = NULL
WHERE job_id = $1 AND attempt = $2 AND token = $3
RETURNING cancel_requested_at IS NOT NULL AS cancel_requested
