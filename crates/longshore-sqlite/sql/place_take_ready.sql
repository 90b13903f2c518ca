-- Takes a job out of its line. Index ready_job.
DELETE FROM ready WHERE job_id = :job
