-- Puts a job aside until it is due; at infinity it is pending.
INSERT INTO scheduled (job_id, due_at, queue_id, lane, attempt, tries, losses, reason)
VALUES (:job, :due_at, :queue, :lane, :attempt, :tries, :losses, :reason)
