-- Replaces the hosts that a worker launches on. By primary key.
UPDATE worker SET host_ids = :host_ids WHERE id = :worker
