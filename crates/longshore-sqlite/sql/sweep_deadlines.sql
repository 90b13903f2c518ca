-- Takes away what was noted of jobs that wait no more. Index waiting_deadline_at.
DELETE FROM waiting_deadline WHERE job_id IN (
    SELECT late.job_id FROM waiting_deadline AS late
    WHERE late.expires_at <= :now
        AND NOT EXISTS (SELECT 1 FROM ready WHERE ready.job_id = late.job_id)
        AND NOT EXISTS (SELECT 1 FROM scheduled WHERE scheduled.job_id = late.job_id
            AND due_at < 9223372036854775807)
    ORDER BY late.expires_at
    LIMIT :limit)
