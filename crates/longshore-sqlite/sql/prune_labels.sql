-- Takes a job's labels away. Index job_label_job.
DELETE FROM job_label WHERE job_id = :job
