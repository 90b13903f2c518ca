-- Sends a delivery now; one that has ended with all its tries.
UPDATE delivery
SET tries = CASE WHEN next_at IS NULL THEN 0 ELSE tries END, next_at = :now, ended_at = NULL, is_delivered = 0
WHERE id = :delivery AND EXISTS (SELECT 1 FROM webhook AS w WHERE w.id = webhook_id)
RETURNING id, webhook_id, job_id, job_state, at, tries, next_at, ended_at, is_delivered, status, problem
