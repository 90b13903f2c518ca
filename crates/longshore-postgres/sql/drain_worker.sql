-- The worker acquires nothing more. Locks: the worker's row. Index: worker_pkey.
UPDATE worker SET draining = true WHERE id = $1 AND NOT draining
