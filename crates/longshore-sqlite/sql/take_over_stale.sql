-- Fences workers that were not heard of within their time. Index: worker_open.
UPDATE worker SET fenced = 1
WHERE stopped_at IS NULL AND fenced = 0 AND id <> :worker AND heartbeat_at + lease_ttl_micros <= :now
