-- What a lease says that the caller holds; no row if it is another's. By primary key.
SELECT queue_id, lane, tries, losses, worker_id, host_id, claimed_at, started_at, handle,
    cancel_requested_at IS NOT NULL AS cancel_requested
FROM lease WHERE job_id = :job AND attempt = :attempt AND token = :token
