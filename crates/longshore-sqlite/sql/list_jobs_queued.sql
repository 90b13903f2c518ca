-- Ids of queued jobs, newest first of each kind, before a cursor. Index ready_job, and scheduled
-- by primary key.
SELECT job_id FROM (
    SELECT job_id FROM ready
    WHERE reason <> 'retry' AND job_id < :before
    ORDER BY job_id DESC LIMIT :count)
UNION ALL
SELECT job_id FROM (
    SELECT job_id FROM scheduled
    WHERE reason NOT IN ('retry', 'pending', 'held') AND job_id < :before
    ORDER BY job_id DESC LIMIT :count)
