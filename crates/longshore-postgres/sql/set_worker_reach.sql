-- Replaces the hosts that a worker launches on, and the queues that it serves. No row if there is
-- none such.
-- Locks: the worker's row. Index: worker_pkey.
UPDATE worker SET host_ids = $2, queue_ids = $3 WHERE id = $1 RETURNING id
