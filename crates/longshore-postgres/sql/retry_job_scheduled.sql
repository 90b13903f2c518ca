-- retrying → queued, now: to the end of its line, budgets whole. $2 is the queue timeout in seconds.
-- Locks: the row in scheduled. Index: scheduled_pkey.
WITH moved AS (
    DELETE FROM scheduled WHERE job_id = $1 AND reason = 'retry' RETURNING *
), bounded AS (
    INSERT INTO waiting_deadline (job_id, expires_at, allowed)
    SELECT job_id, clock_timestamp() + make_interval(secs => $2), make_interval(secs => $2)
    FROM moved WHERE $2::float8 IS NOT NULL
    ON CONFLICT (job_id) DO UPDATE SET expires_at = excluded.expires_at
)
INSERT INTO ready (seq, job_id, queue_id, attempt, reason, lane, tries, losses)
SELECT nextval('ready_seq'), job_id, queue_id, attempt, 'retry_now', lane / 2 * 2 + 1, 0, 0 FROM moved
RETURNING queue_id
