-- What was asked for, of these jobs. Locks: none; a job's row never changes. Index: job_pkey.
SELECT id, idem_key, spec::text AS spec FROM job WHERE id = ANY ($1)
