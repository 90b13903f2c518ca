-- What the attempts of the job $1 used over time. Locks: none. Index: attempt_usage_pkey.
SELECT attempt, points::text AS points FROM attempt_usage WHERE job_id = $1 ORDER BY attempt
