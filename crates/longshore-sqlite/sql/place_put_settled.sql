-- A job ends. The key refuses a second end.
INSERT INTO settled (job_id, at, queue_id, attempt, exit_code, state)
VALUES (:job, :now, :queue, :attempt, :exit_code, :state)
