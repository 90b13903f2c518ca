-- Puts a job into its lane, at a seq that was drawn for it just now: always a new one.
INSERT INTO ready (queue_id, lane, seq, job_id, attempt, tries, losses, reason)
VALUES (:queue, :lane, :seq, :job, :attempt, :tries, :losses, :reason)
