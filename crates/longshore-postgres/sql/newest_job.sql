-- The newest job. Locks: none. Index: job_pkey, its last entry.
SELECT max(id) AS id FROM job
