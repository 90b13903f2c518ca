-- Ends a lease, which finish_lease found in the same transaction. By primary key.
DELETE FROM lease WHERE job_id = :job
