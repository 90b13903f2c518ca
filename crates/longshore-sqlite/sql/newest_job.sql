-- The newest job. By primary key, from its end.
SELECT max(id) FROM job
