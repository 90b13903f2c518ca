-- Takes away output of these jobs ($1), if they still ended before the retention ($2 seconds): at most $3
-- parts, and only of the last two days. Older output goes with its day's partition, which costs nothing;
-- that of the last days would stay for days more though its jobs are gone.
-- Locks: settled, in the order of jobs, passing over what others hold; then the parts. Indexes:
-- settled_pkey, and the key of each of these days' partitions.
WITH old AS MATERIALIZED (
    SELECT job_id FROM settled
    WHERE job_id = ANY ($1) AND at < clock_timestamp() - make_interval(secs => $2)
    ORDER BY job_id FOR UPDATE SKIP LOCKED
), parts AS MATERIALIZED (
    SELECT c.job_id, c.attempt, c.token, c.seq, c.claimed_at
    FROM old CROSS JOIN LATERAL (
        SELECT l.job_id, l.attempt, l.token, l.seq, l.claimed_at FROM log_chunk AS l
        WHERE l.job_id = old.job_id AND l.claimed_at > now() - interval '2 days'
        ORDER BY l.attempt, l.token, l.seq LIMIT $3
    ) AS c
    LIMIT $3
), gone AS (
    DELETE FROM log_chunk AS l USING parts AS p
    WHERE l.job_id = p.job_id AND l.attempt = p.attempt AND l.token = p.token AND l.seq = p.seq
      AND l.claimed_at = p.claimed_at AND l.claimed_at > now() - interval '2 days'
    RETURNING 1
)
SELECT count(*) AS parts FROM gone
