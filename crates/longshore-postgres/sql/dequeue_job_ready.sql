-- queued or retrying → pending, from the line. What it has used up stays used.
-- Locks: the row in ready. Index: ready_job.
WITH moved AS (
    DELETE FROM ready WHERE job_id = $1 RETURNING *
), unbounded AS (
    DELETE FROM waiting_deadline WHERE job_id IN (SELECT job_id FROM moved)
)
INSERT INTO scheduled (job_id, due_at, queue_id, attempt, reason, lane, tries, losses)
SELECT job_id, 'infinity', queue_id, attempt, 'held', lane, tries, losses FROM moved
RETURNING queue_id
