-- Notes what attempts use: jobs $1, attempts $2, tokens $3, series $4; of those whose lease is held under them.
-- Locks: the rows that are written, in the order of jobs. Indexes: lease_pkey, attempt_usage_pkey.
INSERT INTO attempt_usage (job_id, attempt, points)
SELECT l.job_id, l.attempt, n.points::json
FROM unnest($1::bigint[], $2::integer[], $3::bigint[], $4::text[]) AS n(job, attempt, token, points)
JOIN lease AS l ON l.job_id = n.job AND l.attempt = n.attempt AND l.token = n.token
ORDER BY l.job_id
ON CONFLICT (job_id, attempt) DO UPDATE SET points = excluded.points
