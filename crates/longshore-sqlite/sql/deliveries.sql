-- Deliveries, newest first.
SELECT id, webhook_id, job_id, job_state, at, tries, next_at, ended_at, is_delivered, status, problem
FROM delivery AS d WHERE EXISTS (SELECT 1 FROM webhook AS w WHERE w.id = d.webhook_id)
    AND id < :before
ORDER BY id DESC LIMIT :limit
