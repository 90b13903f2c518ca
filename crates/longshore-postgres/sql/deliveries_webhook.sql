-- Those of the webhook $3, and of the job $4 unless it is null. Locks: none. Index: delivery_webhook.
SELECT id, webhook_id, job_id, job_state::text AS job_state, at, tries, next_at, ended_at, is_delivered, status, problem
FROM delivery AS d WHERE EXISTS (SELECT 1 FROM webhook AS w WHERE w.id = d.webhook_id) AND webhook_id = $3
    AND id < $1 AND ($4::bigint IS NULL OR job_id = $4)
ORDER BY id DESC LIMIT $2
