-- Ids of pending jobs, newest first, before a cursor. Index scheduled_pending.
SELECT job_id FROM scheduled
WHERE reason IN ('pending', 'held') AND job_id < :before
ORDER BY job_id DESC LIMIT :count
