-- Leases whose worker is stopped, fenced, silent or gone, by job. Reads every lease: there are as many
-- as containers run. Workers by primary key.
SELECT lease.job_id, queue.name AS queue, queue.max_concurrent IS NOT NULL AS is_limited
FROM lease JOIN queue ON queue.id = lease.queue_id
WHERE NOT EXISTS (
    SELECT 1 FROM worker
    WHERE worker.id = lease.worker_id AND stopped_at IS NULL AND NOT fenced
        AND heartbeat_at + lease_ttl_micros > :now)
ORDER BY lease.job_id
