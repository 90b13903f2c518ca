-- The leases that a worker may continue: those that its dead or parted fellows left on its hosts, or on
-- none and of its queues; those whose host is gone, of its queues or its own; and its own that it asks
-- for again by their tokens. A host that answers the worker itself is not gone, though nobody could say
-- that it was seen while the database was away. Workers, queues, hosts and jobs by primary key; leases are few.
SELECT lease.job_id, lease.attempt, lease.token, lease.worker_id, lease.queue_id, lease.lane,
    lease.tries, lease.losses, lease.claimed_at, lease.started_at, lease.host_id, lease.handle,
    lease.boot_id, lease.cancel_requested_at IS NOT NULL AS cancel_requested,
    lease.worker_id <> me.id AND coalesce(other.stopped_at IS NULL, 1) AS is_orphan,
    lease.orphaned, is_gone, job.spec, job.idem_key
FROM worker AS me
JOIN (
    SELECT lease.*,
        coalesce((host.forgotten_at IS NOT NULL
                OR queue.on_host_lost = 'retry' AND host.last_seen_at < :unseen_since)
            AND NOT (host.problem IS NULL AND host.id IN (SELECT value FROM
                json_each((SELECT host_ids FROM worker WHERE id = :worker)))), 0) AS is_gone
    FROM lease
    JOIN queue ON queue.id = lease.queue_id
    LEFT JOIN host ON host.id = lease.host_id
) AS lease
LEFT JOIN worker AS other ON other.id = lease.worker_id
LEFT JOIN job ON job.id = lease.job_id
WHERE me.id = :worker
    AND CASE
        WHEN lease.worker_id = me.id THEN
            is_gone OR lease.token IN (SELECT value FROM json_each(:again))
        WHEN other.id IS NULL OR other.fenced OR other.stopped_at IS NOT NULL THEN
            lease.host_id IN (SELECT value FROM json_each(me.host_ids))
            OR (lease.host_id IS NULL OR is_gone)
                AND lease.queue_id IN (SELECT value FROM json_each(me.queue_ids))
        ELSE 0
    END
ORDER BY lease.job_id
LIMIT :want
