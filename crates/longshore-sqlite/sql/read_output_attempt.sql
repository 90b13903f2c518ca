-- Whether an attempt has ended. By primary key.
SELECT EXISTS (SELECT 1 FROM attempt WHERE job_id = :job AND attempt = :attempt)
