-- Replaces the hosts that a worker launches on, and the queues that it serves. By primary key.
UPDATE worker SET host_ids = :host_ids, queue_ids = :queue_ids WHERE id = :worker
