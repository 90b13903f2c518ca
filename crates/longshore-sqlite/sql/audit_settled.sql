-- Jobs said to be completed whose last attempt says otherwise. Reads every completed job.
SELECT 'job ' || settled.job_id || ' is completed, but its last attempt did not exit with 0'
FROM settled
WHERE settled.state = 'completed'
    AND NOT EXISTS (
        SELECT 1 FROM attempt
        WHERE attempt.job_id = settled.job_id AND attempt.attempt = settled.attempt
            AND attempt.outcome = 'exited' AND attempt.exit_code = 0)
LIMIT 100
