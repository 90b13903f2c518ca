-- Gives a job that is not due yet, or pending, another lane ($2); it stays due when it was.
-- Locks: the row in scheduled. Index: scheduled_pkey.
WITH moved AS (DELETE FROM scheduled WHERE job_id = $1 RETURNING *)
INSERT INTO scheduled (job_id, due_at, queue_id, attempt, reason, lane, tries, losses)
SELECT job_id, due_at, queue_id, attempt, reason, $2, tries, losses FROM moved
RETURNING queue_id
