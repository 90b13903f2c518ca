-- Takes a job's attempts away. By primary key.
DELETE FROM attempt WHERE job_id = :job
