-- Ids of jobs whose container runs, newest first, before a cursor. By primary key.
SELECT job_id FROM lease
WHERE started_at IS NOT NULL AND job_id < :before
ORDER BY job_id DESC LIMIT :count
