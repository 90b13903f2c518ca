-- Deliveries before $1, newest first, at most $2. Locks: none. Index: delivery_pkey.
SELECT id, webhook_id, job_id, job_state::text AS job_state, at, tries, next_at, ended_at, is_delivered, status, problem
FROM delivery AS d WHERE EXISTS (SELECT 1 FROM webhook AS w WHERE w.id = d.webhook_id)
    AND id < $1
ORDER BY id DESC LIMIT $2
