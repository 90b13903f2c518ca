-- failed or timed_out → queued: to the end of the line of the priority that it was submitted with,
-- budgets whole. $2 is the queue timeout in seconds.
-- Locks: the row in settled, then that in aged. Indexes: settled_pkey, job_pkey, aged_pkey.
WITH moved AS (
    DELETE FROM settled WHERE job_id = $1 AND state IN ('failed', 'timed_out') RETURNING *
), forgotten AS (
    DELETE FROM aged WHERE job_id IN (SELECT job_id FROM moved)
), bounded AS (
    INSERT INTO waiting_deadline (job_id, expires_at, allowed)
    SELECT job_id, clock_timestamp() + make_interval(secs => $2), make_interval(secs => $2)
    FROM moved WHERE $2::float8 IS NOT NULL
    ON CONFLICT (job_id) DO UPDATE SET expires_at = excluded.expires_at
)
INSERT INTO ready (seq, job_id, queue_id, attempt, reason, lane, tries, losses)
SELECT nextval('ready_seq'), m.job_id, m.queue_id, m.attempt, 'retry_now',
       2 * (100 - j.priority) + 1, 0, 0
FROM moved AS m JOIN job AS j ON j.id = m.job_id
RETURNING queue_id
