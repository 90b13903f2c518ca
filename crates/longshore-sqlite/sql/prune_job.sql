-- Takes a job away; its key may be used again. By primary key.
DELETE FROM job WHERE id = :job
