-- The job that has an idempotency key. Index job_idem_key.
SELECT id, spec FROM job WHERE idem_key = :key
