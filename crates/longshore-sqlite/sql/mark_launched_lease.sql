-- The lease that is to be fenced: whether its end was asked for, and where it is. By primary key.
SELECT cancel_requested_at IS NOT NULL AS cancel_requested, host_id
FROM lease WHERE job_id = :job AND attempt = :attempt AND token = :token
