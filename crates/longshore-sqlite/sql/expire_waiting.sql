-- Jobs that have waited too long, and still wait. Index waiting_deadline_at, then the places by
-- job. A pending job is in no queue, so it waits for nothing.
SELECT waiting_deadline.job_id FROM waiting_deadline
WHERE expires_at <= :now
    AND (EXISTS (SELECT 1 FROM ready WHERE ready.job_id = waiting_deadline.job_id)
        OR EXISTS (SELECT 1 FROM scheduled WHERE scheduled.job_id = waiting_deadline.job_id
            AND due_at < 9223372036854775807))
ORDER BY expires_at
LIMIT :limit
