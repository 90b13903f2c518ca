-- Forgets that a job moved up. By primary key.
DELETE FROM aged WHERE job_id = :job
