-- Whether an attempt has a lease. By primary key.
SELECT EXISTS (SELECT 1 FROM lease WHERE job_id = :job AND attempt = :attempt)
