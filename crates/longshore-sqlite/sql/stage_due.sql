-- Jobs of a queue that have come due, in that order. Index scheduled_due; pending jobs, at
-- infinity, are never reached.
SELECT job_id, lane, attempt, tries, losses, reason FROM scheduled
WHERE queue_id = :queue AND due_at <= :now
ORDER BY due_at, job_id
LIMIT :limit
