-- What was asked for. By primary key.
SELECT spec FROM job WHERE id = :job
