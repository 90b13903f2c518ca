-- Whether a lease is held, and whether its end was asked for. By primary key.
SELECT cancel_requested_at IS NOT NULL FROM lease
WHERE job_id = :job AND attempt = :attempt AND token = :token
