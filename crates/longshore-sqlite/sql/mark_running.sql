-- The container runs; the first time counts. By primary key.
UPDATE lease SET started_at = coalesce(started_at, :now), note = NULL
WHERE job_id = :job AND attempt = :attempt AND token = :token
RETURNING cancel_requested_at IS NOT NULL
