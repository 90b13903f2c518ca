-- A job's last ended attempt. By primary key, from its end.
SELECT attempt, started_at, coalesce(exit_code, 128 + signal) AS exit_code FROM attempt
WHERE job_id = :job ORDER BY attempt DESC LIMIT 1
