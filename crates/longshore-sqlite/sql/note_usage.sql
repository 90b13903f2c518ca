-- Notes what an attempt uses, if its lease is held. By primary keys.
INSERT INTO attempt_usage (job_id, attempt, points)
SELECT job_id, attempt, :points FROM lease WHERE job_id = :job AND attempt = :attempt AND token = :token
ON CONFLICT (job_id, attempt) DO UPDATE SET points = excluded.points
