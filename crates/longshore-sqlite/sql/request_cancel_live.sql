-- Asks the holder of a lease to stop its container; the first time counts.
UPDATE lease SET cancel_requested_at = coalesce(cancel_requested_at, :now) WHERE job_id = :job
