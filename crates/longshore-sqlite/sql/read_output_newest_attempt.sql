-- A job's newest attempt that ended. By primary key, from its end.
SELECT max(attempt) FROM attempt WHERE job_id = :job
