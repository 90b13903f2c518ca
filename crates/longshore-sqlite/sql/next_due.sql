-- Jobs of a queue that are due later, the next one first. Index scheduled_due.
SELECT job_id, due_at FROM scheduled
WHERE queue_id = :queue AND due_at > :now AND due_at < 9223372036854775807
ORDER BY due_at, job_id LIMIT :count
