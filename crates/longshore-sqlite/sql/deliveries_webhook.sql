-- Those of a webhook, and of a job if one is named. Index delivery_webhook.
SELECT id, webhook_id, job_id, job_state, at, tries, next_at, ended_at, is_delivered, status, problem
FROM delivery AS d WHERE EXISTS (SELECT 1 FROM webhook AS w WHERE w.id = d.webhook_id) AND webhook_id = :webhook
    AND id < :before AND (:job IS NULL OR job_id = :job)
ORDER BY id DESC LIMIT :limit
