-- The priority that was asked for. By primary key.
SELECT priority FROM job WHERE id = :job
