-- pending, queued or retrying → cancelled, before it is due.
-- Locks: the row in scheduled. Index: scheduled_pkey.
WITH moved AS (
    DELETE FROM scheduled WHERE job_id = $1 RETURNING *
), unbounded AS (
    DELETE FROM waiting_deadline WHERE job_id IN (SELECT job_id FROM moved)
)
INSERT INTO settled (job_id, at, queue_id, attempt, exit_code, state)
SELECT job_id, clock_timestamp(), queue_id, attempt, NULL, 'cancelled' FROM moved
RETURNING queue_id
