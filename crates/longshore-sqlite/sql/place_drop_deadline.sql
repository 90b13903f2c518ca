-- A job that is pending or has ended waits for nothing.
DELETE FROM waiting_deadline WHERE job_id = :job
