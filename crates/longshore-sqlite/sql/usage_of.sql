-- What the attempts of a job used over time. By primary key.
SELECT attempt, points FROM attempt_usage WHERE job_id = :job ORDER BY attempt
