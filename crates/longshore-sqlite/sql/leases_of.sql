-- The leases of a worker. Reads every lease: there are as many as containers run, and an index on
-- what a take-over changes would cost every acquisition.
SELECT job_id, attempt, token, acquire_no, takeovers > 0 AS is_taken_over
FROM lease WHERE worker_id = :worker ORDER BY job_id
