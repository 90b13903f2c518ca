-- What a launch says of itself. No row: the lease is lost.
-- Locks: the row in lease. Index: lease_pkey; a heap-only update.
UPDATE lease SET note = $4
WHERE job_id = $1 AND attempt = $2 AND token = $3
RETURNING cancel_requested_at IS NOT NULL AS cancel_requested
