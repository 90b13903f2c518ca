-- The hosts of the workers alive, and not draining, that serve a queue. By index worker_open.
SELECT DISTINCT named.value
FROM worker, json_each(worker.host_ids) AS named
WHERE stopped_at IS NULL AND fenced = 0 AND draining = 0
    AND heartbeat_at + lease_ttl_micros > :now
    AND EXISTS (SELECT 1 FROM json_each(worker.queue_ids) AS served WHERE served.value = :queue)
