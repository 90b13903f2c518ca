-- A worker acquires nothing more. By primary key.
UPDATE worker SET draining = 1 WHERE id = :worker
