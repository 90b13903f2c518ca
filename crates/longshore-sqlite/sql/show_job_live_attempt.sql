-- A job's live attempt. By primary key.
SELECT attempt, token, worker_id, host_id, handle, claimed_at, started_at
FROM lease WHERE job_id = :job
