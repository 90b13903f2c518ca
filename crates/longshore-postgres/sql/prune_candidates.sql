-- A stretch of ended jobs after job $1, at most $2 of them, and which ended before the retention ($3
-- seconds). Locks: none. Index: settled_pkey.
SELECT job_id, at < clock_timestamp() - make_interval(secs => $3) AS is_old
FROM settled WHERE job_id > $1 ORDER BY job_id LIMIT $2
