-- Ids of jobs that ended in a state, newest first, before a cursor. Index settled_state.
SELECT job_id FROM settled
WHERE state = :state AND job_id < :before
ORDER BY job_id DESC LIMIT :count
