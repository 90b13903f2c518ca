-- Every lease of a worker. Locks: none. No index on the worker: every acquisition would pay for it,
-- and the table holds no more rows than there are live containers.
SELECT job_id, attempt, token, acquire_no, takeovers > 0 AS is_taken_over FROM lease WHERE worker_id = $1 ORDER BY job_id
