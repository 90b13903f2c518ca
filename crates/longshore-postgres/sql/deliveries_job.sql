-- Those of the job $3. Locks: none. Index: delivery_job.
SELECT id, webhook_id, job_id, job_state::text AS job_state, at, tries, next_at, ended_at, is_delivered, status, problem
FROM delivery AS d WHERE EXISTS (SELECT 1 FROM webhook AS w WHERE w.id = d.webhook_id) AND job_id = $3
    AND id < $1
ORDER BY id DESC LIMIT $2
