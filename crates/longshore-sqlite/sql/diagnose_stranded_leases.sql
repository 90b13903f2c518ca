-- Leases whose worker is stopped, fenced, silent or gone, by job. Reads every lease: there are as many
-- as containers run. Workers and hosts by primary key.
SELECT lease.job_id, queue.name AS queue, queue.max_concurrent IS NOT NULL AS is_limited,
    worker.name || ' on ' || worker.hostname AS worker, host.name AS host, worker.heartbeat_at
FROM lease JOIN queue ON queue.id = lease.queue_id
    LEFT JOIN worker ON worker.id = lease.worker_id
    LEFT JOIN host ON host.id = lease.host_id
WHERE worker.id IS NULL OR worker.stopped_at IS NOT NULL OR worker.fenced
    OR worker.heartbeat_at + worker.lease_ttl_micros <= :now
ORDER BY lease.job_id
