-- Asks the worker of a live job to stop it; asking again keeps the first time.
-- Locks: the row in lease. Index: lease_pkey.
UPDATE lease SET cancel_requested_at = coalesce(cancel_requested_at, clock_timestamp())
WHERE job_id = $1
RETURNING queue_id
