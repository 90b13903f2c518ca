-- Ids of jobs whose container was not seen running yet, newest first, before a cursor. By primary
-- key; there are as many leases as containers.
SELECT job_id FROM lease
WHERE started_at IS NULL AND job_id < :before
ORDER BY job_id DESC LIMIT :count
