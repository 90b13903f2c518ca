-- Ids of jobs in any state, newest first, before a cursor. By primary key.
SELECT id AS job_id FROM job
WHERE id < :before AND (:queue IS NULL OR queue_id = :queue)
ORDER BY id DESC LIMIT :count
