-- Ids of jobs in any state, newest first, before a cursor. By primary key.
SELECT id AS job_id FROM job
WHERE id < :before
ORDER BY id DESC LIMIT :count
