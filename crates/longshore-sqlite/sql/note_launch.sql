-- What a launch says of itself. By primary key.
UPDATE lease SET note = :note
WHERE job_id = :job AND attempt = :attempt AND token = :token
RETURNING cancel_requested_at IS NOT NULL
