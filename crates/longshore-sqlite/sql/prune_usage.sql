-- Takes away what a job's attempts used over time. By primary key.
DELETE FROM attempt_usage WHERE job_id = :job
