-- Sends the delivery $1 now; one that has ended with all its tries. Locks: its row.
UPDATE delivery
SET tries = CASE WHEN next_at IS NULL THEN 0 ELSE tries END, next_at = statement_timestamp(), ended_at = NULL,
    is_delivered = false
WHERE id = $1 AND EXISTS (SELECT FROM webhook AS w WHERE w.id = webhook_id)
RETURNING id, webhook_id, job_id, job_state::text AS job_state, at, tries, next_at, ended_at, is_delivered, status, problem
