-- Makes the partitions of output for the days of these attempts: jobs $1, attempts $2.
-- Locks: see make_log_partition. Index: attempt_pkey.
SELECT make_log_partition(days.day)
FROM (
    SELECT DISTINCT (a.claimed_at AT TIME ZONE 'UTC')::date AS day
    FROM unnest($1::bigint[], $2::bigint[]) AS r(job_id, attempt)
    JOIN attempt AS a ON (a.job_id, a.attempt) = (r.job_id, r.attempt)
) AS days
