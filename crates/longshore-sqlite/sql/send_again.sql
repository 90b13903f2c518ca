-- Sends a delivery now; one that has ended with all its tries.
UPDATE delivery
SET tries = CASE WHEN next_at IS NULL THEN 0 ELSE tries END, next_at = :now, ended_at = NULL, is_delivered = 0
WHERE id = :delivery
RETURNING id, webhook_id, job_id, job_state, at, tries, next_at, ended_at, is_delivered, status, problem
