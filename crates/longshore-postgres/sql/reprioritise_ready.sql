-- Moves a job to the end of another lane ($2), with a new seq like all that is put into ready.
-- Locks: the row in ready. Index: ready_job.
WITH moved AS (DELETE FROM ready WHERE job_id = $1 RETURNING *)
INSERT INTO ready (seq, job_id, queue_id, attempt, reason, lane, tries, losses)
SELECT nextval('ready_seq'), job_id, queue_id, attempt, reason, $2, tries, losses FROM moved
RETURNING queue_id
