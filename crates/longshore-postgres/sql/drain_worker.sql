-- The worker acquires nothing more; no row if there is none such. Locks: the worker's row. Index: worker_pkey.
UPDATE worker SET draining = true WHERE id = $1 RETURNING id
