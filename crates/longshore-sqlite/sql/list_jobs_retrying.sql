-- Ids of jobs that wait for another attempt, newest first of each kind, before a cursor. Indexes
-- ready_retry and scheduled_retry.
SELECT job_id FROM (
    SELECT job_id FROM ready
    WHERE reason = 'retry' AND job_id < :before
    ORDER BY job_id DESC LIMIT :count)
UNION ALL
SELECT job_id FROM (
    SELECT job_id FROM scheduled
    WHERE reason = 'retry' AND job_id < :before
    ORDER BY job_id DESC LIMIT :count)
