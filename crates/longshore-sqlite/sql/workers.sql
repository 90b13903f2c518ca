-- Workers, newest first. Of the past too with :all; else those that may be alive (index
-- worker_open), of which the caller is told which are.
SELECT id, name, hostname, pid, version, capacity, started_at, heartbeat_at, stopped_at, draining,
    fenced, lease_ttl_micros, host_ids,
    (SELECT json_group_array(queue.name ORDER BY queue.name) FROM queue
        WHERE queue.id IN (SELECT value FROM json_each(worker.queue_ids))) AS queues,
    (SELECT count(*) FROM lease WHERE lease.worker_id = worker.id) AS live
FROM worker
WHERE :all OR stopped_at IS NULL AND fenced = 0 AND heartbeat_at + lease_ttl_micros > :now
ORDER BY id DESC
LIMIT 1000
