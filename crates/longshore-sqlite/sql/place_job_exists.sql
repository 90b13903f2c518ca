-- Whether there is such a job. By primary key.
SELECT EXISTS (SELECT 1 FROM job WHERE id = :job)
