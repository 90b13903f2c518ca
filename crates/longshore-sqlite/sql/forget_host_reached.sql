-- A worker that is alive and reaches the host, if the host answers. Index: worker_open.
SELECT worker.id FROM worker JOIN host ON host.id = :host
WHERE stopped_at IS NULL AND fenced = 0 AND heartbeat_at + lease_ttl_micros > :now
    AND host.problem IS NULL
    AND host.id IN (SELECT value FROM json_each(worker.host_ids))
ORDER BY worker.id LIMIT 1
