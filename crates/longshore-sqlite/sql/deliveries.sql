-- Deliveries, newest first.
SELECT id, webhook_id, job_id, job_state, at, tries, next_at, ended_at, is_delivered, status, problem
FROM delivery WHERE id < :before ORDER BY id DESC LIMIT :limit
