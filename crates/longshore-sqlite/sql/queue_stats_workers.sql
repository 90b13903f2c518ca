-- The workers alive that serve a queue: how many, how many of them drain, and the slots and leases
-- of those that don't. Index worker_open.
SELECT count(*) AS workers,
    coalesce(sum(draining), 0) AS draining,
    coalesce(sum(CASE WHEN draining THEN 0 ELSE capacity END), 0) AS capacity,
    coalesce(sum(CASE WHEN draining THEN 0 ELSE
        (SELECT count(*) FROM lease WHERE lease.worker_id = worker.id) END), 0) AS live
FROM worker
WHERE stopped_at IS NULL AND fenced = 0 AND heartbeat_at + lease_ttl_micros > :now
    AND EXISTS (SELECT 1 FROM json_each(worker.queue_ids) WHERE value = :queue)
