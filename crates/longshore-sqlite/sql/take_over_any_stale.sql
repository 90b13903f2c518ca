-- Whether a take-over would do anything, by a snapshot: a worker's time is over, or one is gone and has
-- leases, or a host is gone that has some. Leases are few, and read whole.
SELECT EXISTS (
    SELECT 1 FROM worker
    WHERE stopped_at IS NULL AND fenced = 0 AND id <> :worker
        AND heartbeat_at + lease_ttl_micros <= :now
) OR EXISTS (
    SELECT 1 FROM lease
    JOIN queue ON queue.id = lease.queue_id
    LEFT JOIN worker ON worker.id = lease.worker_id
    LEFT JOIN host ON host.id = lease.host_id
    WHERE worker.id IS NULL OR worker.fenced OR worker.stopped_at IS NOT NULL
        OR host.forgotten_at IS NOT NULL
        OR queue.on_host_lost = 'retry' AND host.last_seen_at < :unseen_since
)
