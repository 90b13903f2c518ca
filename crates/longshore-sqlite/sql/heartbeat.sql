-- A sign of life; no row once the worker is fenced. By primary key.
UPDATE worker SET heartbeat_at = :now WHERE id = :worker AND fenced = 0 RETURNING draining
